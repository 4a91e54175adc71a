"""Learned patches: a k-means dictionary and its codes."""
