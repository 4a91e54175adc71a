"""Training: our code compared with `model.fit` on NumPy arrays, for the same networks and steps.

Epochs of each are timed alternately, after compilation. On a CPU both compute in float32. On a GPU
our code uses its default options: bfloat16, images on the device, and several steps per call; Keras
uses its own defaults.
"""

from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np

from pipeline import device
from pipeline.config import registry
from pipeline.deep.spec import DeepSpec
from pipeline.deep.training.building import Phase
from pipeline.deep.training.losses import build_loss
from pipeline.deep.training.optimizers import build_optimizer
from tests.benchmarks.measure import Row, race
from tests.benchmarks.photographs import SIDE, patches

SUBJECT = "Training throughput"
BATCH, CLASSES, REPETITIONS = 128, 10, 3
IMAGES = {"lenet5": (4_096, 46_080), "resnet": (768, 46_080), "airbench": (1_536, 46_080)}
"""On a CPU, and on an accelerator."""
WIDTHS = {"airbench": 0.5}
MOVES = {"flip": True, "crop": 4}
LAYERS = "RandomFlip, RandomTranslation in the model"


def rows() -> list[Row]:
    """Compare all networks, without and with augmentation."""
    return [
        row
        for method in IMAGES
        for options in ({"flip": False, "crop": 0}, MOVES)
        for row in _compare(_spec(method, options))
    ]


def epoch(method: str) -> tuple[Callable[[], object], int]:
    """Return what trains one of the networks for an epoch, not augmented; and the images in it."""
    n = IMAGES[method][device.has_accelerator()]
    labels = np.random.default_rng(0).integers(0, CLASSES, n)
    return _ours(_spec(method, {"flip": False, "crop": 0}), patches(n), labels), n


def _spec(method: str, options: dict) -> DeepSpec:
    width = {"width": WIDTHS[method]} if method in WIDTHS else {}
    precision = {} if device.has_accelerator() else {"precision": "float32"}
    given = {"method": method, "batch_size": BATCH, "schedule": "constant", **precision, **width}
    given |= options
    return registry.parse("deep", given, f"deep.{method}")


def _compare(spec: DeepSpec) -> list[Row]:
    n = IMAGES[spec.method][device.has_accelerator()]
    images = patches(n)
    labels = np.random.default_rng(0).integers(0, CLASSES, n)
    ways = {"model.fit on NumPy arrays, Keras's defaults": "auto"}
    if not device.has_accelerator():
        ways["the same, jit_compile=False"] = False
    others = {name: _plain(spec, images, labels, jit) for name, jit in ways.items()}
    for other in others.values():
        other()
    moved = "flip and 4-pixel crop" if spec.augments else "not augmented"
    found = race(
        f"{spec.method}, one epoch of {n:,} images, {moved}",
        _ours(spec, images, labels),
        {name: (other, "") for name, other in others.items()},
        REPETITIONS,
    )
    if spec.augments:
        found = [replace(row, other=f"{row.other}, {LAYERS}") for row in found]
    return [
        replace(row, agreement=f"{n / row.ours:,.0f} images/s and {n / row.seconds:,.0f}")
        for row in found
    ]


def _ours(spec: DeepSpec, images: np.ndarray, labels: np.ndarray):
    few = {"train": images, "validation": images[:BATCH], "test": images[:BATCH]}
    phase = Phase(spec, 0, 1, few, CLASSES, seed=0, cache_folder=None)
    ready = phase.trainable({"train": labels, "validation": labels[:BATCH]})
    return lambda: ready.model.fit(ready.batches, shuffle=False, verbose=0)


def _plain(spec: DeepSpec, images: np.ndarray, labels: np.ndarray, jit: bool | str):
    shape = (SIDE, SIDE, 3)
    first = x = keras.Input(shape)
    if spec.augments:
        share = spec.crop / SIDE
        x = keras.layers.RandomFlip("horizontal")(x)
        x = keras.layers.RandomTranslation(
            share, share, fill_mode="constant", interpolation="nearest"
        )(x)
    model = keras.Model(first, spec.network(shape, CLASSES)(x))
    steps = len(images) // BATCH
    loss = build_loss(spec, CLASSES)
    model.compile(build_optimizer(spec, steps), loss=loss, jit_compile=jit)
    floats = images.astype(np.float32) / 255
    return lambda: model.fit(floats, labels, batch_size=BATCH, verbose=0)
