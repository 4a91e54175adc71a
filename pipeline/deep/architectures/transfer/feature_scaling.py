"""Standardization of features whose mean and variance are weights and pass between phases."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from pipeline.deep.input.preprocessing import STANDARDIZATION, standardization


def frozen_standardization() -> keras.layers.BatchNormalization:
    """Return a layer that subtracts a stored mean and divides by a stored standard deviation.

    It does the same as `preprocessing.standardization`, but as a batch normalization that is never
    trained: mean and variance are weights, and are transferred and stored like any others.
    """
    return keras.layers.BatchNormalization(
        center=False,
        scale=False,
        epsilon=1e-12,
        trainable=False,
        dtype="float32",
        name=STANDARDIZATION,
    )


def fitted_standardization(features: NDArray) -> keras.layers.BatchNormalization:
    """Return `frozen_standardization` with the mean and variance of `features`.

    Args:
        features: (n, d), float32 or float16; of the training split only.
    """
    fitted = standardization(features)
    layer = frozen_standardization()
    layer.build((None, features.shape[1]))
    layer.set_weights([np.ravel(fitted.input_mean), np.ravel(fitted.input_variance)])
    return layer
