"""Local binary patterns."""
