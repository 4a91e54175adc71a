"""Fingerprints of the code that each stage runs: the modules it imports, each with a hash.

Modules are parsed, not imported, and imports inside functions count. What the imports do not show,
a module declares in constants, which are read from its source:

* ``COMPUTED_IMPORTS``: imports by computed names. ``"pipeline.analyses.*.table"`` means every such
  module; ``"{features}"`` means the module of each method of that kind in params.yaml, and
  ``"{features}_drawing"`` the module beside it, if there is one.
* ``FILES_READ``: files beside the module that it reads, such as ``"templates/*"``.
* ``KEEPS_ERROR_TEXTS = True``: the texts of errors that it catches end up in a stage's outputs, so
  the error texts in the modules that it imports count.
* ``AFFECTS_OUTPUTS = False``: the module never changes a stage's outputs; it writes to the
  terminal, or supervises the process. It is left out, along with modules that only such modules
  import, and so are the texts passed to its functions.
"""
