"""Optimizers by the name that params.yaml gives them."""

from __future__ import annotations

import keras

from pipeline.deep.spec import DeepSpec


def build_optimizer(spec: DeepSpec) -> keras.optimizers.Optimizer:
    """Return the optimizer that `spec` describes, at its constant learning rate."""
    if spec.optimizer == "sgd":
        return keras.optimizers.SGD(spec.learning_rate, momentum=0.9, nesterov=True)
    return keras.optimizers.Adam(spec.learning_rate)
