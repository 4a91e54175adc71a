"""Statistics of classifiers, pure: arrays in, named results out. Nothing here knows of runs.

Functions import scikit-learn, statsmodels and parts of SciPy when they are called: `report` imports
the records of columns, and with them this package, but computes nothing.
"""
