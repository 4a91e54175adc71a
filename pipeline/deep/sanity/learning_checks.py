"""Checks of a network's first loss, and of whether it can overfit one batch."""

from __future__ import annotations

import math

import keras

from pipeline.checks import StudyError
from pipeline.deep.cost import leaf_layers
from pipeline.deep.sanity.overfit_one_batch import LEARNING_RATE, OneBatchResult
from pipeline.deep.spec import DeepSpec

LARGEST_LOSS = -math.log(1e-7)
"""Cross-entropy of a wrong prediction with probability 1, which Keras clips at this value."""
SATURATED = 0.9
"""Fraction of the loss of confident random predictions; above it, outputs are saturated."""
CURED = 1.1
"""Times ln(classes): a saturated network that gets below it in a few steps can be trained."""
FALL = 0.9
"""Fraction of the first loss to which a network that learns must fall."""
ALREADY_LOW = 0.5
"""Times ln(classes): a first loss below it is that of a trained network, and need not fall."""
SHALLOW = {False: 8, True: 20}
"""Largest number of layers with weights for which a few steps must reduce the loss, without and
with batch normalization."""
SLOW_STEPS = 10
"""With fewer steps than this, the loss need not fall."""


def first_loss(result: OneBatchResult, n_classes: int, method: str) -> str:
    """Return a line about the first loss; raise `StudyError` if training cannot start from it.

    It is near ln(classes) if the outputs are nearly equal. With initial values for rectifiers it is
    a few times as large. Outputs that are all 0 or 1 have almost no gradient, but some networks,
    such as those with maxout, recover within a few steps, so the lowest loss decides.
    """
    loss, even = result.first_loss, math.log(n_classes)
    expected = f"near ln({n_classes}) = {even:.2f}"
    if not math.isfinite(loss):
        raise StudyError(
            f"{method}: the loss before any step is {loss}; expected one {expected}. Check the "
            "initial values and `precision`: float16 overflows above 65,504"
        )
    if loss < SATURATED * (1 - 1 / n_classes) * LARGEST_LOSS:
        return f"{loss:.2f}; ln({n_classes}) = {even:.2f}"
    if result.lowest < CURED * even:
        return f"{loss:.2f}, saturated at first; ln({n_classes}) = {even:.2f}"
    raise StudyError(
        f"{method}: the loss before any step is {loss:.2f}, and {result.lowest:.3g} at best after "
        f"{result.steps} steps of Adam; expected one {expected}. The outputs are saturated: "
        "try batch_norm: true, fewer layers, or another activation (maxout doubles the signal's "
        "variance at each layer)"
    )


def learns_one_batch(
    result: OneBatchResult, network: keras.Model, spec: DeepSpec, n_classes: int
) -> str:
    """Return a line about overfitting one batch; raise `StudyError` if the network cannot learn.

    The loss must fall by a tenth. Deep networks without normalization, and those with saturating
    activations, start slowly; for them it is enough that gradients reach the weights.
    """
    first, last = result.losses[0], result.losses[-1]
    losses = f"loss {first:.2f} to {last:.2g} in {result.steps} steps"
    found = f"{spec.method}: one batch of {result.images} training images cannot be learned"
    adam = f"of Adam with learning rate {LEARNING_RATE:g}"
    if not (result.finite and math.isfinite(last)):
        raise StudyError(
            f"{found}: the loss is {last} after {result.steps} steps {adam}; expected a finite "
            "number. Check the initial values, the activation and `precision`"
        )
    if not result.moved:
        raise StudyError(
            f"{found}: none of its {result.kernels} trainable kernels changed in {result.steps} "
            f"steps {adam}; expected gradients that reach them. Check for activations that are 0 "
            "for every image, inputs with the wrong scale, and frozen layers"
        )
    if result.lowest <= FALL * first:
        return f"{result.images} images, {losses}"
    reached = f"gradients reach {result.moved} of {result.kernels} kernels"
    if first <= ALREADY_LOW * math.log(n_classes) or _starts_slowly(result, network, spec):
        return f"{result.images} images, {losses}, a slow start; {reached}"
    raise StudyError(
        f"{found}: {losses} {adam}, {result.lowest:.2f} at best; expected a decrease by at least a "
        f"tenth ({reached}). Check that images differ and match their labels, that activations "
        "are not 0 for every image, and `width`"
    )


def _starts_slowly(result: OneBatchResult, network: keras.Model, spec: DeepSpec) -> bool:
    kernels = (keras.layers.Conv2D, keras.layers.Dense)
    layers = list(leaf_layers(network))
    depth = sum(isinstance(layer, kernels) for layer in layers)
    normalized = any(isinstance(layer, keras.layers.BatchNormalization) for layer in layers)
    return (
        result.steps < SLOW_STEPS
        or spec.activation in ("sigmoid", "tanh")
        or depth > SHALLOW[normalized]
    )
