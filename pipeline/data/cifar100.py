"""CIFAR-100: 60,000 color photographs of 32×32 pixels, 50,000 of them for training.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (technical report, University of
Toronto, 2009), chapter 3. Each image has two labels: one of 100 fine classes, such as beaver, and
one of 20 coarse ones, such as aquatic mammals. There are three official files, of the format of
CIFAR-10's: the training images, the test images and the class names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from pipeline.data import cifar10
from pipeline.data.reading.download import RemoteFile
from pipeline.data.reading.published import Published, obtain
from pipeline.data.spec import DatasetSpec, RawDataset, published_source
from pipeline.storage.source import Source

OFFICIAL = Published(
    title="CIFAR-100",
    md5={
        "train": "16019d7e3df5f24257cddd939b257f8d",
        "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
        "meta": "7973b15100ade9c7d40fb424638fde48",
    },
    folder="cifar-100-python",
    archive=RemoteFile(
        name="cifar-100-python.tar.gz",
        url="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        sha256="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
        size=169_001_437,
        md5="eb9058c3a382ffc7106e4002c42a8d85",
    ),
    siblings=dict.fromkeys(cifar10.OFFICIAL.md5, "CIFAR-10"),
    common_names=True,
)
"""MD5 of the files as in torchvision's `datasets/cifar.py`; of the archive, as on its web page."""
SPLITS = ("train", "test")
NAMES = "meta"


class Spec(DatasetSpec):
    """CIFAR-100, from its three official files: in a folder, or in any archive of it."""

    published_train: ClassVar[int | None] = 50_000

    title: Annotated[str, Field(min_length=1, max_length=60)] | None = OFFICIAL.title
    """What the report calls the images."""
    labels: Literal["fine", "coarse"] = "fine"
    """The 100 fine classes, or the 20 coarse ones that five of them form."""

    def fetch(self) -> Source:
        """Find the files in data/incoming or at `path`, or download their archive; 169 MB."""
        return published_source(OFFICIAL, self, "Krizhevsky 2009")

    def load(self, source: Source) -> RawDataset:
        """Find the files again, verify them again, and read both batches."""
        contents = obtain(OFFICIAL, Path(self.path), may_download=False)
        class_names = cifar10.read_names(contents[NAMES], NAMES, f"{self.labels}_label_names")
        key = f"{self.labels}_labels"
        batches = {name: cifar10.read_batch(contents.pop(name), name, key) for name in SPLITS}
        counts = [len(labels) for _, labels in batches.values()]
        return RawDataset(
            images=np.concatenate([images for images, _ in batches.values()]),
            labels=np.concatenate([labels for _, labels in batches.values()]),
            class_names=class_names,
            split=np.repeat(SPLITS, counts).astype("<U10"),
            image_names=np.array(
                [f"{name}/{i}" for name, n in zip(SPLITS, counts, strict=True) for i in range(n)]
            ),
        )
