"""Losses by their names in params.yaml, for class probabilities and integer labels.

A loss gives the cost of each class if it were the correct one; the label, smoothed or not, weights
these costs. To add a loss, add a function to `LOSSES` and a name to `options.Loss`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from pipeline.deep.options import LossOptions

FOCUS = 2.0
"""The exponent of the focal loss that Lin et al. (2017), section 5.1, found best."""
SMALLEST = float(np.finfo(np.float32).tiny)
"""Lower bound on probabilities where the logits are unknown. With Keras's 1e-7, the gradient of the
labeled class would vanish at a logit 16 below the largest; with this bound, at 87."""


def cross_entropy(log_probabilities: Any) -> Any:
    """Return -log p of each class: categorical cross-entropy, or binary for two classes."""
    return -log_probabilities


def squared_error(log_probabilities: Any) -> Any:
    """Return the squared distance of the probabilities from each class, in 0..2 (Brier, 1950)."""
    probabilities = ops.exp(log_probabilities)
    squares = ops.sum(ops.square(probabilities), axis=-1, keepdims=True)
    return 1 - 2 * probabilities + squares


def hinge(log_probabilities: Any) -> Any:
    """Return by how much each class's logit falls short of a margin of 1 over all others.

    Crammer and Singer (2001), section 3. Differences of log-probabilities equal those of logits.
    """
    largest, second = ops.split(ops.top_k(log_probabilities, 2)[0], 2, axis=-1)
    strongest_other = ops.where(log_probabilities >= largest, second, largest)
    return ops.relu(1 + strongest_other - log_probabilities)


def focal(log_probabilities: Any) -> Any:
    """Return -(1 - p)² log p of each class: Lin et al. (2017), section 3.2, without weights."""
    missing = -ops.expm1(log_probabilities)
    return -(missing**FOCUS) * log_probabilities


LOSSES: dict[str, Callable[[Any], Any]] = {
    "cross_entropy": cross_entropy,
    "squared_error": squared_error,
    "hinge": hinge,
    "focal": focal,
}
"""Name -> function from log-probabilities (b, classes) to the cost (b, classes) of each class if it
is the correct one."""


def build_loss(
    spec: LossOptions, n_classes: int, class_weights: NDArray[np.floating] | None = None
) -> keras.losses.Loss:
    """Return the loss that `spec` names, for labels (b,) and probabilities (b, classes) or (b, 1).

    Args:
        spec: the loss and its label smoothing.
        n_classes: 2 also for one sigmoid unit p, which means the probabilities 1 - p and p.
        class_weights: (classes,) factors of the loss of each class's images; None for 1.
    """
    return LabelLoss(LOSSES[spec.loss], n_classes, spec.label_smoothing, spec.loss, class_weights)


class LabelLoss(keras.losses.Loss):
    """The mean cost of a batch's labels, always in float32.

    Label smoothing (Szegedy et al., 2016, section 7) spreads a fraction of each label evenly over
    all classes and weights their costs accordingly. For the cross-entropy this is the usual
    formula; for the squared error it is the distance from the smoothed label plus a constant.

    Args:
        cost: one of the functions in `LOSSES`.
        n_classes: number of classes, at least two.
        smoothing: fraction of the label to spread.
        name: of the loss.
        class_weights: (classes,) factors of the loss of an image by its label; None for 1. If their
            mean over the training images is 1, losses keep their size.
    """

    def __init__(
        self,
        cost: Callable[[Any], Any],
        n_classes: int,
        smoothing: float,
        name: str,
        class_weights: NDArray[np.floating] | None = None,
    ) -> None:
        super().__init__(name=name, dtype="float32")
        self._cost, self._n_classes, self._smoothing = cost, n_classes, smoothing
        self._weights = None if class_weights is None else class_weights.astype(np.float32)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the cost (b,) of labels `y_true` (b,) given the probabilities `y_pred`."""
        labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        label = ops.one_hot(labels, self._n_classes, dtype="float32")
        target = label * (1 - self._smoothing) + self._smoothing / self._n_classes
        if self._weights is not None:
            target = target * ops.sum(label * self._weights, axis=-1, keepdims=True)
        return ops.sum(target * self._cost(log_probabilities(y_pred)), axis=-1)


def log_probabilities(outputs: Any) -> Any:
    """Return log-probabilities (b, classes) from the outputs of a softmax or one sigmoid unit.

    If the logits are known they are used, so that the gradient does not vanish when a probability
    becomes 0 or 1. Where the backend allows it, Keras's activations attach them to their output as
    an attribute, which Keras's own cross-entropies also read.
    """
    logits = getattr(outputs, "_keras_logits", None)
    one_unit = outputs.shape[-1] == 1
    if logits is not None:
        logits = ops.cast(logits, "float32")
        if one_unit:
            return ops.concatenate([ops.log_sigmoid(-logits), ops.log_sigmoid(logits)], axis=-1)
        return ops.log_softmax(logits, axis=-1)
    outputs = ops.cast(outputs, "float32")
    if one_unit:
        outputs = ops.concatenate([1 - outputs, outputs], axis=-1)
    return ops.log(ops.maximum(outputs, SMALLEST))
