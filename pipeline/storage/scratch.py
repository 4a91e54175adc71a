"""Images of a split that are changed as a whole, in arrays that may be larger than the memory."""

from __future__ import annotations

import math
import os
import tempfile

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pipeline.resizing import Sides, resize
from pipeline.storage.paths import RESUME

MOST_IN_MEMORY = 256 << 20
"""Bytes up to which an array is kept in memory."""
_BLOCK = 256


def scratch_array(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
    """Return an uninitialized array; a large one lies in a file without a name.

    The system writes its pages to the disk when memory is short, and frees the disk when the array
    is freed or the process ends.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size <= MOST_IN_MEMORY:
        return np.empty(shape, dtype)
    # Not in the system's folder for temporary files, which may itself be in memory.
    RESUME.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=RESUME) as stream:
        if hasattr(os, "posix_fallocate"):
            # Otherwise a full disk would end the process with SIGBUS when pages are written.
            os.posix_fallocate(stream.fileno(), 0, size)
        return np.memmap(stream, dtype, "w+", shape=shape)


class ImageStore:
    """Images of one shape by name, while the others are still being decoded.

    Many of them are written to a file without a name instead of being held in memory.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape, self._size = shape, math.prod(shape)
        self._places: dict[str, int] = {}
        self._file = tempfile.SpooledTemporaryFile(MOST_IN_MEMORY, "w+b", dir=str(RESUME))  # noqa: SIM115

    def add(self, name: str, image: NDArray[np.uint8]) -> None:
        """Keep an image."""
        end = len(self._places) * self._size
        if end + self._size > MOST_IN_MEMORY:
            RESUME.mkdir(parents=True, exist_ok=True)
        self._file.seek(end)
        self._file.write(np.ascontiguousarray(image, dtype=np.uint8).tobytes())
        self._places[name] = end

    def read(self, name: str) -> NDArray[np.uint8]:
        """Return an image that was added."""
        self._file.seek(self._places[name])
        return np.frombuffer(self._file.read(self._size), np.uint8).reshape(self.shape)


def resized_images(images: NDArray[np.uint8], sides: Sides) -> NDArray[np.uint8]:
    """Resize (n, height, width, channels) uint8 as `resize` does, one image after the other.

    Images of these sides are returned as they are. Others become a new array, which lies on the
    disk if it is large (`scratch_array`).
    """
    if tuple(images.shape[1:3]) == sides:
        return images
    found = scratch_array((len(images), *sides, images.shape[3]), np.uint8)
    for index, image in enumerate(images):
        found[index] = resize(np.ascontiguousarray(image), sides)
    return found


def mirrored_images(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the left-right mirror images of (n, height, width, channels) uint8, contiguous."""
    found = scratch_array(images.shape, np.uint8)
    for start in range(0, len(images), _BLOCK):
        here = slice(start, start + _BLOCK)
        found[here] = images[here, :, ::-1]
    return found
