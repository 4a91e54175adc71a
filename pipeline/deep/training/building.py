"""Building what is trained from the options: inputs, network, compiled training model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from pipeline import device
from pipeline.class_balance import balanced_weights
from pipeline.deep.cost import leaf_layers
from pipeline.deep.input.training_input import TrainingInput
from pipeline.deep.sanity.memory import weights_that_fit
from pipeline.deep.spec import DeepSpec, output_units
from pipeline.deep.training.epochs import Trainable
from pipeline.deep.training.losses import build_loss
from pipeline.deep.training.optimizers import build_optimizer
from pipeline.pretrained.base_features import BaseFeatures, base_features
from pipeline.pretrained.frozen import FrozenBase
from pipeline.storage.splits import SPLITS

MIRRORED = "mirrored train"
"""Key for the features of the mirrored training images, alongside the splits."""


@dataclass(frozen=True)
class Whole:
    """Images of which each split is a part."""

    images: Mapping[str, NDArray[np.uint8]]
    """Split -> (n, height, width, 3) uint8, RGB; the same array for splits that divide one."""
    rows: Mapping[str, NDArray[np.int64] | None]
    """Split -> positions of its images, each as often as it is learned from; None for all."""

    def split_up(self) -> dict[str, NDArray[np.uint8]]:
        """Return split -> images, as copies unless it is all of them."""
        return {split: _chosen(images, self.rows[split]) for split, images in self.images.items()}

    def seen(self, resized: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]) -> Whole:
        """Return the same with resized images."""
        each = {id(images): images for images in self.images.values()}
        made = {key: resized(images) for key, images in each.items()}
        return Whole({split: made[id(images)] for split, images in self.images.items()}, self.rows)

    def title(self, split: str) -> str:
        """Return what the images of a split are a part of, for progress lines."""
        sharing = [each for each in self.images.values() if each is self.images[split]]
        return "all images" if len(sharing) > 1 else split


def _chosen(values: NDArray, rows: NDArray[np.int64] | None) -> NDArray:
    return values if rows is None else values[rows]


class Phase:
    """One training phase: its inputs and its network.

    Args:
        spec: the phase's options, one of `DeepSpec.phases`.
        index: of the phase, from 0.
        phases: number of phases.
        images: split -> (n, height, width, 3) uint8, RGB.
        n_classes: number of classes.
        seed: for the initial weights.
        cache_folder: cache for features of a frozen base; None disables it.
        whole: images of which those of each split are `rows`: their base features are computed once
            for all, however they are divided. None to compute those of each split.
    """

    def __init__(
        self,
        spec: DeepSpec,
        index: int,
        phases: int,
        images: Mapping[str, NDArray[np.uint8]],
        n_classes: int,
        seed: int,
        cache_folder: Path | None,
        whole: Whole | None = None,
    ) -> None:
        self.whole = whole
        self.spec, self.index, self.phases = spec, index, phases
        self.n_classes, self.seed = n_classes, seed
        self.image_shape = tuple(images["train"].shape[1:])
        self.policy = device.compute_policy(spec.precision)
        frozen = spec.frozen_base(seed)
        self.frozen = frozen.loaded() if frozen else None
        self.features = self._features(images, cache_folder)
        self.inputs = {split: found.values for split, found in self.features.items()}
        # Seed again, so that a phase starts the same way in a resumed training, and whether its
        # features were computed or read.
        keras.utils.set_random_seed(seed)
        with _policy(self.policy):
            self.base = self.frozen.model(self.image_shape) if self.frozen else None
        start = time.perf_counter()
        with _policy(self.policy):
            self._build()
        self.setup_seconds = time.perf_counter() - start + self._base_seconds()
        """Time of all work before the first epoch, except base features of test images."""

    def _features(
        self, images: Mapping[str, NDArray[np.uint8]], cache_folder: Path | None
    ) -> dict[str, BaseFeatures]:
        """Return the inputs: features of the base, or the pixels, which cost nothing."""
        if self.frozen is None:
            return {split: BaseFeatures(images[split], 0.0) for split in SPLITS}
        frozen = self.frozen
        if self.whole is not None:
            return self._features_of_rows(frozen, self.whole, cache_folder)
        found = {
            split: base_features(frozen, images[split], split, cache_folder) for split in SPLITS
        }
        if self.spec.flip:
            found[MIRRORED] = base_features(
                frozen, images["train"], "train", cache_folder, mirrored=True
            )
        return found

    def _features_of_rows(
        self, frozen: FrozenBase, whole: Whole, cache_folder: Path | None
    ) -> dict[str, BaseFeatures]:
        """Return the base features of each split; their seconds are its share of those of all."""
        computed: dict[tuple[int, bool], BaseFeatures] = {}

        def of_rows(split: str, mirrored: bool = False) -> BaseFeatures:
            images, rows = whole.images[split], whole.rows[split]
            key = id(images), mirrored
            if key not in computed:
                title = whole.title(split)
                computed[key] = base_features(frozen, images, title, cache_folder, mirrored)
            every = computed[key]
            distinct = len(images) if rows is None else len(np.unique(rows))
            seconds = every.seconds * distinct / len(images)
            return BaseFeatures(_chosen(every.values, rows), seconds)

        found = {split: of_rows(split) for split in SPLITS}
        if self.spec.flip:
            found[MIRRORED] = of_rows("train", mirrored=True)
        return found

    def _base_seconds(self) -> float:
        return sum(found.seconds for name, found in self.features.items() if name != "test")

    def _build(self) -> None:
        spec, inputs = self.spec, self.inputs["train"]
        shape = tuple(inputs.shape[1:])
        with weights_that_fit(spec):
            network = spec.network(shape, output_units(self.n_classes))
        spec.initialize(network, inputs)
        preprocessing = spec.preprocessing(inputs)
        first = keras.Input(shape, dtype=str(inputs.dtype), name="inputs")
        x = preprocessing(first) if preprocessing is not None else first
        self.all_outputs = keras.Model(first, network(x), name="trained")
        # Auxiliary heads are used only in training; the stored network does not have them.
        main = keras.Model(network.inputs, network.outputs[0], name=network.name)
        self.network = keras.Model(first, main(x), name="network")
        self.network.jit_compile = device.compiles_with_xla(spec.xla)

    def trainable(self, labels: Mapping[str, NDArray[np.int64]]) -> Trainable:
        """Return the compiled training model with its batches.

        Args:
            labels: "train" and "validation" -> (n,) int64.
        """
        spec = self.spec
        mirrored = self.inputs.get(MIRRORED)
        n_bytes = sum(each.nbytes for each in (self.inputs["train"], mirrored) if each is not None)
        source = TrainingInput(
            self.inputs["train"],
            labels["train"],
            spec,
            self.seed,
            mirrored=mirrored,
            on_device=device.keeps_data(spec.data_on_device, n_bytes),
        )
        with _policy(self.policy):
            model = source.model(self.all_outputs)
        weights = spec.loss_weights()
        class_weights = balanced_weights(labels["train"]) if spec.balance else None
        steps = len(source.batches)
        model.compile(
            optimizer=build_optimizer(spec, steps),
            loss=[build_loss(spec, self.n_classes, class_weights) for _ in weights],
            loss_weights=list(weights),
            jit_compile=device.compiles_with_xla(spec.xla),
            steps_per_execution=device.steps_per_call(spec.steps_per_call, steps),
        )
        # If the first step built the variables, TensorFlow would trace that step twice.
        model.optimizer.build(model.trainable_variables)
        return Trainable(
            spec=spec,
            phase=self.index,
            phases=self.phases,
            network=self.network,
            model=model,
            batches=source.batches,
            inputs=self.inputs,
            labels=labels,
        )

    def start_from(self, before: keras.Model) -> None:
        """Copy the weights of layers that `before`, the network of an earlier phase, also has."""
        known = {layer.name: layer for layer in leaf_layers(before)}
        for layer in leaf_layers(self.network):
            if layer.name in known and layer.weights:
                layer.set_weights(known[layer.name].get_weights())

    def from_pixels(self) -> keras.Model:
        """Return one model of base and network, which takes pixels and shares their weights."""
        pixels = keras.Input(self.image_shape, name="pixels")
        x = self.base(pixels) if self.base is not None else pixels
        for layer in self.network.layers[1:]:
            x = layer(x)
        model = keras.Model(pixels, x, name="classifier")
        model.jit_compile = device.compiles_with_xla(self.spec.xla)
        return model


@contextmanager
def _policy(name: str) -> Iterator[None]:
    """Set Keras's dtype policy for layers that are built inside the block."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
