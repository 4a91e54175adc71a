"""Which code each stage runs: the modules that it imports, each with a hash of what it does.

Modules are read, not imported, and imports inside functions are seen. What cannot be seen there, a
module says itself, in constants that are read from its source:

* ``COMPUTED_IMPORTS``: what it imports by a computed name. ``"pipeline.analyses.*.table"`` is every
  such module; ``"{features}"`` is the module of each method of that kind that params.yaml uses,
  and ``"{features}_drawing"`` the one beside it, where there is one.
* ``FILES_READ``: files beside it that it reads, such as ``"templates/*"``.
* ``KEEPS_ERROR_TEXTS = True``: the texts of errors that it catches end in what a stage leaves, so
  those in the modules that it imports count.
* ``AFFECTS_OUTPUTS = False``: whatever it does, a stage leaves the same; it writes to the terminal,
  or watches over the process. It is left out, with what only such modules import, and so are the
  texts that its functions are given.
"""
