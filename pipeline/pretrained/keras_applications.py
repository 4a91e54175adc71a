"""The networks of `keras.applications` as bases, by name: ``base: resnet50``.

Each consists of stages (`pipeline.pretrained.application_graph`): ``stride2`` to ``stride32`` in
most networks. By default the output of the last stage is read, which Keras's own classifier reads.
Departures: images are resized to a square without a crop; stages after the deepest one in use are
not built; batch normalizations stay as in inference when a stage is trained.

VGG16 and EfficientNet-Lite0 have files of their own; the latter needs no download.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from pipeline.pretrained.application_graph import Step, built, skeleton, stage_ends
from pipeline.pretrained.application_weights import (
    check_source,
    draw_weights,
    read_weights,
    record,
)
from pipeline.pretrained.base import Base, ComputePrecision, Weights, policy_of, resized

if TYPE_CHECKING:
    import keras

Pixels = Literal["tf", "half", "caffe", "torch"]
"""What a network reads: tf, −1 to 1; half, (x − 128) / 128; caffe, BGR less ImageNet's means;
torch, standardized by ImageNet's means and standard deviations."""
_MEANS = {"caffe": (123.68, 116.779, 103.939), "torch": (123.675, 116.28, 103.53)}
_VARIANCES = {"caffe": (1.0, 1.0, 1.0), "torch": (58.395**2, 57.12**2, 57.375**2)}
_KERNELS = "weights_tf_dim_ordering_tf_kernels"


@dataclass(frozen=True)
class Architecture:
    """One entry of the list."""

    function: str
    """In `keras.applications`."""
    module: str
    """The module of `keras.applications` with its ``preprocess_input``."""
    pixels: Pixels
    file: str
    """Keras's name for the weights without the classifier."""
    smallest: int = 32
    strides: tuple[int, ...] = (2, 4, 8, 16, 32)
    """Where it can be cut."""


def _entries() -> dict[str, Architecture]:
    entries: dict[str, Architecture] = {}

    def add(name: str, *values: Any, **options: Any) -> None:
        entries[name] = Architecture(*values, **options)

    for depth in (50, 101, 152):
        file = f"resnet{depth}_{_KERNELS}_notop.h5"
        add(f"resnet{depth}", f"ResNet{depth}", "resnet", "caffe", file)
        file = f"resnet{depth}v2_{_KERNELS}_notop.h5"
        add(f"resnet{depth}_v2", f"ResNet{depth}V2", "resnet_v2", "tf", file)
    for depth in (121, 169, 201):
        file = f"densenet{depth}_{_KERNELS}_notop.h5"
        add(f"densenet{depth}", f"DenseNet{depth}", "densenet", "torch", file)
    for size in range(8):
        file = f"efficientnetb{size}_notop.h5"
        add(f"efficientnet_b{size}", f"EfficientNetB{size}", "efficientnet", "torch", file)
    for kind in ("b0", "b1", "b2", "b3", "s", "m", "l"):
        pixels = "torch" if kind[0] == "b" else "half"
        file, function = f"efficientnetv2-{kind}_notop.h5", f"EfficientNetV2{kind.upper()}"
        add(f"efficientnet_v2_{kind}", function, "efficientnet_v2", pixels, file)
    for kind in ("tiny", "small", "base", "large", "xlarge"):
        function = f"ConvNeXt{'XLarge' if kind == 'xlarge' else kind.capitalize()}"
        file, strides = f"convnext_{kind}_notop.h5", (4, 8, 16, 32)
        add(f"convnext_{kind}", function, "convnext", "torch", file, strides=strides)
    add("mobilenet", "MobileNet", "mobilenet", "tf", "mobilenet_1_0_224_tf_no_top.h5")
    file = f"mobilenet_v2_{_KERNELS}_1.0_224_no_top.h5"
    add("mobilenet_v2", "MobileNetV2", "mobilenet_v2", "tf", file)
    for kind in ("small", "large"):
        file = f"weights_mobilenet_v3_{kind}_224_1.0_float_no_top_v2.h5"
        function = f"MobileNetV3{kind.capitalize()}"
        add(f"mobilenet_v3_{kind}", function, "mobilenet_v3", "tf", file)
    for kind in ("mobile", "large"):
        function, file = f"NASNet{kind.capitalize()}", f"nasnet_{kind}_no_top.h5"
        add(f"nasnet_{kind}", function, "nasnet", "tf", file, strides=(2, 32))
    file = f"inception_v3_{_KERNELS}_notop.h5"
    add("inception_v3", "InceptionV3", "inception_v3", "tf", file, smallest=75)
    file, function = f"inception_resnet_v2_{_KERNELS}_notop.h5", "InceptionResNetV2"
    add("inception_resnet_v2", function, "inception_resnet_v2", "tf", file, smallest=75)
    add("xception", "Xception", "xception", "tf", f"xception_{_KERNELS}_notop.h5", smallest=71)
    # Behind stride 16 there is a pooling alone, with nothing to train.
    file = f"vgg19_{_KERNELS}_notop.h5"
    add("vgg19", "VGG19", "vgg19", "caffe", file, strides=(2, 4, 8, 32))
    return entries


