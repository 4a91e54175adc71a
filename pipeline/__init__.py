"""A fair comparison of hand-crafted features and SVMs with convolutional networks."""
