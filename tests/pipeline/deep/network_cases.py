"""Networks that are built without values for their weights, and their parts."""

import ctypes
import gc
import math
from contextlib import suppress
from typing import get_args

import keras
from deep_cases import deep_spec

from pipeline.deep.options import Activation

ACTIVATIONS = get_args(Activation)
PIXELS = (32, 32, 3)


def build(method, input_shape=PIXELS, n_outputs=10, **options):
    """A network whose weights have only shapes, so that even the largest takes no memory."""
    with keras.StatelessScope(initialize_variables=False):
        return deep_spec(method, **options).network(input_shape, n_outputs)


def forget():
    """Free what Keras remembers, and networks, which hold themselves in circles; all at once."""
    keras.backend.clear_session()
    gc.collect()
    with suppress(AttributeError, OSError):  # of glibc alone
        ctypes.CDLL(None).malloc_trim(0)


def trainable(network):
    return sum(math.prod(variable.shape) for variable in network.trainable_variables)


def parameters(network):
    """Number of parameters by layer name."""
    return {layer.name: layer.count_params() for layer in network.layers if layer.weights}


def shapes(network, *names):
    return {name: network.get_layer(name).output.shape[1:] for name in names}


def layers_of(network, kind):
    """The layers of one class, such as BatchNormalization, in order."""
    return [layer for layer in network.layers if type(layer).__name__ == kind]


def names(network, kind):
    return [layer.name for layer in layers_of(network, kind)]


def activation_layers(network, name):
    """The layers that apply the activation called `name` in the options."""
    if name in ("prelu", "maxout"):
        return layers_of(network, {"prelu": "PReLU", "maxout": "Maximum"}[name])
    found = layers_of(network, "Activation")
    return [layer for layer in found if layer.activation.__name__ == name]


def kernels(network):
    """Names of the layers that have a kernel, in order."""
    return [layer.name for layer in network.layers if hasattr(layer, "kernel_regularizer")]


def penalties(network):
    """The (L1, L2) of each kernel; None where it has none."""
    found = [layer.kernel_regularizer for layer in network.layers if layer.name in kernels(network)]
    return {None if each is None else (float(each.l1), float(each.l2)) for each in found}


def check_activations(method, neurons, **options):
    """Each activation follows each of `neurons`, and PReLU and maxout have their own parameters."""
    for activation in ACTIVATIONS:
        network = build(method, activation=activation, **options)
        assert network.output_shape == (None, 10), activation
        present = {layer.name for layer in network.layers}
        assert {f"{name}_{activation}" for name in neurons} <= present, activation
        if activation == "maxout":
            assert len(kernels(network)) == 2 * len(neurons) + 1
            assert names(network, "Maximum") == [f"{name}_maxout" for name in neurons]
        elif activation == "prelu":
            assert names(network, "PReLU") == [f"{name}_prelu" for name in neurons]
        else:
            layers = [network.get_layer(f"{name}_{activation}") for name in neurons]
            assert {layer.activation.__name__ for layer in layers} == {activation}


def check_penalties(method, **options):
    """L1, L2 and weight decay apply to all kernels, the output's too; AdamW has its own decay."""
    without = {**options, "weight_decay": 0}
    assert penalties(build(method, **without)) == {None}
    assert penalties(build(method, l1=0.5, l2=0.25, **without)) == {(0.5, 0.25)}
    decayed = {**options, "weight_decay": 0.5}
    assert penalties(build(method, **{**decayed, "optimizer": "momentum"})) == {(0.0, 0.25)}
    assert penalties(build(method, **{**decayed, "optimizer": "adamw"})) == {None}
