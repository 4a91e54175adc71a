"""A fair study of hand-made features with SVMs beside convolutional networks."""
