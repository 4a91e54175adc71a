"""Classifiers of feature vectors, one file each, and the training of their runs."""
