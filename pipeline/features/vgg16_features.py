"""Features from a frozen VGG16, pretrained on ImageNet: deep features for any classifier.

Simonyan and Zisserman (2015), section 5 and appendix B, use the network's features on other
datasets with a linear SVM; Razavian et al. (2014), "CNN Features off-the-shelf", do so for many
tasks. Departures: earlier layers are used too, because small images leave only a few positions in
the deepest ones; images are resized to one size, without crops; an option takes the square root of
the features, which compresses their long tails for a radial kernel.

The base is that of `pipeline.pretrained.vgg16`, which ``vgg16_transfer`` also uses. Keras is
imported only where pixels are turned into features.
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
"""No progress is printed for up to this many images."""


class Spec(BaseOptions, FeatureSpec):
    """Options of the features of a frozen VGG16."""

    family: ClassVar[Literal["classical", "hybrid"]] = "hybrid"

    method: Literal["vgg16_features"] = "vgg16_features"
    """The name of this extractor."""
    sqrt: bool = False
    """Take the square root of each feature (all are >= 0), which compresses their long tails."""
    precision: Precision = "float32"
    """Compute precision of the convolutions. bfloat16 is several times as fast on CPUs and GPUs
    with hardware support (AMX, tensor cores), and far slower on others."""

    def build(self, seed: int) -> VGG16Features:
        """Return the extractor; `seed` is used for random weights."""
        return VGG16Features(self, seed)


class VGG16Features(Extractor):
    """Pooled activations of a frozen VGG16; layers are joined in the order of the options.

    `fit` reads the weights and learns nothing from the images. A stored extractor contains the
    weights, so it needs no other file; it takes 59 MB, or less if no deep layer is used.
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
            StudyError: if `images` has another form.
        """
        self.spec.check_images(images)
        n = len(images)
        progress = Tenths("VGG16", n) if n > _QUIET else None
        network = self._network((images.shape[1], images.shape[2], 3))
        features = predict(network, images, on_batch=progress)
        return np.sqrt(features, out=features) if self.spec.sqrt else features

    @property
    def n_parameters(self) -> int:
        """Number of weights in the layers that are computed."""
        return sum(kernel.size + bias.size for kernel, bias in self.weights_.values())

    def multiply_adds(self, image_shape: tuple[int, int, int]) -> int:
        """Count products of kernels and inputs, at the size of the resized images."""
        total = 0
        for name, (kernel, _) in self.weights_.items():
            height, width, _ = output_shape(name, self.spec.image_size)
            total += height * width * kernel.size
        return total

    def _network(self, shape: tuple[int, int, int]) -> keras.Model:
        """Build the base once for each image shape; `_networks` is not stored."""
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
