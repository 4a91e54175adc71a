"""Feature extractors, one file each: pixels in, one vector an image out."""
