"""Classifiers over feature vectors, one file each, and how a run of one is trained."""
