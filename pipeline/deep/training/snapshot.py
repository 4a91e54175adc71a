"""All that a compiled network holds at one moment of its training, as arrays, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import keras
import numpy as np
from numpy.typing import NDArray

from pipeline.deep.input.training_input import StoredInputs


def take(model: keras.Model) -> dict[str, NDArray]:
    """Copy weights, states of seed generators, and the optimizer's numbers to the host.

    With the optimizer come its iterations, momenta, moving averages of weights, accumulated
    gradients and loss scale. Metrics are left out: every epoch begins by resetting them. So are the
    training images on the device, which are no state.

    Args:
        model: compiled; built, its optimizer possibly not yet.

    Returns:
        Arrays by position and name. Floats narrower than 32 bits are widened to float32, which
        holds them exactly; all else keeps its type.
    """
    return {name: _to_array(variable) for name, variable in _variables(model)}


def restore(model: keras.Model, arrays: Mapping[str, NDArray]) -> None:
    """Put what `take` returned into a model of the same layers and optimizer.

    Raises:
        ValueError: if it was taken from another kind of model; the model is then as it was.
    """
    variables = dict(_variables(model))
    if variables.keys() != arrays.keys():
        odd = sorted(variables.keys() ^ arrays.keys())
        raise ValueError(
            f"the snapshot has {len(arrays)} arrays; the model has {len(variables)} variables; "
            f"in one of them alone: {', '.join(odd[:5])}"
        )
    for name, variable in variables.items():
        if tuple(variable.shape) != arrays[name].shape:
            raise ValueError(
                f"{name} has the shape {arrays[name].shape} in the snapshot, "
                f"{tuple(variable.shape)} in the model"
            )
    for name, variable in variables.items():
        variable.assign(keras.ops.convert_to_tensor(arrays[name], dtype=variable.dtype))


def _variables(model: keras.Model) -> Iterator[tuple[str, keras.Variable]]:
    """Yield all variables, in the order in which they were made, by names that repeat.

    Paths do not: Keras counts layers and models without a name (dropout_3) through a process, so
    that a second training in it would have others than the same training in a process of its own.
    """
    optimizer = model.optimizer
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
    images = _images_on_device(model)
    own = (each for each in model.variables if id(each) not in images)
    for index, variable in enumerate(own):
        yield f"model/{index:04d}/{variable.name}", variable
    for index, variable in enumerate(optimizer.variables):
        yield f"optimizer/{index:04d}", variable


def _images_on_device(model: keras.Model) -> set[int]:
    """Return the identities of variables that hold inputs, in this model and in those within."""
    found: set[int] = set()
    for layer in model.layers:
        if isinstance(layer, StoredInputs):
            found |= {id(variable) for variable in layer.variables}
        elif isinstance(layer, keras.Model):
            found |= _images_on_device(layer)
    return found


def _to_array(variable: keras.Variable) -> NDArray:
    dtype = keras.backend.standardize_dtype(variable.dtype)
    if dtype in ("bfloat16", "float16"):
        return keras.ops.convert_to_numpy(keras.ops.cast(variable, "float32"))
    return np.array(keras.ops.convert_to_numpy(variable))
