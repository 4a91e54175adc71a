"""Reading images from folders, archives and downloads, each checked before it is used."""
