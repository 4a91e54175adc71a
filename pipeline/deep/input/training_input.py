"""How training images enter a network: gathered and augmented on the device.

The layers here are used only in training and are not part of the stored model.
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
from pipeline.deep.training_model import TrainingModel

BLOCK_VALUES = 2**24
"""Number of values summed at a time, to avoid a copy of a whole memory-mapped split."""


class TrainingInput:
    """The input pipeline: `batches` on the host and the layers on the device that read them.

    Args:
        inputs: (n, height, width, channels) pixels or (n, d) features, possibly memory-mapped.
        labels: (n,) in 0..classes-1.
        spec: batch size and augmentation.
        seed: of the order and of the augmentation.
        mirrored: like `inputs`: features of the mirrored images; needed for `flip` on features.
        on_device: keep all inputs in the device's memory; the host then sends only row numbers.

    Raises:
        StudyError: for an augmentation that is not possible with these inputs.
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
        self._fill = mean_color(inputs) if spec.cutout else None

    def model(self, network: keras.Model) -> keras.Model:
        """Return a model that maps `batches` to the outputs of `network`.

        It shares the layers and weights of `network`, so training one trains the other. Save and
        copy the weights of `network`: those of this model include any inputs on the device. With
        several outputs, `batches` from now on repeat the labels for each.
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
        return TrainingModel(given, network(x), name="training")


class StoredInputs(keras.layers.Layer):
    """Holds all training inputs in the device's memory and returns rows by number.

    uint8 pixels are kept as bfloat16, which represents 0..255 exactly: without XLA, TensorFlow
    cannot gather uint8 on a GPU and would copy all of them to the host at each step.

    Args:
        inputs: (n, ...), possibly memory-mapped.
        mirrored: like `inputs`; its rows are numbered from n.
    """

    def __init__(self, inputs: NDArray, mirrored: NDArray | None = None) -> None:
        super().__init__(name="stored_inputs", trainable=False)
        values = inputs if mirrored is None else np.concatenate([inputs, mirrored])
        dtype = "bfloat16" if values.dtype == np.uint8 else str(values.dtype)

        def given(shape: tuple[int, ...], dtype: str) -> Any:
            return ops.convert_to_tensor(np.asarray(values), dtype=dtype)

        # With autocast, mixed precision would convert all inputs at each step.
        self.values = self.add_weight(
            shape=values.shape,
            initializer=given,
            dtype=dtype,
            trainable=False,
            autocast=False,
            name="values",
        )

    def call(self, rows: Any) -> Any:
        """Return the inputs (b, ...) at `rows` (b,)."""
        return ops.take(self.values, rows, axis=0)

    def compute_output_spec(self, rows: keras.KerasTensor) -> keras.KerasTensor:
        """Return the shape without computing, which would read all inputs."""
        return keras.KerasTensor((*rows.shape, *self.values.shape[1:]), dtype=self.values.dtype)


class Augmentation(keras.layers.Layer):
    """Augments a batch as drawn, in training and in inference.

    Args:
        options: the augmentation.
        fill: (channels,) color of cutout squares.
    """

    def __init__(self, options: AugmentationOptions, fill: NDArray | None) -> None:
        super().__init__(name="augmentation", trainable=False)
        self._options, self._fill = options, fill

    def call(self, batch: dict[str, Any]) -> Any:
        """Return the images of ``inputs``, augmented according to the other entries."""
        draws = {name: values for name, values in batch.items() if name != "inputs"}
        return augment(batch["inputs"], draws, self._options, self._fill, self.compute_dtype)

    def compute_output_spec(self, batch: dict[str, Any]) -> keras.KerasTensor:
        """Return the shape of the images and the compute dtype."""
        return keras.KerasTensor(batch["inputs"].shape, dtype=self.compute_dtype)


def mean_color(images: NDArray) -> NDArray[np.float32]:
    """Return the mean color (channels,) of images (n, height, width, channels).

    For integer images it is rounded, so that every dtype in use represents it exactly.
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
            f"{spec.method}: found {asked[0]} with a frozen base, whose features are computed once "
            f"per image; {asked[0].split(':')[0]} needs pixels. Drop it, or train the whole "
            "network from pixels"
        )
    if inputs.ndim != 4 and spec.flip and mirrored is None:
        raise StudyError(
            f"{spec.method}: found flip for features without those of the mirrored images; "
            "expected both, or pixels. Drop it"
        )
    if inputs.ndim == 4:
        side = min(inputs.shape[1:3])
        for name in ("crop", "cutout"):
            if pixels[name] >= side:
                raise StudyError(
                    f"{spec.method}: found {name}: {pixels[name]} for images of "
                    f"{inputs.shape[1]}×{inputs.shape[2]} pixels; expected less than {side}, so "
                    "that some of the image remains. Choose a smaller value"
                )
