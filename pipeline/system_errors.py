"""One-line explanations of system errors: memory, disk space, permissions, open files.

Python, NumPy, TensorFlow, OpenCV and HDF5 raise such errors as many classes, some of which wrap
others. `explain` finds the cause in the chain of an exception. This module imports no third-party
library, so that it also works when an import is what failed.
"""

from __future__ import annotations

import errno
import math
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from pipeline import host_memory
from pipeline.host_memory import byte_size

AFFECTS_OUTPUTS = False
"""It decides how a stage fails, not what a successful one writes; see `pipeline.fingerprints`."""
MEMORY_ERRORS = ("MemoryError", "ResourceExhaustedError", "OutOfMemoryError")
"""Class names in Python and NumPy, in TensorFlow, and in torch."""
MEMORY_WORDS = (
    "std::bad_alloc",
    "bad allocation",
    "RESOURCE_EXHAUSTED",
    "OOM when allocating",
    "out of memory",
    "Out of memory",
    "Insufficient memory",  # OpenCV
    "Failed to allocate",
    "Cannot allocate memory",
    "can't start new thread",
)
DISK_WORDS = (
    "No space left on device",
    "Disk quota exceeded",
    "database or disk is full",
    "No usable temporary directory found",
)
FULL = (errno.ENOSPC, errno.EDQUOT)
REFUSED = (errno.EACCES, errno.EPERM)
SMALLER = {
    "prepare": "a smaller dataset.size, or a dataset.limit",
    "featurize": "a dataset.limit, or options that give fewer numbers per image",
    "train_classical": "fewer feature sets, pca: 256, or a dataset.limit",
    "train_deep": "a smaller batch_size, width or image_size",
    "corrupt": "a smaller limit of this run under corrupt",
    "sample_size": "smaller sizes under sample_size, or what needs less in the run itself",
}
"""Stage -> options in params.yaml that reduce its memory use."""
GOES_ON = "then run the same command again: finished work is kept"


def explain(error: BaseException | None, task: str) -> str | None:
    """Return what the system lacked or refused and what to do, or None if that was not the cause.

    Args:
        error: the exception that was caught; its causes and contexts are examined too.
        task: what was being done: the name of a stage, followed by that of its run if it has one.
    """
    for each in _chain(error):
        if is_memory_error(each):
            return _memory(each, error, task)
        if is_disk_error(each):
            return _disk(each, error, task)
        if isinstance(each, OSError) and each.errno in _OTHERS:
            return f"{task}: {_OTHERS[each.errno](each, error)}"
    return None


def is_shortage(error: BaseException) -> bool:
    """Return whether an exception says that the system lacks or refuses something.

    Code that treats any exception as a sign of a damaged file must not catch these.
    """
    return explain(error, "") is not None


