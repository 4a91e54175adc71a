"""MNIST: 70,000 handwritten digits, gray images of 28×28 pixels, 60,000 of them for training.

LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition" (Proc.
IEEE 86, 1998), section III.A. Digits are white on black. About 250 people wrote the training
images, and others the test images, so that accuracies apply to new writers.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from pipeline.data.idx_images import FASHION_MD5, MNIST_MD5, IdxSpec, published_files
from pipeline.data.reading.published import Published

OFFICIAL = published_files(
    "MNIST",
    "mnist",
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    MNIST_MD5,
    (
        ("440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", 9_912_422),
        ("3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", 28_881),
        ("8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", 1_648_877),
        ("f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", 4_542),
    ),
    dict.fromkeys(FASHION_MD5.values(), "Fashion-MNIST"),
)
"""Of a mirror that torchvision uses: yann.lecun.com no longer offers the files to everybody."""


class Spec(IdxSpec):
    """Handwritten digits, 28×28 pixels in gray, from their four official files."""

    author: ClassVar[str] = "LeCun, Cortes and Burges 1998"
    mirrors: ClassVar[bool] = False
    title: Annotated[str, Field(min_length=1, max_length=60)] | None = OFFICIAL.title
    """What the report calls the images."""

    @property
    def official(self) -> Published:
        """The files."""
        return OFFICIAL

    @property
    def all_classes(self) -> tuple[str, ...]:
        """The ten digits."""
        return tuple(map(str, range(10)))
