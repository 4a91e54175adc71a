"""Sanity checks before a training."""
