"""Reading images from folders, archives and downloads, with checks before use."""
