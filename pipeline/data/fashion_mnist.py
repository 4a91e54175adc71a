"""Fashion-MNIST: 70,000 photographs of clothes, gray, 28×28 pixels, 60,000 of them for training.

Xiao, Rasul and Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning
algorithms" (2017; arXiv 1708.07747). It has the form of MNIST, and is harder.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from pipeline.data.idx_images import FASHION_MD5, MNIST_MD5, IdxSpec, published_files
from pipeline.data.reading.published import Published

OFFICIAL = published_files(
    "Fashion-MNIST",
    "fashion-mnist",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
    FASHION_MD5,
    (
        ("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", 26_421_880),
        ("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", 29_515),
        ("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", 4_422_102),
        ("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", 5_148),
    ),
    dict.fromkeys(MNIST_MD5.values(), "MNIST"),
)


class Spec(IdxSpec):
    """Photographs of clothes, 28×28 pixels in gray, from their four official files."""

    author: ClassVar[str] = "Xiao, Rasul and Vollgraf 2017"
    title: Annotated[str, Field(min_length=1, max_length=60)] | None = OFFICIAL.title
    """What the report calls the images."""

    @property
    def official(self) -> Published:
        """The files."""
        return OFFICIAL

    @property
    def all_classes(self) -> tuple[str, ...]:
        """The ten kinds, named as in table 2 of the paper."""
        return (
            *("t-shirt/top", "trouser", "pullover", "dress", "coat"),
            *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
        )
