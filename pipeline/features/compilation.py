"""Compilation of the inner loops of extractors to machine code, by numba.

Importing numba takes a third of a second, and compiling one loop up to a second. So modules with
compiled loops are imported where pixels are turned into features, as Keras is; a function is
compiled when it is first called; and numba stores the machine code in ``__pycache__`` beside the
source, or, if that folder is read-only, in the user's cache folder (``NUMBA_CACHE_DIR`` overrides
both).

A function has a single signature. With several, two processes that compile different ones at the
same time could store one under the other's name. Other argument types are an error.

A stored function is compiled again when its own file changes, but not when a function or a constant
that its file imports does. So a file with compiled functions imports nothing else of the project.
(After an edit of the options here, remove the ``*.nbi`` files in ``__pycache__``.)
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

import numba

_LOCK = threading.Lock()


def compiled(*arguments: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile a function with arguments of these types of numba, when it is first called.

    It runs without Python's global lock, so that threads run side by side. Sums are added in the
    order of the source, and without fused operations unless a function says so, so that results
    do not depend on the processor.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        dispatcher = _dispatcher(function)

        @wraps(function)
        def call(*values: Any) -> Any:
            with _LOCK:
                if not dispatcher.signatures:
                    dispatcher.compile(arguments)
                    dispatcher.disable_compile()
            return dispatcher(*values)

        return call

    return decorate


def inlined(*, fused: bool = False) -> Callable[[Any], Any]:
    """Make a function callable from compiled functions of its module.

    Args:
        fused: multiply and add in one operation with one rounding, on processors that can.
    """
    math = {"contract"} if fused else False
    options = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # no other callers
    return numba.njit(nogil=True, error_model="numpy", fastmath=math, **options)


def _dispatcher(function: Callable[..., Any]) -> Any:
    options = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # neither folder can be written: each process compiles
        return numba.njit(**options)(function)
