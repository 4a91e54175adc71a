"""Networks of `keras.applications` as lists of steps, which can be cut and built again in parts.

Keras gives such a network as a whole. Here it becomes a list of layers in the order of computation,
with numbers for the values between them. Where a single value is alive, all later layers depend on
that value alone: there the network can be cut. The last such place at each size of the maps ends a
*stage*, which has the name of its stride: at ``stride8``, maps have an eighth of the image's side.

Only stock layers are built. What has no weights and does nothing in inference is left out, as are
the layers that change pixels in front of some networks (`Application.preprocessed` does that). A
factor per channel behind a dense layer (`LayerScale`) is folded into that layer; sums with and
products of constants become a `Rescaling`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pipeline.checks import StudyError

if TYPE_CHECKING:
    import keras

CANONICAL = 224
"""The side of images at which stages are found."""
_LEFT_OUT = ("Dropout", "StochasticDepth", "Rescaling", "Normalization", "LayerScale")
_FROZEN = "BatchNormalization"


@dataclass(frozen=True)
class Step:
    """One layer or operation of a network."""

    name: str
    """Of the layer that is built for it; the same in every process."""
    kind: str
    """The name of its class."""
    layer: Any
    """Keras's own layer or operation."""
    inputs: tuple[int, ...]
    """Numbers of values; 0 is the image."""
    output: int
    shape: tuple[int, ...]
    """Of the output, without the batch."""
    constant: float | None = None
    """The other operand of a sum or a product."""

    @property
    def is_left_out(self) -> bool:
        """Whether its output is its input."""
        return self.kind in _LEFT_OUT

    @property
    def is_frozen(self) -> bool:
        """Whether its weights are never trained: it stays as in inference."""
        return self.kind == _FROZEN

    @property
    def multiply_adds(self) -> int:
        """The products of its kernels and inputs."""
        kernels = [each.shape for each in getattr(self.layer, "weights", ()) if len(each.shape) > 1]
        return math.prod(self.shape[:-1]) * sum(map(math.prod, kernels))


def application(function: str, size: int, weights: str | None) -> keras.Model:
    """Return a network of `keras.applications` without its classifier, for square images."""
    import keras

    make = getattr(keras.applications, function)
    made: keras.Model = make(weights=weights, include_top=False, input_shape=(size, size, 3))
    return made


@cache
def skeleton(function: str, size: int) -> tuple[Step, ...]:
    """Return the steps of a network whose weights have shapes and no values.

    Raises:
        StudyError: if Keras cannot build the network for images of this size.
    """
    import keras

    try:
        with keras.StatelessScope():  # nothing is allocated in it
            return steps_of(application(function, size, None))
    except ValueError as error:
        raise StudyError(
            f"{function} cannot be built for images of {size} pixels: {error}"
        ) from None


def steps_of(network: keras.Model) -> tuple[Step, ...]:
    """Return the steps of a network of one input and one output, those left out included."""
    steps: list[Step] = []
    _add_steps(network, 0, steps)
    return tuple(steps)


def _add_steps(network: Any, first: int, steps: list[Step]) -> int:
    """Add the steps of a network whose input is a value; return the number of its output."""
    functional = getattr(network, "_functional", None) or network
    known = {id(functional.inputs[0]): first}
    for depth in sorted(functional._nodes_by_depth, reverse=True):
        for node in functional._nodes_by_depth[depth]:
            if node.is_input:
                continue
            inputs = tuple(known[id(each)] for each in node.arguments.keras_tensors)
            known[id(node.outputs[0])] = _add_step(node, inputs, steps)
    return known[id(functional.outputs[0])]


def _add_step(node: Any, inputs: tuple[int, ...], steps: list[Step]) -> int:
    layer = node.operation
    if hasattr(layer, "layers"):
        return _add_steps(layer, inputs[0], steps)
    kind, number = type(layer).__name__, len(steps) + 1
    others = [each for each in node.arguments.args if isinstance(each, int | float)]
    constant = float(others[0]) if others else getattr(layer, "scale", None)
    steps.append(
        Step(
            name=f"step{number:03d}_{kind.lower()}",
            kind=kind,
            layer=layer,
            inputs=inputs,
            output=number,
            shape=tuple(node.outputs[0].shape[1:]),
            constant=constant if isinstance(constant, float) else None,
        )
    )
    return number


@cache
def stage_ends(function: str) -> dict[str, int]:
    """Return the position in the steps of each stage's last one, from the first stage on."""
    steps = skeleton(function, CANONICAL)
    uses = Counter(value for step in steps for value in step.inputs)
    uses[steps[-1].output] += 1
    alive, ends = {0}, {}
    for position, step in enumerate(steps):
        for value in step.inputs:
            uses[value] -= 1
            if not uses[value]:
                alive.discard(value)
        alive.add(step.output)
        usable = len(step.shape) == 3 and step.kind != "ZeroPadding2D" and not step.is_left_out
        level = round(math.log2(CANONICAL / step.shape[0])) if len(step.shape) == 3 else 0
        if alive == {step.output} and usable and level:
            ends[f"stride{2**level}"] = position
    return ends


def built(
    steps: Sequence[Step],
    x: keras.KerasTensor,
    policy: str,
    trained: frozenset[int] = frozenset(),
    penalty: Any = None,
) -> Iterator[tuple[Step, keras.KerasTensor]]:
    """Build consecutive steps on the value that they start from; yield each with its output.

    Args:
        steps: the first reads one value, which is `x`.
        x: (n, height, width, channels).
        policy: Keras's dtype policy.
        trained: the outputs of the steps whose weights are trained.
        penalty: a Keras regularizer for trained kernels; None for none.
    """
    values = {steps[0].inputs[0]: x}
    for step in steps:
        given = [values[each] for each in step.inputs]
        if step.is_left_out:
            values[step.output] = given[0]
            continue
        is_trained = step.output in trained and not step.is_frozen
        values[step.output] = _built(step, given, policy, is_trained, penalty)
        yield step, values[step.output]


def _built(step: Step, given: list[Any], policy: str, trained: bool, penalty: Any) -> Any:
    from keras import layers

    options = {"dtype": policy, "name": step.name}
    if step.kind == "CustomScaleLayer":  # of InceptionResNetV2: a + scale · b
        scale = layers.Rescaling(step.constant, dtype=policy, name=f"{step.name}_scale")
        return layers.Add(**options)([given[0], scale(given[1])])
    if len(given) == 1 and step.kind in ("Add", "Multiply"):
        sums = step.kind == "Add"
        pair = (1.0, step.constant) if sums else (step.constant, 0.0)
        return layers.Rescaling(*pair, **options)(given[0])
    if step.kind in ("Add", "Multiply"):  # also of tensors, without a layer
        return getattr(layers, step.kind)(**options)(given)
    if not hasattr(layers, step.kind):
        raise StudyError(f"found the layer {step.kind}, which is none of Keras's public layers")
    config = {
        key: value
        for key, value in step.layer.get_config().items()
        if not key.endswith(("_initializer", "_regularizer", "_constraint"))
    }
    config |= {**options, "trainable": trained}
    for kernel in ("kernel", "depthwise", "pointwise"):
        if penalty is not None and trained and hasattr(step.layer, f"{kernel}_regularizer"):
            config[f"{kernel}_regularizer"] = penalty
    # In inference, whatever the mode of `fit`: what differs between the modes is left out, and
    # batch normalizations are not trainable.
    made = getattr(layers, step.kind).from_config(config)
    return made(given if len(given) > 1 else given[0])
