"""Scaling of joined feature sets, with bounded memory: rows are measured and scaled in blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from pipeline.checks import StudyError, listing

_BLOCK_ROWS = 4096


class UnitScaler(TransformerMixin, BaseEstimator):
    """Scales each of several joined feature sets to a root mean square length of its weight.

    Lengths are taken from the mean of the training images, which is subtracted: features that are
    never negative have a large mean that tells no image from another, and would count as length.
    A radial kernel of the result is the product of one kernel a set, each with a width in units of
    that set's own spread: two images are 2 · weight² apart on average, squared.

    Args:
        widths: columns of each set, in order.
        weights: what each set is multiplied by.
    """

    def __init__(self, widths: tuple[int, ...], weights: tuple[float, ...]) -> None:
        self.widths = widths
        self.weights = weights

    def fit(self, features: NDArray, labels: NDArray | None = None) -> UnitScaler:
        """Measure the spread of each set over the rows of (n, sum of widths) `features`."""
        if features.shape[1] != sum(self.widths):
            raise StudyError(
                f"found {features.shape[1]} features an image; expected {sum(self.widths)}, "
                f"the sum of {listing(self.widths)}"
            )
        sums = np.zeros(features.shape[1])
        for block in _blocks(features):
            sums += block.sum(axis=0, dtype=np.float64)
        self.mean_ = sums / len(features)
        squares = np.zeros_like(sums)
        for block in _blocks(features):
            squares += np.square(block - self.mean_).sum(axis=0)
        bounds = np.cumsum(self.widths)[:-1]
        lengths = np.sqrt([part.sum() / len(features) for part in np.split(squares, bounds)])
        means = np.array([np.linalg.norm(part) for part in np.split(self.mean_, bounds)])
        # A set that is the same for every image, but for rounding, says nothing.
        self.scale_ = np.array(self.weights) / np.where(lengths > 1e-6 * means, lengths, np.inf)
        return self

    def transform(self, features: NDArray, copy: bool = True) -> NDArray[np.float32]:
        """Return (n, sum of widths) float32, the mean subtracted, each set times its factor.

        Args:
            features: (n, sum of widths).
            copy: False works in place, where `features` are float32.
        """
        scaled = np.array(features, dtype=np.float32, copy=copy or None)
        scaled -= self.mean_.astype(np.float32)
        scaled *= np.repeat(self.scale_, self.widths).astype(np.float32)
        return scaled


def prepare_in_place(model: Pipeline, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fit all steps of a pipeline before the classifier, without a second copy of the features.

    What ``model[:-1].fit_transform`` gives, but for the rounding of sums that are taken block by
    block: scikit-learn's scaler would hold several arrays of the size of the features, some of them
    in double precision.

    Args:
        model: steps ``scale``, perhaps ``project``, and ``classify``, as `ClassicalSpec.build`
            makes it.
        features: (n, d) float32, writeable; **scaled in place**.

    Returns:
        What ``model["classify"]`` is to be fitted on: `features`, or their projections.
    """
    scaler = model["scale"]
    if isinstance(scaler, StandardScaler):
        for block in _blocks(features):
            scaler.partial_fit(block)
    else:
        scaler.fit(features)
    if isinstance(scaler, StandardScaler | UnitScaler):
        for block in _blocks(features):
            scaler.transform(block, copy=False)
    if "project" in model.named_steps:
        return model["project"].fit(features).transform(features)
    return features


def _blocks(features: NDArray) -> Iterator[NDArray]:
    for start in range(0, len(features), _BLOCK_ROWS):
        yield features[start : start + _BLOCK_ROWS]