def is_memory_error(error: BaseException) -> bool:
    """Return whether one exception, from any library, says that memory ran out."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if _is_study_error(error) or isinstance(error, (ValueError, TypeError, LookupError)):
        return False  # their text may quote the user's input
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & set(MEMORY_ERRORS)) or _says(error, MEMORY_WORDS)


def is_disk_error(error: BaseException) -> bool:
    """Return whether one exception, from any library, says that the disk is full."""
    if isinstance(error, OSError):
        # NumPy's `tofile` compares counts, and gives no errno.
        short = error.errno is None and " requested and " in str(error)
        return error.errno in FULL or short or _says(error, DISK_WORDS)
    return not _is_study_error(error) and _says(error, DISK_WORDS)


def memory() -> tuple[int | None, int]:
    """Return the available memory in bytes, None if unknown, and the total."""
    return host_memory.available(), os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def memory_advice(task: str) -> str:
    """Return how to make a stage need less memory, as the end of a message."""
    options = SMALLER.get(task.split(" ")[0], "a dataset.limit")
    return f"Close other programs, or set {options} in params.yaml; {GOES_ON}"


# --- finding the cause ---------------------------------------------------------------------------


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception, its causes, and what was being handled when each was raised."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if not _is_study_error(error):
            yield error
        error = error.__cause__ or error.__context__


def _is_study_error(error: BaseException) -> bool:
    """Return whether an error is a `StudyError`, whose words say nothing about its cause."""
    return "StudyError" in {kind.__name__ for kind in type(error).__mro__}


def _says(error: BaseException, words: tuple[str, ...]) -> bool:
    return any(word in str(error) for word in words)


def _notes(error: BaseException | None) -> str:
    """Return the note that `atomic` added: which file was being written."""
    notes = [note for each in _chain(error) for note in getattr(each, "__notes__", ())]
    return next((f" while {note}" for note in notes if note.startswith("writing ")), "")


def _where(error: BaseException, whole: BaseException | None) -> Path:
    """Return the file that an error concerns, or the working directory."""
    noted = _notes(whole).removeprefix(" while writing ").rpartition(" (")[0]
    named = noted or getattr(error, "filename", None)
    return Path(os.fsdecode(named)) if isinstance(named, (str, bytes)) and named else Path()


def _folder(path: Path) -> Path:
    """Return the nearest existing folder, as an absolute path."""
    path = path.absolute()
    return next(each for each in (path, *path.parents) if each.is_dir())


# --- messages ------------------------------------------------------------------------------------


def _memory(error: BaseException, whole: BaseException | None, task: str) -> str:
    free, total = memory()
    # NumPy's error knows the array that did not fit.
    shape, dtype = getattr(error, "shape", None), getattr(error, "dtype", None)
    itemsize = getattr(dtype, "itemsize", None)
    needed = ""
    if isinstance(shape, tuple) and isinstance(itemsize, int):
        n = math.prod(shape) * itemsize
        needed = f": an array {shape} of {dtype} needs {byte_size(n)}"
    elif said := str(error).strip():
        needed = f": {said.splitlines()[0][:160]}"
    left = f"; {byte_size(free)} of {byte_size(total)} are free now" if free is not None else ""
    return f"{task}: out of memory{_notes(whole)}{needed}{left}. {memory_advice(task)}"


def _disk(error: BaseException, whole: BaseException | None, task: str) -> str:
    folder = _folder(_where(error, whole))
    if _says(error, DISK_WORDS[-1:]):
        reason = f"found no writable folder for temporary files ({str(error)[:200]})"
    elif isinstance(error, OSError) and error.errno == errno.EDQUOT:
        reason = "the disk quota is exceeded"
    else:
        reason = "the disk is full"
    free = shutil.disk_usage(folder).free
    return (
        f"{task}: {reason}{_notes(whole)}; {byte_size(free)} are free in {folder} after removing "
        "unfinished files. Free space on that disk (`dvc gc --workspace` removes from the cache "
        f"what the study no longer uses), {GOES_ON}"
    )


def _read_only(error: OSError, whole: BaseException | None) -> str:
    return (
        f"{_folder(_where(error, whole))} is on a read-only disk{_notes(whole)}. Copy the project "
        "to a writable disk, or remount this one as writable"
    )


def _no_permission(error: OSError, whole: BaseException | None) -> str:
    path = _where(error, whole)
    try:
        status = (path if path.exists() else _folder(path)).stat()
        owner = f" (mode {stat.filemode(status.st_mode)}, owner {status.st_uid}"
        owner += f"; this process runs as {os.geteuid()})" if hasattr(os, "geteuid") else ")"
    except OSError:
        owner = ""
    return (
        f"no permission to access {path}{owner}: {error.strerror}{_notes(whole)}. Grant access "
        "with chmod or chown, or move the project to a folder that you own"
    )


def _too_many_files(error: OSError, whole: BaseException | None) -> str:
    return f"too many open files ({error.strerror}). Raise the limit, for example: ulimit -n 4096"


def _broken_disk(error: OSError, whole: BaseException | None) -> str:
    return (
        f"the disk of {_folder(_where(error, whole))} is failing ({error.strerror})"
        f"{_notes(whole)}. Check the disk, or work on another one"
    )


def _file_too_large(error: OSError, whole: BaseException | None) -> str:
    return (
        f"a file is larger than allowed{_notes(whole)}. Raise the limit, for example: "
        "ulimit -f unlimited; or use a disk with another file system"
    )


_OTHERS = {
    errno.EROFS: _read_only,
    **dict.fromkeys(REFUSED, _no_permission),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), _too_many_files),
    errno.EIO: _broken_disk,
    errno.EFBIG: _file_too_large,
}
