"""What the machine lacks or refuses, told in one line: memory, disk space, permissions, open files.

Such errors come as many classes, from Python, NumPy, TensorFlow, OpenCV and HDF5, some of which
wrap each other. `explain` finds the cause in the chain of an exception. No other
library is imported, so that this also works where an import is what failed.
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
"""It decides how a stage fails, not what one leaves that does not; see `pipeline.fingerprints`."""
MEMORY_ERRORS = ("MemoryError", "ResourceExhaustedError", "OutOfMemoryError")
"""Class names: of Python and NumPy, of TensorFlow, of torch."""
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
}
"""Stage -> options in params.yaml that make it need less memory."""
GOES_ON = "then give the same command again: what is finished is kept"


def explain(error: BaseException | None, task: str) -> str | None:
    """Return what the machine lacked or refused and what to do, or None if that was not the cause.

    Args:
        error: an exception as it was caught; what it was raised from, and what was being handled
            when it was raised, is looked at too.
        task: what was being done: a stage's name, perhaps with that of its run.
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
    """Return whether an exception says that the machine lacks or refuses something.

    Code that takes any exception for a damaged file has to let these pass.
    """
    return explain(error, "") is not None


def is_memory_error(error: BaseException) -> bool:
    """Return whether one exception, of whatever library, says that memory is full."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if _is_told(error) or isinstance(error, (ValueError, TypeError, LookupError)):
        return False  # their words may be those of a person
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & set(MEMORY_ERRORS)) or _says(error, MEMORY_WORDS)


def is_disk_error(error: BaseException) -> bool:
    """Return whether one exception, of whatever library, says that the disk is full."""
    if isinstance(error, OSError):
        # NumPy's `tofile` counts, and gives no number of an error.
        short = error.errno is None and " requested and " in str(error)
        return error.errno in FULL or short or _says(error, DISK_WORDS)
    return not _is_told(error) and _says(error, DISK_WORDS)


def memory() -> tuple[int | None, int]:
    """Return the bytes of memory that are free, None where nothing tells, and that there are."""
    return host_memory.available(), os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def need_less(task: str) -> str:
    """Return what makes a stage need less memory, as the end of a message."""
    options = SMALLER.get(task.split(" ")[0], "a dataset.limit")
    return f"Close other programs, or set {options} in params.yaml; {GOES_ON}"


# --- where to look -------------------------------------------------------------------------------


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Give an exception, its causes, and what was being handled when each was raised."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if not _is_told(error):
            yield error
        error = error.__cause__ or error.__context__


def _is_told(error: BaseException) -> bool:
    """Return whether an error was worded for people; its words are no sign of what it is."""
    return "StudyError" in {kind.__name__ for kind in type(error).__mro__}


def _says(error: BaseException, words: tuple[str, ...]) -> bool:
    return any(word in str(error) for word in words)


def _notes(error: BaseException | None) -> str:
    """Return what `atomic` has noted on its way: which file was being written."""
    notes = [note for each in _chain(error) for note in getattr(each, "__notes__", ())]
    return next((f" while {note}" for note in notes if note.startswith("writing ")), "")


def _where(error: BaseException, whole: BaseException | None) -> Path:
    """Return the file that an error is about, or the working directory."""
    noted = _notes(whole).removeprefix(" while writing ").rpartition(" (")[0]
    named = noted or getattr(error, "filename", None)
    return Path(os.fsdecode(named)) if isinstance(named, (str, bytes)) and named else Path()


def _folder(path: Path) -> Path:
    """Return the nearest folder that exists, absolute."""
    path = path.absolute()
    return next(each for each in (path, *path.parents) if each.is_dir())


# --- what to say ---------------------------------------------------------------------------------


def _memory(error: BaseException, whole: BaseException | None, task: str) -> str:
    free, total = memory()
    # NumPy's error says what it was for.
    shape, dtype = getattr(error, "shape", None), getattr(error, "dtype", None)
    itemsize = getattr(dtype, "itemsize", None)
    needed = ""
    if isinstance(shape, tuple) and isinstance(itemsize, int):
        n = math.prod(shape) * itemsize
        needed = f": an array {shape} of {dtype} needs {byte_size(n)}"
    elif said := str(error).strip():
        needed = f": {said.splitlines()[0][:160]}"
    left = f"; {byte_size(free)} of {byte_size(total)} are free now" if free is not None else ""
    return f"{task}: the memory is full{_notes(whole)}{needed}{left}. {need_less(task)}"


def _disk(error: BaseException, whole: BaseException | None, task: str) -> str:
    folder = _folder(_where(error, whole))
    if _says(error, DISK_WORDS[-1:]):
        reason = f"no folder for temporary files can be written ({str(error)[:200]})"
    elif isinstance(error, OSError) and error.errno == errno.EDQUOT:
        reason = "the disk quota is used up"
    else:
        reason = "the disk is full"
    free = shutil.disk_usage(folder).free
    return (
        f"{task}: {reason}{_notes(whole)}; {byte_size(free)} are free in {folder} now that "
        "unfinished files are removed. Make room on that disk (`dvc gc --workspace` removes from "
        f"the cache what the study no longer uses), {GOES_ON}"
    )


def _read_only(error: OSError, whole: BaseException | None) -> str:
    return (
        f"{_folder(_where(error, whole))} is on a read-only disk{_notes(whole)}. Work in a copy of "
        "the project on a disk that can be written, or mount this one so"
    )


def _no_permission(error: OSError, whole: BaseException | None) -> str:
    path = _where(error, whole)
    try:
        status = (path if path.exists() else _folder(path)).stat()
        owner = f" (mode {stat.filemode(status.st_mode)}, owner {status.st_uid}"
        owner += f"; this runs as {os.geteuid()})" if hasattr(os, "geteuid") else ")"
    except OSError:
        owner = ""
    return (
        f"no permission to use {path}{owner}: {error.strerror}{_notes(whole)}. Change that with "
        "chmod or chown, or move the project to a folder of your own"
    )


def _too_many_files(error: OSError, whole: BaseException | None) -> str:
    return f"too many files are open ({error.strerror}). Raise the limit, as with: ulimit -n 4096"


def _broken_disk(error: OSError, whole: BaseException | None) -> str:
    return (
        f"the disk of {_folder(_where(error, whole))} fails ({error.strerror}){_notes(whole)}. "
        "Look at the disk, or work on another"
    )


def _file_too_large(error: OSError, whole: BaseException | None) -> str:
    return (
        f"a file is larger than allowed{_notes(whole)}. Raise the limit, as with: "
        "ulimit -f unlimited; or use a disk with another file system"
    )


_OTHERS = {
    errno.EROFS: _read_only,
    **dict.fromkeys(REFUSED, _no_permission),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), _too_many_files),
    errno.EIO: _broken_disk,
    errno.EFBIG: _file_too_large,
}
