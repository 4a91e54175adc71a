"""The weights of VGG16's convolutions: read from a Keras file, downloaded, or random.

Names and shapes of the layers follow Simonyan and Zisserman (2015), table 1, column D. Files are
checked without Keras, so that a wrong file is found before anything is computed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import requests
from numpy.typing import NDArray

from pipeline.checks import StudyError, listing
from pipeline.storage.paths import INCOMING

if TYPE_CHECKING:
    import h5py

BLOCKS = ((1, 2, 64), (2, 2, 128), (3, 3, 256), (4, 3, 512), (5, 3, 512))
"""Table 1, column D: number of the block, number of 3×3 convolutions, filters of each."""
KERAS_FILE = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
KERAS_ADDRESS = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg16/{KERAS_FILE}"
KERAS_MD5 = "6d6bbae143d832006294945121d1f1fc"
"""The file that Keras downloads to ~/.keras/models for ``weights="imagenet"``: 58,889,256 bytes."""
IMAGENET_VALUES = "d9a27cc1fc7f975ef8cff49180e794ccd7c4bc868ebb49740803b3bbaa8dbefd"
"""The `values_digest` of ImageNet's weights. They identify them in a file of any layout."""

Weights = dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Layer -> kernel (3, 3, inputs, filters), in BGR order for the first layer; bias (filters,)."""


def layers_of_block(block: int) -> tuple[str, ...]:
    """Return the names of the convolutions of a block, from 1, and of its pooling."""
    count = BLOCKS[block - 1][1]
    return (*(f"block{block}_conv{i}" for i in range(1, count + 1)), f"block{block}_pool")


def kernel_shapes() -> dict[str, tuple[int, ...]]:
    """Return the kernel shape (3, 3, inputs, filters) of each convolution, by name."""
    shapes: dict[str, tuple[int, ...]] = {}
    inputs = 3
    for block, count, filters in BLOCKS:
        for index in range(1, count + 1):
            shapes[f"block{block}_conv{index}"] = (3, 3, inputs, filters)
            inputs = filters
    return shapes


def check_weights_file(path: Path) -> None:
    """Raise `StudyError` unless `path` is an HDF5 file with the 13 convolutions of VGG16.

    It reads only names and shapes, in milliseconds, without Keras. The file may contain the three
    fully connected layers; they are not used.
    """
    with _opened(path) as file:
        found = _variables(file)
        shapes = {layer: tuple(v.shape for v in found[layer].values()) for layer in found}
        expected = kernel_shapes()
        unknown = [name for name in shapes if name not in expected | dict.fromkeys(_TOP)]
        missing = [name for name in expected if name not in shapes]
        if missing or unknown:
            also = f" (not in VGG16: {listing(unknown, 3)})" if unknown and not missing else ""
            raise StudyError(
                f"{path} holds the weights of another network: found the layers "
                f"{listing(shapes, 6)}{also}; expected the 13 convolutions of VGG16: "
                f"{listing(expected, 4)}. {_REMEDY}"
            )
        for name, kernel in expected.items():
            if sorted(shapes[name], key=len) != [kernel[-1:], kernel]:
                raise StudyError(
                    f"{path} holds the weights of another network: found shapes "
                    f"{listing(shapes[name])} in {name}; expected {kernel} and {kernel[-1:]}. "
                    f"{_REMEDY}"
                )


def check_imagenet_weights() -> None:
    """Raise `StudyError` if ImageNet's weights are neither on this machine nor to be downloaded.

    This downloads nothing. Without it, a machine without a network would fail only after all other
    runs.
    """
    if _placed() or _cached():
        return
    try:
        requests.head(KERAS_ADDRESS, timeout=10).raise_for_status()
    except requests.RequestException as error:
        raise _no_weights(type(error).__name__) from None


def read_weights(path: Path) -> Weights:
    """Read kernels and biases by layer name, from a file of any Keras version.

    Raises:
        StudyError: if the file is missing or damaged, belongs to another network, or contains NaN
            or infinity.
    """
    check_weights_file(path)
    weights: Weights = {}
    with _opened(path) as file:
        variables = _variables(file)
        for name in kernel_shapes():
            kernel, bias = (np.asarray(variables[name][n], dtype=np.float32) for n in (4, 1))
            if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
                raise StudyError(f"{path}: found NaN or infinity in {name}; {_REMEDY}")
            weights[name] = kernel, bias
    return weights


def values_digest(weights: Weights) -> str:
    """Return the SHA-256 of all kernels and biases in the network's order, whatever their file.

    Each array counts as its bytes: float32, little-endian, in C order.
    """
    digest = hashlib.sha256()
    for name in kernel_shapes():
        for values in weights[name]:
            digest.update(np.ascontiguousarray(values, dtype="<f4").tobytes())
    return digest.hexdigest()


def imagenet_file() -> Path:
    """Return the file of ImageNet's weights: placed, in Keras's cache, or downloaded there.

    A file that a person placed in ``data/incoming``, under Keras's name, comes first.

    Raises:
        StudyError: if a placed file holds something else, or there is none and no download.
    """
    return _placed() or _cached() or _downloaded()


def random_weights(seed: int, layers: Collection[str] | None = None) -> Weights:
    """Draw kernels as in He et al. (2015), which preserves the signal's scale; biases are zero.

    Args:
        seed: for the draws.
        layers: the first layers of the network: only these are drawn, with the same values; None
            draws all.
    """
    rng = np.random.default_rng(seed)
    weights: Weights = {}
    for name, shape in kernel_shapes().items():
        if layers is not None and name not in layers:
            break
        kernel = rng.standard_normal(shape, dtype=np.float32) * np.sqrt(2 / np.prod(shape[:3]))
        weights[name] = kernel.astype(np.float32), np.zeros(shape[-1], dtype=np.float32)
    return weights


def load_weights(weights: str, seed: int, layers: Collection[str]) -> Weights:
    """Read, download or draw the weights of the convolutions among `layers`.

    Args:
        weights: ``"imagenet"``, ``"random"`` or the path of an ``.h5`` file.
        seed: for random weights.
        layers: the first layers of the network.

    Raises:
        StudyError: for unusable weights.
    """
    if weights == "random":
        return random_weights(seed, layers)
    values = read_weights(imagenet_file() if weights == "imagenet" else Path(weights))
    return {name: values[name] for name in values if name in layers}


def weights_record(weights: str) -> dict[str, Any]:
    """Return the card's record of `weights`: ``weights``, ``weights_file``, ``weights_sha256``.

    The file name has no folder and the checksum is that of the values (`values_digest`), so that
    the card is the same on every machine. If `weights` is ``"imagenet"`` and the file is not there,
    it is downloaded.
    """
    if weights == "random":
        return {"weights": weights, "weights_file": None, "weights_sha256": None}
    path = imagenet_file() if weights == "imagenet" else Path(weights)
    return {
        "weights": weights if weights == "imagenet" else "file",
        "weights_file": path.name,
        "weights_sha256": values_digest(read_weights(path)),
    }


_TOP = ("fc1", "fc2", "predictions")
_REMEDY = (
    "Give Keras's VGG16 file in `weights:`, or set it to imagenet (a download of 59 MB), or to "
    "random (an untrained control)"
)


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    import h5py

    if not path.is_file():
        raise StudyError(f"there is no weights file {path} (in {Path.cwd()}). {_REMEDY}")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except OSError as error:
        fault = "is damaged or truncated" if h5py.is_hdf5(path) else "is not an HDF5 file"
        raise StudyError(
            f"{path} {fault} ({path.stat().st_size:,} bytes; {error}). Get it again. {_REMEDY}"
        ) from None


def _variables(file: h5py.File) -> dict[str, dict[int, h5py.Dataset]]:
    """Return layer -> number of dimensions -> variable; a layer is the group of its variables.

    This works for every layout that Keras has used: ``block1_conv1/block1_conv1_W_1:0``, the same
    below ``model_weights/``, ``block1_conv1/block1_conv1/kernel:0`` and
    ``layers/block1_conv1/vars/0``.
    """
    import h5py

    found: dict[str, dict[int, h5py.Dataset]] = {}

    def visit(name: str, item: Any) -> None:
        groups = [part for part in name.split("/")[:-1] if part != "vars"]
        if isinstance(item, h5py.Dataset) and groups and not name.startswith("optimizer"):
            found.setdefault(groups[-1], {})[item.ndim] = item

    file.visititems(visit)
    return found


def _placed() -> Path | None:
    """Return the path of the file that a person placed, verified; None if there is none."""
    path = INCOMING / KERAS_FILE
    if not path.exists():
        return None
    digest = values_digest(read_weights(path))
    if digest != IMAGENET_VALUES and _md5(path) != KERAS_MD5:
        raise StudyError(
            f"{path} does not hold the ImageNet weights of VGG16: found values with the SHA-256 "
            f"{digest}; expected {IMAGENET_VALUES}. Replace it with the file from {KERAS_ADDRESS}, "
            "or move it away to download that file; to use it nevertheless, name it in `weights:`"
        )
    return path


def _cached() -> Path | None:
    """Return the path of the right file in Keras's cache; None if Keras has to replace it."""
    path = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models" / KERAS_FILE
    if not path.is_file():
        return None
    if _md5(path) == KERAS_MD5:
        return path
    try:
        return path if values_digest(read_weights(path)) == IMAGENET_VALUES else None
    except StudyError:
        return None


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()


def _downloaded() -> Path:
    """Return the path of Keras's copy of the weights; download it if necessary."""
    import keras

    try:
        return Path(
            keras.utils.get_file(
                KERAS_FILE, KERAS_ADDRESS, cache_subdir="models", file_hash=KERAS_MD5
            )
        )
    except Exception as error:  # urllib and Keras raise many kinds, even a bare Exception
        raise _no_weights(error) from None


def _no_weights(reason: object) -> StudyError:
    return StudyError(
        f"the ImageNet weights of VGG16 are not cached and cannot be downloaded ({reason}). Copy "
        f"{KERAS_FILE} from another machine into {INCOMING}/, or drop the runs that need it, or "
        "set `weights: random` for an untrained control"
    )
