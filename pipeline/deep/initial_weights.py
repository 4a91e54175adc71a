"""Initial weights that make convolutions pass their input through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras


def start_as_identity(network: keras.Model) -> None:
    """Make convolutions of a network start as a partial identity, in place.

    That concerns trained convolutions with a stride of 1 and an odd kernel of 3×3 or more: 1×1
    kernels are there to mix channels. Without shortcuts, a signal then passes through many layers
    as through those of a residual network (Jordan 2024; arXiv 2404.00498, section 3.3).
    """
    from keras.layers import Conv2D

    for layer in network.layers:
        if type(layer) is Conv2D and _can_pass(layer):
            kernel, *bias = layer.get_weights()
            layer.set_weights([partial_identity(kernel), *bias])


def _can_pass(layer: Any) -> bool:
    side = layer.kernel_size[0]
    trained = layer.trainable and layer.kernel.trainable
    return trained and layer.strides == (1, 1) and layer.groups == 1 and side > 1 and side % 2 == 1


def partial_identity(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a kernel whose first filters pass the channels through unchanged.

    Args:
        kernel: (height, width, channels, filters) of a convolution; if there are more filters than
            channels, the remaining ones keep their values.
    """
    height, width, channels, filters = kernel.shape
    kernel, passed = kernel.copy(), min(channels, filters)
    kernel[..., :passed] = 0
    kernel[height // 2, width // 2, range(passed), range(passed)] = 1
    return kernel
