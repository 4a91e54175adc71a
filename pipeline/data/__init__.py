"""Datasets, one file each, and the splits that every run shares."""
