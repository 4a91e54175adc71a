"""Timings against the usual way, side by side in one run: `make bench`.

One file a subject, with a function `rows()` that returns a list of `measure.Row`; `__main__` lists
the subjects. pytest does not collect these files.
"""
