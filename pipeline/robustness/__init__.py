"""Corruptions of images, and the scores that a stored run gives to corrupted ones."""
