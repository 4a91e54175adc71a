"""Whether a network begins where it should, and learns at all, by a trial on its copy."""

from __future__ import annotations

import math

import keras

from pipeline.checks import StudyError
from pipeline.deep.cost import leaf_layers
from pipeline.deep.sanity.trial import LEARNING_RATE, Trial
from pipeline.deep.spec import DeepSpec

LARGEST_LOSS = -math.log(1e-7)
"""Cross-entropy of a wrong answer of probability 1, as far as it is counted."""
SATURATED = 0.9
"""Share of the loss of random certain answers, above which outputs are saturated."""
CURED = 1.1
"""Times ln(classes): a saturated network that a few steps bring below it can be trained."""
FALL = 0.9
"""What a loss falls to at most, as a share of the first one, in a network that learns."""
ALREADY_LOW = 0.5
"""Times ln(classes): a loss of a network that was trained before, which need not fall on."""
SHALLOW = {False: 8, True: 20}
"""Layers with weights up to which a few steps must show, without and with normalisation."""
SLOW_STEPS = 10
"""Fewer steps than these need not show."""


def first_loss(trial: Trial, n_classes: int, method: str) -> str:
    """Return a line on the loss before training; raise `StudyError` where nothing can begin at it.

    It is near ln(classes) where outputs are near equal. Initial values for rectifiers begin at
    some times that. Outputs that are all 0 or 1 have next to no gradient; as some networks recover
    within a few steps, such as those of maxout, the trial has the last word.
    """
    loss, even = trial.first_loss, math.log(n_classes)
    expected = f"near ln({n_classes}) = {even:.2f}"
    if not math.isfinite(loss):
        raise StudyError(
            f"{method}: the first loss, before any step, is {loss}; expected one {expected}. Look "
            "at the initial values and at `precision`: float16 ends at 65,504"
        )
    if loss < SATURATED * (1 - 1 / n_classes) * LARGEST_LOSS:
        return f"{loss:.2f}; ln({n_classes}) = {even:.2f}"
    if trial.lowest < CURED * even:
        return f"{loss:.2f}, saturated at first; ln({n_classes}) = {even:.2f}"
    raise StudyError(
        f"{method}: the first loss, before any step, is {loss:.2f}, and {trial.lowest:.3g} at best "
        f"after {trial.steps} steps of Adam; expected one {expected}. The outputs are saturated: "
        "try batch_norm: true, fewer layers, or another activation (maxout doubles the signal's "
        "variance at each layer)"
    )


def learns_one_batch(trial: Trial, network: keras.Model, spec: DeepSpec, n_classes: int) -> str:
    """Return a line on the steps on one batch; raise `StudyError` if they show a defect.

    The loss has to fall by a tenth. Deep networks without normalisation, and saturating
    activations, begin slowly by their nature: of these it is enough that gradients arrive.
    """
    first, last = trial.losses[0], trial.losses[-1]
    course = f"{first:.2f} to {last:.2g} in {trial.steps} steps"
    found = f"{spec.method}: one batch of {trial.images} training images cannot be learnt"
    adam = f"of Adam at {LEARNING_RATE:g}"
    if not (trial.finite and math.isfinite(last)):
        raise StudyError(
            f"{found}: the loss is {last} after {trial.steps} steps {adam}; expected a finite "
            "number. Look at the initial values, the activation and `precision`"
        )
    if not trial.moved:
        raise StudyError(
            f"{found}: none of its {trial.kernels} trainable kernels changed in {trial.steps} "
            f"steps {adam}; expected gradients that reach them. Look at activations that are 0 "
            "for every image, at inputs of a wrong scale, and at layers that are frozen"
        )
    if trial.lowest <= FALL * first:
        return f"{trial.images} images, {course}"
    reached = f"gradients reach {trial.moved} of {trial.kernels} kernels"
    if first <= ALREADY_LOW * math.log(n_classes) or _begins_slowly(trial, network, spec):
        return f"{trial.images} images, {course}, a slow start; {reached}"
    raise StudyError(
        f"{found}: its loss went from {course} {adam}, {trial.lowest:.2f} at best; expected a fall "
        f"by a tenth at least ({reached}). Look at whether images differ and labels belong to "
        "them, at activations that are 0 for every image, and at `width`"
    )


def _begins_slowly(trial: Trial, network: keras.Model, spec: DeepSpec) -> bool:
    kernels = (keras.layers.Conv2D, keras.layers.Dense)
    layers = list(leaf_layers(network))
    depth = sum(isinstance(layer, kernels) for layer in layers)
    normalised = any(isinstance(layer, keras.layers.BatchNormalization) for layer in layers)
    return (
        trial.steps < SLOW_STEPS
        or spec.activation in ("sigmoid", "tanh")
        or depth > SHALLOW[normalised]
    )
