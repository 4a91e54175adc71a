"""Feature extractors: each turns an image into one vector."""
