"""Training a network, resumable at every epoch."""