APPLICATIONS = _entries()
"""The name in params.yaml -> the network."""


class Application(Base):
    """A network of `keras.applications`, by its name in `APPLICATIONS`."""

    def __init__(self, name: str) -> None:
        self._entry = APPLICATIONS[name]
        stages = tuple(f"stride{stride}" for stride in self._entry.strides)
        # These are class variables of other bases, each of which is one network.
        vars(self).update(
            title=self._entry.function,
            blocks=tuple((stage,) for stage in stages),
            default_layers=stages[-1:],
            minimum_size=self._entry.smallest,
        )

    def output_shape(self, layer: str, image_size: int) -> tuple[int, int, int]:
        """Return the output shape (height, width, channels) of a stage; it takes Keras."""
        height, width, channels = self._steps(layer, image_size)[-1].shape
        return height, width, channels

    def preprocessed(self, pixels: keras.KerasTensor, image_size: int) -> keras.KerasTensor:
        """Turn RGB pixels in 0..255 into what the network reads, then resize; float32.

        The same as Keras's ``preprocess_input`` and the layers that some networks start with, but
        nothing is written into the input, and the channels stay in the order of RGB.
        """
        from keras import layers

        kind, options = self._entry.pixels, {"dtype": "float32", "name": "imagenet_pixels"}
        if kind in _MEANS:
            x = layers.Normalization(mean=_MEANS[kind], variance=_VARIANCES[kind], **options)
        else:
            x = layers.Rescaling(1 / 127.5 if kind == "tf" else 1 / 128, -1.0, **options)
        return resized(x(pixels), image_size)

    def build(
        self,
        x: keras.KerasTensor,
        names: Sequence[str],
        precision: ComputePrecision,
        trained: Collection[str] = (),
        penalty: Any = None,
    ) -> dict[str, keras.KerasTensor]:
        """Build consecutive stages on `x`; return the output of each by name."""
        every = self._steps(names[-1], self._size_of(x, names[0]))
        first = self._start(names[0])
        learning = {
            step.output
            for name in trained
            if name in names
            for step in every[self._start(name) : self._end(name) + 1]
        }
        made = built(every[first:], x, policy_of(precision), frozenset(learning), penalty)
        return {step.name: output for step, output in made if step.name in names}

    def load_weights(self, source: str, seed: int, layers: Sequence[str]) -> Weights:
        """Read, download or draw the weights of all stages up to the deepest of `layers`."""
        self.check_layers(layers)
        steps = self._steps(self.up_to_deepest(layers)[-1])
        if source == "random":
            return draw_weights(steps, seed)
        every = self._read(source)
        return {step.name: every[step.name] for step in steps if step.name in every}

    def check_weights(self, source: str) -> None:
        """Raise `StudyError` if weights are not there and no download is possible."""
        check_source(source, self._entry.file)

    def record(self, source: str) -> dict[str, Any]:
        """Return the card's record: ``weights``, ``weights_file`` and ``weights_sha256``."""
        values = None if source == "random" else self._read(source)
        return record(source, self._entry.file, values)

    def multiply_adds(self, layers: Sequence[str], image_size: int) -> int:
        """Count the products of kernels and inputs up to the deepest of `layers`."""
        steps = self._steps(self.up_to_deepest(layers)[-1], image_size)
        return sum(step.multiply_adds for step in steps)

    def map_layer(self, layers: Sequence[str]) -> str:
        """Return the deepest stage in use."""
        return self.up_to_deepest(layers)[-1]

    def _end(self, stage: str) -> int:
        return stage_ends(self._entry.function)[stage]

    def _start(self, stage: str) -> int:
        before = self.layer_names.index(stage)
        return self._end(self.layer_names[before - 1]) + 1 if before else 0

    def _steps(self, stage: str, size: int | None = None) -> tuple[Step, ...]:
        """Return all steps to the end of a stage; the last step of each has the stage's name."""
        named = {self._end(name): name for name in self.layer_names}
        steps = skeleton(self._entry.function, size or max(224, self.minimum_size))
        return tuple(
            replace(step, name=named.get(position, step.name))
            for position, step in enumerate(steps[: self._end(stage) + 1])
        )

    def _size_of(self, x: keras.KerasTensor, stage: str) -> int:
        """Return the side of images for which the steps from a stage on fit its input.

        Some networks pad by a pixel more or less, depending on whether a side is even. In these,
        sides are divided by the stride and rounded up; in others, no step depends on the size.
        """
        before = self.layer_names.index(stage)
        stride = self._entry.strides[before - 1] if before else 1
        return max(self.minimum_size, stride * int(x.shape[1]))

    def _read(self, source: str) -> Weights:
        found = _read(self._entry, source)
        named = {step.output: step.name for step in self._steps(self.layer_names[-1])}
        return {named[_number(name)]: arrays for name, arrays in found.items()}


def _number(name: str) -> int:
    """Return the number of a step, from the name that it has by default."""
    return int(name.removeprefix("step").partition("_")[0])


@lru_cache(maxsize=1)
def _read(entry: Architecture, source: str) -> Weights:
    return read_weights(entry.function, source, entry.file, entry.pixels == "caffe")
