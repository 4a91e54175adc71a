"""Everything that a classical run does around its classifier."""
