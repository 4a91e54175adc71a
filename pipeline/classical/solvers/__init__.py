"""Solvers of linear and kernel machines."""
