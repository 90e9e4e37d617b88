"""Image files, packed images, archives and downloads; the decoder of image files."""
