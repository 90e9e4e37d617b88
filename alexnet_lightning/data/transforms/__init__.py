"""What happens to batches of images: crops, resizing, color noise, scaling; soft targets."""
