"""What the machine lacks or refuses is recognized, whichever library says it."""

import errno
import io
import os
import re
import zipfile
from pathlib import Path

import cv2
import h5py
import joblib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.checks import StudyError
from pipeline.storage.files import atomic
from pipeline.system_errors import explain, is_shortage

FULL = Path("/dev/full")
"""A device on which no write finds room."""
NUMBERS = np.random.default_rng(0).random(40_000)


def as_npz():
    with FULL.open("wb") as stream:
        np.savez(stream, a=NUMBERS)


def as_npy():
    with FULL.open("wb") as stream:
        np.save(stream, NUMBERS)


def as_zip():
    with zipfile.ZipFile(FULL, "w") as file:
        file.writestr("a", NUMBERS.tobytes())


def as_hdf5():
    with h5py.File(FULL, "w") as file:
        file["a"] = NUMBERS


WRITERS = {
    "npy": as_npy,
    "npz": as_npz,
    "zip": as_zip,
    "hdf5": as_hdf5,
    "joblib": lambda: joblib.dump(NUMBERS, FULL),
    "csv": lambda: pd.DataFrame(NUMBERS).to_csv(FULL),
    "png": lambda: Image.fromarray((NUMBERS.reshape(200, 200) * 255).astype(np.uint8)).save(
        FULL, format="PNG"
    ),
    "text": lambda: FULL.write_text("a" * 100_000, encoding="utf-8"),
}


@pytest.mark.tried(
    "Disk", "a full disk under each format that is written", "one line with what is free, and why"
)
@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk(kind):
    with pytest.raises(OSError, match=r"(?i)no space left") as caught:
        WRITERS[kind]()
    reported = str(explain(caught.value, "train_deep lenet5"))
    assert re.match(r"train_deep lenet5: the disk is full; [\d.]+ .B are free in /", reported)
    assert "run the same command again" in reported
    assert "\n" not in reported


def error(kind, message="", base=Exception):
    return type(kind, (base,), {})(message)


@pytest.mark.tried(
    "Memory", "errors of NumPy, OpenCV, TensorFlow, JAX and torch", "one line with bytes, and why"
)
@pytest.mark.parametrize(
    "raised",
    [
        MemoryError(),
        error("ResourceExhaustedError", "OOM when allocating tensor with shape[4096,64]"),
        error("XlaRuntimeError", "RESOURCE_EXHAUSTED: Out of memory allocating", RuntimeError),
        error("OutOfMemoryError", "CUDA out of memory.", RuntimeError),
        RuntimeError("std::bad_alloc"),
        RuntimeError("can't start new thread"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
    ids=lambda each: f"{type(each).__name__} {each}"[:30],
)
def test_a_full_memory(raised):
    reported = str(explain(raised, "train_classical rbf"))
    assert reported.startswith("train_classical rbf: out of memory")
    assert "fewer feature sets" in reported
    assert "\n" not in reported


def test_the_bytes_that_numpy_and_opencv_wanted():
    with pytest.raises(MemoryError) as caught:
        np.empty((2**30, 2**20), dtype=np.float32)
    wanted = "an array (1073741824, 1048576) of float32 needs 4503600 GB"
    assert wanted in str(explain(caught.value, "prepare"))
    with pytest.raises(cv2.error) as caught:
        cv2.resize(np.zeros((10, 10), np.uint8), (2**20, 2**20))
    assert "Failed to allocate 1099511627776 bytes" in str(explain(caught.value, "prepare"))


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EROFS, "is on a read-only disk"),
        (errno.EACCES, "no permission to access there"),
        (errno.EPERM, "no permission to access there"),
        (errno.EMFILE, "too many open files"),
        (errno.EDQUOT, "the disk quota is exceeded"),
        (errno.EIO, "is failing (Input/output error)"),
        (errno.EFBIG, "a file is larger than allowed"),
    ],
)
def test_what_the_system_refuses(study_folder, number, message):
    raised = OSError(number, os.strerror(number), "there")
    reported = str(explain(raised, "report"))
    assert reported.startswith("report: ")
    assert message in reported
    assert reported.rstrip().count("\n") == 0


def test_the_file_that_was_being_written_is_named(study_folder):
    def write():
        with atomic(Path("runs/a/model.keras")) as temporary:
            temporary.write_bytes(bytes(1234))
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space") as caught:
        write()
    reported = str(explain(caught.value, "train_deep a"))
    assert "while writing runs/a/model.keras (1,234 bytes were written)" in reported
    assert f"free in {study_folder / 'runs/a'} " in reported


def raised_in_turn(first, second):
    """An error that was raised while another one was handled, as libraries do."""
    try:
        try:
            raise first
        except Exception:
            raise second from None
    except Exception as error:
        return error


def test_a_cause_that_a_library_has_wrapped():
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert is_shortage(raised_in_turn(full, ValueError("seek of closed file")))
    assert is_shortage(raised_in_turn(MemoryError(), StudyError("a.npy is damaged")))


@pytest.mark.parametrize(
    "raised",
    [
        ValueError("out of memory, says a message"),
        KeyError("out of memory"),
        StudyError("No space left on device"),
        FileNotFoundError(errno.ENOENT, "No such file", "there"),
        error("XlaRuntimeError", "INVALID_ARGUMENT: shapes differ", RuntimeError),
        io.UnsupportedOperation("not writable"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_all_else_is_not_explained(raised):
    assert explain(raised, "prepare") is None


def test_an_error_that_leads_back_to_itself():
    first, second = ValueError("a"), ValueError("b")
    first.__context__, second.__context__ = second, first
    assert explain(first, "prepare") is None
