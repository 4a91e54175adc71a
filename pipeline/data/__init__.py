"""Datasets, one file each, and the splits that all runs share."""
