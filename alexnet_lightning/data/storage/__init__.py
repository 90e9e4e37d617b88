"""Where the images lie: files, packs, archives; how they are decoded."""
