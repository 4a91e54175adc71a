"""Checks of a network's inputs, before and after preprocessing, and of its labels."""

from __future__ import annotations

import math
from collections.abc import Mapping

import keras
import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError, check_finite, listing
from pipeline.deep.cost import leaf_layers
from pipeline.deep.input.preprocessing import STANDARDIZATION
from pipeline.deep.sanity.overfit_one_batch import spread_rows

SAMPLE, SAMPLE_VALUES = 512, 2**23
"""Limits on the number of training images and of values to check; each value takes about 28 bytes
during the check."""
LARGEST_MEAN, DEVIATIONS = 0.5, (0.1, 10.0)
"""Loose limits, because a small sample of rarely active features can deviate from 0 and 1."""


def check_inputs(network: keras.Model, inputs: NDArray, method: str) -> str:
    """Return a line about the training inputs; raise `StudyError` if they cannot be learned from.

    Args:
        network: the layers before the first one with weights are its preprocessing.
        inputs: (n, height, width, 3) uint8 pixels, or (n, ...) float32 features; training split.
        method: the network's name, for messages.
    """
    if inputs.dtype.kind == "f":
        # Features of several layers are joined as their rows are read, and cannot be reshaped.
        flat = inputs if inputs.ndim == 2 else inputs.reshape(len(inputs), -1)
        check_finite(flat, f"{method}: training inputs")
    rows = spread_rows(len(inputs), max(2, min(SAMPLE, SAMPLE_VALUES // max(1, inputs[0].size))))
    sample = np.asarray(inputs[rows])
    if len(sample) > 1 and (sample == sample[0]).all():
        raise StudyError(
            f"{method}: found {len(sample)} identical training images; expected different ones. "
            "Check the output of `prepare`, or the features of the frozen base"
        )
    shape = " × ".join(map(str, inputs.shape[1:]))
    line = f"{len(inputs):,} of {shape}, {inputs.dtype}, {sample.min():.4g} to {sample.max():.4g}"
    prepared = preprocessed(network, sample)
    if prepared is None:
        return f"{line}; no preprocessing"
    values, standardized = prepared
    return f"{line}; {_after(values, standardized, method)}"


def preprocessed(network: keras.Model, sample: NDArray) -> tuple[NDArray, bool] | None:
    """Return a sample after preprocessing, and whether it should be standardized.

    None if the network does not begin with preprocessing. Resizing is skipped: it hardly affects
    the check, and may need much memory.
    """
    kinds = (keras.layers.Normalization, keras.layers.Rescaling)
    chain: list[keras.layers.Layer] = []
    for layer in leaf_layers(network):
        if isinstance(layer, keras.layers.Resizing):
            continue
        if not (isinstance(layer, kinds) or layer.name == STANDARDIZATION):
            break
        chain.append(layer)
    if not chain:
        return None
    x = sample
    for layer in chain:
        x = layer(x)
    values = keras.ops.convert_to_numpy(keras.ops.cast(x, "float32"))
    return values, any(layer.name == STANDARDIZATION for layer in chain)


def check_classes(labels: Mapping[str, NDArray[np.int64]], n_classes: int, method: str) -> str:
    """Return a line about the labels; raise `StudyError` if a class has no training image.

    Args:
        labels: "train" and "validation" -> (n,) in 0..classes-1.
        n_classes: number of classes.
        method: the network's name, for messages.
    """
    counts = {split: np.bincount(labels[split], minlength=n_classes) for split in labels}
    missing = np.flatnonzero(counts["train"] == 0)
    if len(missing):
        few = "class" if len(missing) == 1 else "classes"
        raise StudyError(
            f"{method}: found no training images of {few} {listing(missing)} (counted from 0); "
            f"expected at least one for each of the {n_classes} classes. Check the split, or "
            f"remove the {few} in `dataset`"
        )
    chance = float(counts["train"].max() / counts["train"].sum())
    texts = [f"{split} {_spread(each)} per class" for split, each in counts.items()]
    return (
        f"{n_classes} classes, {', '.join(texts)}; chance {100 * chance:.1f}%, "
        f"ln({n_classes}) = {math.log(n_classes):.2f}"
    )


def _after(values: NDArray, standardized: bool, method: str) -> str:
    if not np.isfinite(values).all():
        raise StudyError(
            f"{method}: found NaN or infinity after preprocessing; expected finite numbers. "
            "Check the network's `preprocessing`"
        )
    channels = values.reshape(-1, values.shape[-1]).astype(np.float64)
    means, variances = channels.mean(axis=0), channels.var(axis=0)
    mean, deviation = float(np.abs(means).mean()), math.sqrt(float(variances.mean()))
    lowest, highest = DEVIATIONS
    if standardized and not (mean <= LARGEST_MEAN and lowest <= deviation <= highest):
        raise StudyError(
            f"{method}: found channels with means of {mean:.3g} and standard deviations of "
            f"{deviation:.3g} after standardization; expected about 0 and 1. It was fitted on "
            "other inputs: check the network's `preprocessing`"
        )
    if len(means) > 4:
        found = f"{len(means)} channels, mean absolute mean {mean:.2f}, std {deviation:.2f}"
    else:
        found = (
            f"channel means {', '.join(f'{each:.2f}' for each in means)}, "
            f"std {', '.join(f'{math.sqrt(each):.2f}' for each in variances)}"
        )
    return f"preprocessed to {values.min():.2f} to {values.max():.2f}, {found}"


def _spread(counts: NDArray[np.int64]) -> str:
    lowest, highest = int(counts.min()), int(counts.max())
    return f"{lowest:,}" if lowest == highest else f"{lowest:,} to {highest:,}"
