"""Solvers for linear and kernel machines."""
