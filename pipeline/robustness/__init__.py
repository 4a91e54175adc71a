"""Image corruptions, and the scores of stored runs on corrupted images."""
