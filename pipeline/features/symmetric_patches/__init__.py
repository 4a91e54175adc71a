"""Image patches coded by a learned dictionary."""
