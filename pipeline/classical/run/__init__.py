"""What a classical run does around its classifier."""
