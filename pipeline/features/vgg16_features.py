"""What a frozen VGG16, trained on ImageNet, says of images: deep features for any classifier.

Simonyan and Zisserman (2015), section 5 and appendix B, read the network out for other datasets and
put a linear SVM on it; Razavian et al. (2014), "CNN Features off-the-shelf", did so for many tasks.
Departures: layers before the last one are read out too, as small images leave the deepest ones a
few positions only; images are resized to one size, without crops; the square root of the features
can be taken, which evens out their long tails for a radial kernel.

The base is that of `pipeline.pretrained.vgg16`, which ``vgg16_transfer`` trains its head on. Keras
is imported where pixels are turned into features, and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.features.spec import Extractor, FeatureSpec
from pipeline.inference import predict
from pipeline.keras_backend import check_backend
from pipeline.pretrained.vgg16 import BaseOptions, Precision, output_shape, vgg16_base
from pipeline.pretrained.weights import Weights, load_weights
from pipeline.progress import Tenths

if TYPE_CHECKING:
    import keras

_QUIET = 5_000
"""Up to this many images no progress is printed."""


class Spec(BaseOptions, FeatureSpec):
    """Options of the features of a frozen VGG16."""

    family: ClassVar[Literal["classical", "hybrid"]] = "hybrid"

    method: Literal["vgg16_features"] = "vgg16_features"
    """The name of this extractor."""
    sqrt: bool = False
    """Square root of each feature (all are >= 0), which evens out their long tails."""
    precision: Precision = "float32"
    """What the convolutions compute in. bfloat16 is several times as fast on processors and GPUs
    that multiply it in hardware (AMX, tensor cores), and far slower on others."""

    def build(self, seed: int) -> VGG16Features:
        """Return the extractor; `seed` draws the weights where they are random."""
        return VGG16Features(self, seed)


class VGG16Features(Extractor):
    """Pooled activations of a frozen VGG16, the layers joined in the order of the options.

    `fit` reads the weights and learns nothing from the images. The weights are kept, so that a
    stored extractor needs no file: it carries 59 MB, less where no deep layer is read.
    """

    def __init__(self, spec: Spec, seed: int = 0) -> None:
        self.spec = spec
        self.seed = seed

    def fit(self, images: NDArray[np.uint8]) -> Self:
        """Read the weights."""
        self.spec.check_images(images)
        check_backend()  # now, rather than after all weights are read
        self.weights_: Weights = load_weights(self.spec.weights, self.seed, self.spec.layers)
        return self

    def transform(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the features of images.

        Args:
            images: (n, height, width, 3) uint8 in RGB order.

        Returns:
            (n, d) float32, >= 0.

        Raises:
            StudyError: if `images` is something else.
        """
        self.spec.check_images(images)
        n = len(images)
        progress = Tenths("VGG16", n) if n > _QUIET else None
        network = self._network((images.shape[1], images.shape[2], 3))
        features = predict(network, images, on_batch=progress)
        return np.sqrt(features, out=features) if self.spec.sqrt else features

    @property
    def n_parameters(self) -> int:
        """Kernels and biases of the layers that are computed."""
        return sum(kernel.size + bias.size for kernel, bias in self.weights_.values())

    def multiply_adds(self, image_shape: tuple[int, int, int]) -> int:
        """Count products of kernels and inputs, at the size that images are resized to."""
        total = 0
        for name, (kernel, _) in self.weights_.items():
            height, width, _ = output_shape(name, self.spec.image_size)
            total += height * width * kernel.size
        return total

    def _network(self, shape: tuple[int, int, int]) -> keras.Model:
        """Build the base, once for each shape of images; `_networks` is not stored."""
        networks = self.__dict__.setdefault("_networks", {})
        if shape not in networks:
            spec = self.spec
            networks[shape] = vgg16_base(
                self.weights_,
                spec.image_size,
                spec.layers,
                spec.pooling,
                image_shape=shape,
                precision=spec.precision,
            )
        return networks[shape]
