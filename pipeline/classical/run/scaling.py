"""Scaling of joined feature sets in blocks of rows, with bounded memory."""

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
    """Scales each of several joined feature sets to a root mean square length equal to its weight.

    The mean of the training images is subtracted first. Non-negative features have a large mean,
    which does not distinguish images but would count as length. An RBF kernel of the result is the
    product of one kernel per set, each with a width in units of that set's own spread: the mean
    squared distance of two images is 2 · weight².

    Args:
        widths: columns of each set, in order.
        weights: the factor of each set.
    """

    def __init__(self, widths: tuple[int, ...], weights: tuple[float, ...]) -> None:
        self.widths = widths
        self.weights = weights

    def fit(self, features: NDArray, labels: NDArray | None = None) -> UnitScaler:
        """Measure the spread of each set over the rows of (n, sum of widths) `features`."""
        if features.shape[1] != sum(self.widths):
            raise StudyError(
                f"found {features.shape[1]} features per image; expected {sum(self.widths)}, "
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
        # A set that is the same for all images, except for rounding, is set to 0.
        self.scale_ = np.array(self.weights) / np.where(lengths > 1e-6 * means, lengths, np.inf)
        return self

    def transform(self, features: NDArray, copy: bool = True) -> NDArray[np.float32]:
        """Return (n, sum of widths) float32: each set minus its mean, times its factor.

        Args:
            features: (n, sum of widths).
            copy: False works in place if `features` are float32.
        """
        scaled = np.array(features, dtype=np.float32, copy=copy or None)
        scaled -= self.mean_.astype(np.float32)
        scaled *= np.repeat(self.scale_, self.widths).astype(np.float32)
        return scaled


def prepare_in_place(model: Pipeline, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fit all steps of a pipeline before the classifier, without a second copy of the features.

    The result is that of ``model[:-1].fit_transform``, except for rounding, because sums are taken
    block by block. scikit-learn's scaler would need several arrays of the features' size, some of
    them in float64.

    Args:
        model: steps ``scale``, optionally ``project``, and ``classify``, as from
            `ClassicalSpec.build`.
        features: (n, d) float32, writable; **scaled in place**.

    Returns:
        The input for fitting ``model["classify"]``: `features`, or their projections.
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
