"""Training a network; it can resume after any epoch."""
