"""The way of the training images into a network: gathered, augmented, on the device.

What is here serves training alone and is not part of the stored model.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from pipeline.checks import StudyError
from pipeline.deep.input.augmentation import augment
from pipeline.deep.input.batches import Batches
from pipeline.deep.options import AugmentationOptions
from pipeline.deep.spec import DeepSpec

BLOCK_VALUES = 2**24
"""Values summed at a time, so that no copy of a whole memory-mapped split is made."""


class TrainingInput:
    """Joins what the host gives, `batches`, and what the device makes of it, in `model`.

    Args:
        inputs: (n, height, width, channels) pixels or (n, d) features, possibly memory-mapped.
        labels: (n,) in 0..classes-1.
        spec: batch size and augmentation.
        seed: of the order and of the augmentation.
        mirrored: like `inputs`, the features of the mirrored images; needed for `flip` on features.
        on_device: keep all inputs in the device's memory, and let the host give row numbers.

    Raises:
        StudyError: for an augmentation that these inputs cannot have.
    """

    def __init__(
        self,
        inputs: NDArray,
        labels: NDArray[np.integer],
        spec: DeepSpec,
        seed: int,
        mirrored: NDArray | None = None,
        on_device: bool = False,
    ) -> None:
        _check(inputs, mirrored, spec)
        self.batches = Batches(inputs, labels, spec.batch_size, seed, spec, mirrored, on_device)
        self._options = spec
        self._stored = StoredInputs(inputs, mirrored) if on_device else None
        self._augments = spec.augments and mirrored is None
        self._fill = mean_colour(inputs) if spec.cutout else None

    def model(self, network: keras.Model) -> keras.Model:
        """Return a model from what `batches` give to the outputs of `network`.

        Its layers and weights are the network's: training the one trains the other. Save and copy
        the weights of `network`; those of this model hold the inputs too, where they are on the
        device. With several outputs, `batches` give the labels once for each from now on.
        """
        first, _ = self.batches[0]
        given = {
            name: keras.Input(values.shape[1:], dtype=str(values.dtype), name=name)
            for name, values in first.items()
        }
        draws = {name: x for name, x in given.items() if name not in ("rows", "inputs")}
        x = self._stored(given["rows"]) if self._stored is not None else given["inputs"]
        if self._augments:
            x = Augmentation(self._options, self._fill)({"inputs": x, **draws})
        self.batches.copies_of_labels = len(network.outputs)
        return keras.Model(given, network(x), name="training")


class StoredInputs(keras.layers.Layer):
    """All training inputs in the device's memory, from which it gives rows by their numbers.

    Pixels of uint8 are kept as bfloat16, which holds 0..255 exactly: TensorFlow has no gather of
    uint8 on a GPU outside of XLA, and would copy all of them to the host at each step.

    Args:
        inputs: (n, ...), possibly memory-mapped.
        mirrored: like `inputs`; its rows are counted on from n.
    """

    def __init__(self, inputs: NDArray, mirrored: NDArray | None = None) -> None:
        super().__init__(name="stored_inputs", trainable=False)
        values = inputs if mirrored is None else np.concatenate([inputs, mirrored])
        dtype = "bfloat16" if values.dtype == np.uint8 else str(values.dtype)

        def given(shape: tuple[int, ...], dtype: str) -> Any:
            return ops.convert_to_tensor(np.asarray(values), dtype=dtype)

        # Without autocast: mixed precision would convert all of it at each step.
        self.values = self.add_weight(
            shape=values.shape,
            initializer=given,
            dtype=dtype,
            trainable=False,
            autocast=False,
            name="values",
        )

    def call(self, rows: Any) -> Any:
        """Return the inputs (b, ...) of `rows` (b,)."""
        return ops.take(self.values, rows, axis=0)

    def compute_output_spec(self, rows: keras.KerasTensor) -> keras.KerasTensor:
        """Return the shape without computing, for which all inputs would be read."""
        return keras.KerasTensor((*rows.shape, *self.values.shape[1:]), dtype=self.values.dtype)


class Augmentation(keras.layers.Layer):
    """Augments a batch as drawn, whether in training or not.

    Args:
        options: what is done.
        fill: (channels,) colour of cut-out squares.
    """

    def __init__(self, options: AugmentationOptions, fill: NDArray | None) -> None:
        super().__init__(name="augmentation", trainable=False)
        self._options, self._fill = options, fill

    def call(self, batch: dict[str, Any]) -> Any:
        """Return the images of ``inputs``, changed as the other entries say."""
        draws = {name: values for name, values in batch.items() if name != "inputs"}
        return augment(batch["inputs"], draws, self._options, self._fill, self.compute_dtype)

    def compute_output_spec(self, batch: dict[str, Any]) -> keras.KerasTensor:
        """Return the shape of the images, in the dtype that layers compute in."""
        return keras.KerasTensor(batch["inputs"].shape, dtype=self.compute_dtype)


def mean_colour(images: NDArray) -> NDArray[np.float32]:
    """Return the mean (channels,) of images (n, height, width, channels), a colour they can have.

    Of whole numbers it is a whole number, which every dtype on the way into a network holds.
    """
    block = max(1, BLOCK_VALUES // max(1, images[0].size))
    starts = range(0, len(images), block)
    sums = [images[start : start + block].sum(axis=(0, 1, 2), dtype=np.float64) for start in starts]
    pixels = images.size // images.shape[-1]
    mean = np.sum(sums, axis=0) / pixels
    whole = np.issubdtype(images.dtype, np.integer)
    return (np.rint(mean) if whole else mean).astype(np.float32)


def _check(inputs: NDArray, mirrored: NDArray | None, spec: DeepSpec) -> None:
    pixels = {name: getattr(spec, name) for name in ("crop", "shift", "cutout")}
    asked = [f"{name}: {value:g}" for name, value in pixels.items() if value]
    if inputs.ndim != 4 and asked:
        raise StudyError(
            f"{spec.method}: found {asked[0]} in front of a frozen base, whose features are "
            f"computed once an image; {asked[0].split(':')[0]} needs pixels. Drop it, or train the "
            "whole network from pixels"
        )
    if inputs.ndim != 4 and spec.flip and mirrored is None:
        raise StudyError(
            f"{spec.method}: found flip: true for features without those of the mirrored images; "
            "flip needs pixels or both. Drop it"
        )
    if inputs.ndim == 4:
        side = min(inputs.shape[1:3])
        for name in ("crop", "cutout"):
            if pixels[name] >= side:
                raise StudyError(
                    f"{spec.method}: found {name}: {pixels[name]} for images of "
                    f"{inputs.shape[1]}×{inputs.shape[2]} pixels; expected less than {side}, or "
                    "nothing may be left of an image"
                )
