"""Timings against common libraries, measured together in one run: `make bench`.

There is one file per subject, with a function `rows()` that returns a list of `measure.Row`;
`__main__` lists the subjects. pytest does not collect these files.
"""
