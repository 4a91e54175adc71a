"""The full state of a compiled network during training, as arrays: taking and restoring it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import keras
import numpy as np
from numpy.typing import NDArray

from pipeline.deep.input.training_input import StoredInputs


def take(model: keras.Model) -> dict[str, NDArray]:
    """Copy weights, seed generator states and optimizer variables to the host.

    Optimizer variables include iterations, momenta, moving averages of weights, accumulated
    gradients and the loss scale. Metrics are left out because each epoch resets them; training
    images on the device are left out because they do not change.

    Args:
        model: compiled and built; its optimizer need not be built.

    Returns:
        Arrays by position and name. Floats narrower than 32 bits become float32, which represents
        them exactly; other types are kept.
    """
    return {name: _to_array(variable) for name, variable in _variables(model)}


def restore(model: keras.Model, arrays: Mapping[str, NDArray]) -> None:
    """Restore what `take` returned into a model with the same layers and optimizer.

    Raises:
        ValueError: if it comes from a different kind of model; the model then stays unchanged.
    """
    variables = dict(_variables(model))
    if variables.keys() != arrays.keys():
        odd = sorted(variables.keys() ^ arrays.keys())
        raise ValueError(
            f"the snapshot has {len(arrays)} arrays, but the model has {len(variables)} variables; "
            f"found in only one of them: {', '.join(odd[:5])}"
        )
    for name, variable in variables.items():
        if tuple(variable.shape) != arrays[name].shape:
            raise ValueError(
                f"{name} has the shape {arrays[name].shape} in the snapshot, but "
                f"{tuple(variable.shape)} in the model"
            )
    for name, variable in variables.items():
        variable.assign(keras.ops.convert_to_tensor(arrays[name], dtype=variable.dtype))


def _variables(model: keras.Model) -> Iterator[tuple[str, keras.Variable]]:
    """Yield all variables in order of creation, with names that are the same in every process.

    Paths are not the same: Keras numbers unnamed layers and models (dropout_3) through a process,
    so a second training in it would have other paths than the same training in a new process.
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
    """Return the ids of variables that hold inputs, in this model and nested models."""
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
