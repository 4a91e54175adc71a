"""The search for the options of a network."""
