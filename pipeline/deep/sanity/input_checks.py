"""What enters a network, before and after its preprocessing, and the labels beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import keras
import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError, check_finite, listing
from pipeline.deep.cost import leaf_layers
from pipeline.deep.input.preprocessing import STANDARDIZATION
from pipeline.deep.sanity.trial import spread_rows

SAMPLE, SAMPLE_VALUES = 512, 2**23
"""At most so many training images are looked at, and so many values of them, of which each takes
some 28 bytes on its way through."""
LARGEST_MEAN, DEVIATIONS = 0.5, (0.1, 10.0)
"""Loose: a small sample of rarely active features strays from 0 and 1."""


def check_inputs(network: keras.Model, inputs: NDArray, method: str) -> str:
    """Return a line on the training inputs; raise `StudyError` if nothing can be learnt of them.

    Args:
        network: its layers in front of the first one with weights are the preprocessing.
        inputs: (n, height, width, 3) uint8 pixels, or (n, ...) float32 features; training split.
        method: the network's name, for messages.
    """
    if inputs.dtype.kind == "f":
        check_finite(inputs.reshape(len(inputs), -1), f"{method}: training inputs")
    rows = spread_rows(len(inputs), max(2, min(SAMPLE, SAMPLE_VALUES // max(1, inputs[0].size))))
    sample = np.asarray(inputs[rows])
    if len(sample) > 1 and (sample == sample[0]).all():
        raise StudyError(
            f"{method}: found {len(sample)} training images that are all the same; expected images "
            "that differ. Look at what `prepare` wrote, or at the features of the frozen base"
        )
    shape = " × ".join(map(str, inputs.shape[1:]))
    line = f"{len(inputs):,} of {shape}, {inputs.dtype} in {sample.min():.4g} to {sample.max():.4g}"
    prepared = preprocessed(network, sample)
    if prepared is None:
        return f"{line}; no preprocessing"
    values, standardised = prepared
    return f"{line}; {_after(values, standardised, method)}"


def preprocessed(network: keras.Model, sample: NDArray) -> tuple[NDArray, bool] | None:
    """Return what the preprocessing makes of a sample, and whether it should be standardised.

    None where the network begins with a layer that is no preprocessing. Resizing is left out: it
    hardly changes what is looked at, and may take much memory.
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
    """Return a line on the labels; raise `StudyError` if a class has no training image.

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
            f"{method}: found no training image of {few} {listing(missing)} (counted from 0); "
            f"expected at least one of each of the {n_classes}. Look at the split, or drop "
            f"{few} from `dataset`"
        )
    chance = float(counts["train"].max() / counts["train"].sum())
    texts = [f"{split} {_spread(each)} each" for split, each in counts.items()]
    return (
        f"{n_classes} classes, {', '.join(texts)}; chance {100 * chance:.1f} %, "
        f"ln({n_classes}) = {math.log(n_classes):.2f}"
    )


def _after(values: NDArray, standardised: bool, method: str) -> str:
    if not np.isfinite(values).all():
        raise StudyError(
            f"{method}: found NaN or infinity after the preprocessing; expected finite numbers. "
            "Look at the network's `preprocessing`"
        )
    channels = values.reshape(-1, values.shape[-1]).astype(np.float64)
    means, variances = channels.mean(axis=0), channels.var(axis=0)
    mean, deviation = float(np.abs(means).mean()), math.sqrt(float(variances.mean()))
    lowest, highest = DEVIATIONS
    if standardised and not (mean <= LARGEST_MEAN and lowest <= deviation <= highest):
        raise StudyError(
            f"{method}: found channels with means of {mean:.3g} and deviations of {deviation:.3g} "
            "after the standardization; expected about 0 and 1. It was fitted on other inputs: "
            "look at the network's `preprocessing`"
        )
    if len(means) > 4:
        found = f"{len(means)} channels, mean {mean:.2f} from 0, deviation {deviation:.2f}"
    else:
        found = (
            f"channel means {', '.join(f'{each:.2f}' for each in means)}, "
            f"deviations {', '.join(f'{math.sqrt(each):.2f}' for each in variances)}"
        )
    return f"then {values.min():.2f} to {values.max():.2f}, {found}"


def _spread(counts: NDArray[np.int64]) -> str:
    lowest, highest = int(counts.min()), int(counts.max())
    return f"{lowest:,}" if lowest == highest else f"{lowest:,} to {highest:,}"
