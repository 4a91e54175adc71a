"""Standardised features whose mean and variance are weights, which go from phase to phase."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from pipeline.deep.input.preprocessing import STANDARDISATION, standardisation


def frozen_standardisation() -> keras.layers.BatchNormalization:
    """Return a layer that subtracts a stored mean and divides by a stored deviation.

    As `preprocessing.standardisation`, but as a batch normalisation that is never trained: its
    numbers are weights, so that they are carried over and stored as those of any layer are.
    """
    return keras.layers.BatchNormalization(
        center=False,
        scale=False,
        epsilon=1e-12,
        trainable=False,
        dtype="float32",
        name=STANDARDISATION,
    )


def fitted_standardisation(features: NDArray) -> keras.layers.BatchNormalization:
    """Return `frozen_standardisation` with the mean and variance of `features`.

    Args:
        features: (n, d), float32 or float16; of the training split alone.
    """
    fitted = standardisation(features)
    layer = frozen_standardisation()
    layer.build((None, features.shape[1]))
    layer.set_weights([np.ravel(fitted.input_mean), np.ravel(fitted.input_variance)])
    return layer
