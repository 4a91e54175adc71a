"""Color histograms."""
