"""The options of a pretrained base, for the networks and feature sets that build on one."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from pipeline.checks import check_known
from pipeline.config.image_size import SizeOptions
from pipeline.pretrained.base import Base, Pooling, known_bases, load_base
from pipeline.pretrained.frozen import FrozenBase


def _default_layers(options: dict[str, Any]) -> tuple[str, ...]:
    """Return those of the base, if there is such a base."""
    name = options.get("base")
    return load_base(name).default_layers if name else ()


class BaseOptions(SizeOptions):
    """Which base, and what is read of it."""

    enlarges: ClassVar[bool] = True

    base: str = "vgg16"
    """The pretrained network: the name of a file in pipeline/pretrained, such as vgg16, or one of
    keras.applications, such as resnet50, mobilenet_v2, efficientnet_b0 or convnext_tiny."""
    weights: str = Field(default="imagenet", min_length=1)
    """imagenet (the published ones), random (an untrained control), or the path of a file."""
    image_size: int = Field(default=64, ge=32, le=512)
    """Resize images to this square; the cost grows with its area. Areas of larger images are
    averaged; smaller images are enlarged inside the model."""
    layers: tuple[str, ...] = Field(default_factory=_default_layers)
    """Layers whose outputs are used, such as block4_pool or block5_conv3 of VGG16; each base has
    its own default."""
    pooling: Pooling = "average"
    """How each layer's output becomes a vector: average, max, or flatten (keeps positions)."""

    @field_validator("base")
    @classmethod
    def _known_base(cls, base: str) -> str:
        check_known(base, known_bases(), "base")
        return base

    @field_validator("layers")
    @classmethod
    def _known_layers(cls, layers: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if "base" in info.data:  # otherwise the base is wrong, which is said already
            load_base(info.data["base"]).check_layers(layers)
        return layers

    @model_validator(mode="after")
    def _large_enough(self) -> Self:
        least = self.network_below.minimum_size
        if self.image_size < least:
            raise ValueError(
                f"image_size: found {self.image_size}; expected at least {least} pixels for "
                f"{self.base}"
            )
        return self

    @property
    def network_below(self) -> Base:
        """The base."""
        return load_base(self.base)

    def check_files(self) -> None:
        """Check the weights: a local file, or whether a download is available; without Keras."""
        self.network_below.check_weights(self.weights)

    def frozen_bases(self, seed: int) -> tuple[tuple[FrozenBase, bool], ...]:
        """Return what is read of frozen bases, each with whether mirrored images are read too.

        Other entries of params.yaml on the same base are computed with it; see
        `pipeline.pretrained.study_parts`.

        Args:
            seed: of the entry, for random weights.
        """
        raise NotImplementedError(f"{type(self).__name__} reads no frozen base")
