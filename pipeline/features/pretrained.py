"""Features from a frozen, pretrained network: deep features for any classifier.

Simonyan and Zisserman (2015), section 5 and appendix B, use the features of VGG16 on other datasets
with a linear SVM; Razavian et al. (2014), "CNN Features off-the-shelf", do so for many tasks.
Departures: images are resized to one size, without crops; gray images are read as three equal
channels; an option takes the square root of the
features, which compresses their long tails for a radial kernel.

The network is one of those in `pipeline.pretrained`, which ``transfer`` also uses. Keras is
imported only where pixels are turned into features.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.channels import RGB
from pipeline.features.spec import Extractor, FeatureSpec
from pipeline.inference import predict
from pipeline.keras_backend import check_backend
from pipeline.pretrained.base import ComputePrecision, Weights
from pipeline.pretrained.base_features import base_features
from pipeline.pretrained.frozen import FrozenBase, Part
from pipeline.pretrained.options import BaseOptions
from pipeline.progress import Tenths
from pipeline.resizing import Sides

if TYPE_CHECKING:
    import keras

Precision = Literal["auto", "float32", "bfloat16"]
_QUIET = 5_000
"""No progress is printed for up to this many images."""


class Spec(BaseOptions, FeatureSpec):
    """Options of the features of a frozen, pretrained network."""

    family: ClassVar[Literal["classical", "hybrid"]] = "hybrid"

    method: Literal["pretrained"] = "pretrained"
    """The name of this extractor."""
    sqrt: bool = False
    """Take the square root of the absolute value of each feature, with its sign, which compresses
    their long tails."""
    precision: Precision = "auto"
    """Compute precision of the convolutions. bfloat16 is several times as fast on CPUs and GPUs
    with hardware support (AMX, tensor cores), and far slower on others. auto: bfloat16 on a GPU and
    on a CPU that is at least 1.5 times as fast in it (measured once), else float32."""

    def features_per_image(self, sides: Sides, channels: int = RGB) -> int:
        """Return the length of all layers' vectors; images are resized inside."""
        shapes = (self.network_below.output_shape(each, self.image_size) for each in self.layers)
        return sum(math.prod(each) if self.pooling == "flatten" else each[2] for each in shapes)

    def build(self, seed: int) -> PretrainedFeatures:
        """Return the extractor; `seed` is used for random weights."""
        return PretrainedFeatures(self, seed)

    def frozen_base(self, seed: int, precision: ComputePrecision) -> FrozenBase:
        """Return the base, and what is read of it."""
        parts = tuple(Part(layer, self.pooling) for layer in self.layers)
        return FrozenBase(self.base, self.weights, self.image_size, precision, parts, seed)

    def frozen_bases(self, seed: int) -> tuple[tuple[FrozenBase, bool], ...]:
        """Return the base; a classical run says whether it reads mirrored images."""
        from pipeline.device import compute_precision

        return ((self.frozen_base(seed, compute_precision(self.precision)), False),)


class PretrainedFeatures(Extractor):
    """Pooled activations of a frozen network; layers are joined in the order of the options.

    `fit` reads the weights and learns nothing from the images. A stored extractor contains the
    weights, so it needs no other file: VGG16's take 59 MB, or less if no deep layer is used.
    """

    def __init__(self, spec: Spec, seed: int = 0) -> None:
        self.spec = spec
        self.seed = seed

    def fit(self, images: NDArray[np.uint8]) -> Self:
        """Read the weights, and choose the precision, which a stored extractor keeps."""
        self.spec.check_images(images)
        check_backend()  # now, rather than after all weights are read
        from pipeline.device import compute_precision

        self.precision_: ComputePrecision = compute_precision(self.spec.precision)
        loaded = self.spec.frozen_base(self.seed, self.precision_).loaded()
        self.weights_: Weights = loaded.values or {}
        return self

    def transform(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the features of images.

        Args:
            images: (n, height, width, 3) uint8 in RGB order, or (n, height, width, 1) in gray.

        Returns:
            (n, d) float32.

        Raises:
            StudyError: if `images` has another form.
        """
        self.spec.check_images(images)
        n = len(images)
        progress = Tenths(self.spec.network_below.title, n) if n > _QUIET else None
        network = self.network((images.shape[1], images.shape[2], images.shape[3]))
        return self._finished(predict(network, images, on_batch=progress))

    def transform_split(
        self,
        images: NDArray[np.uint8],
        split: str,
        cache_folder: Path | None = None,
        mirrored: bool = False,
    ) -> tuple[NDArray[np.float32], float]:
        """Return the features of a split; a network on the same base may have computed them."""
        self.spec.check_images(images)
        found = base_features(self._frozen(), images, split, cache_folder, mirrored)
        start = time.perf_counter()
        features = self._finished(np.array(found.values))
        return features, found.seconds + time.perf_counter() - start

    def record(self) -> dict[str, Any]:
        """Return the precision that was chosen, and by which ratio of speeds."""
        from pipeline.device import precision_record

        return {"precision": self.precision_, **precision_record(self.spec.precision)}

    @property
    def n_parameters(self) -> int:
        """Number of weights in the layers that are computed."""
        return sum(array.size for arrays in self.weights_.values() for array in arrays)

    def multiply_adds(self, image_shape: tuple[int, int, int]) -> int:
        """Count products of kernels and inputs, at the size of the resized images."""
        return self.spec.network_below.multiply_adds(self.spec.layers, self.spec.image_size)

    def _finished(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the square root in place, if it is wanted."""
        if self.spec.sqrt:
            negative = features < 0  # VGG16 has none; other bases' blocks end without a ReLU
            np.sqrt(np.abs(features, out=features), out=features)
            np.negative(features, out=features, where=negative)
        return features

    def _frozen(self) -> FrozenBase:
        return replace(self.spec.frozen_base(self.seed, self.precision_), values=self.weights_)

    def use_float32(self) -> None:
        """Compute in float32 from now on, whatever the precision that was chosen."""
        self.precision_ = "float32"
        self.__dict__.pop("_networks", None)

    def network(self, shape: tuple[int, int, int]) -> keras.Model:
        """Build the base once for each image shape; `_networks` is not stored."""
        networks = self.__dict__.setdefault("_networks", {})
        if shape not in networks:
            networks[shape] = self._frozen().model(shape)
        return networks[shape]
