"""Losses by the name that params.yaml gives them, of class probabilities and integer labels.

A loss says what each class would cost if it were the right one. The label, smoothed or not, weighs
these costs. One's own is one more function in `LOSSES`, and one more name in `options.Loss`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from pipeline.deep.options import LossOptions

FOCUS = 2.0
"""The exponent of the focal loss that Lin et al. (2017), section 5.1, found best."""
SMALLEST = float(np.finfo(np.float32).tiny)
"""What probabilities are kept from where their logits are not known. 1e-7, as Keras has it, would
stop the gradient of a label's class at a logit 16 below the largest; this does at 87."""


def cross_entropy(log_probabilities: Any) -> Any:
    """Return -log p of each class: categorical cross-entropy, or binary with two classes."""
    return -log_probabilities


def squared_error(log_probabilities: Any) -> Any:
    """Return the squared distance of all probabilities from each class: Brier (1950), in 0..2."""
    probabilities = ops.exp(log_probabilities)
    squares = ops.sum(ops.square(probabilities), axis=-1, keepdims=True)
    return 1 - 2 * probabilities + squares


def hinge(log_probabilities: Any) -> Any:
    """Return by how much each class fails to lead all others by 1, in logits.

    Crammer and Singer (2001), section 3. Differences of log-probabilities are those of logits.
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
"""Name -> function of log-probabilities (b, classes), to the cost (b, classes) of each class if it
is the right one."""


def build_loss(spec: LossOptions, n_classes: int) -> keras.losses.Loss:
    """Return the loss that `spec` names, of labels (b,) and probabilities (b, classes) or (b, 1).

    Args:
        spec: the loss and its label smoothing.
        n_classes: also 2 for the one sigmoid unit p, which stands for the probabilities 1 - p, p.
    """
    return LabelLoss(LOSSES[spec.loss], n_classes, spec.label_smoothing, name=spec.loss)


class LabelLoss(keras.losses.Loss):
    """The mean cost of the labels of a batch, in float32 whatever the layers compute in.

    Label smoothing, Szegedy et al. (2016), section 7: a share of each label is spread evenly over
    all classes, and what they cost counts by these shares. For the cross-entropy that is the usual
    formula, for the squared error it is the distance from the smoothed label plus a constant.

    Args:
        cost: as the functions of `LOSSES`.
        n_classes: classes, at least two.
        smoothing: the share.
        name: of the loss.
    """

    def __init__(
        self, cost: Callable[[Any], Any], n_classes: int, smoothing: float, name: str
    ) -> None:
        super().__init__(name=name, dtype="float32")
        self._cost, self._n_classes, self._smoothing = cost, n_classes, smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the cost (b,) of labels `y_true` (b,) with the probabilities `y_pred`."""
        labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        target = ops.one_hot(labels, self._n_classes, dtype="float32")
        target = target * (1 - self._smoothing) + self._smoothing / self._n_classes
        return ops.sum(target * self._cost(log_probabilities(y_pred)), axis=-1)


def log_probabilities(outputs: Any) -> Any:
    """Return the logarithms (b, classes) of a softmax's outputs, or of one sigmoid unit's.

    From the logits where they are known, so that a gradient lives on where a probability has become
    0 or 1: Keras's activations leave them on their output as an attribute where the backend
    lets them, for the cross-entropies of Keras, which read it alike.
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
