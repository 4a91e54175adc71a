"""The layers that networks are written in: the field's own, with a network's options in them.

Stock layers of Keras only, so that a stored model is read by Keras alone. Keras is imported where a
layer is built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.checks import StudyError
from pipeline.deep.spec import DeepSpec

if TYPE_CHECKING:
    import keras

MAXOUT_PIECES = 2
"""Linear maps of which maxout takes the largest."""


def conv(
    x: keras.KerasTensor,
    spec: DeepSpec,
    filters: int,
    size: int,
    name: str,
    strides: int = 1,
    padding: str = "same",
    activate: bool = True,
    use_bias: bool | None = None,
) -> keras.KerasTensor:
    """Add a convolution, its batch normalisation if the options ask for it, and its activation.

    Args:
        x: (n, height, width, channels).
        spec: the options; `filters` is taken as it is, `spec.scaled` has been applied to it.
        filters: maps of the output.
        size: side of the square kernel.
        name: of the convolution; normalisation and activation are named after it.
        strides: step of the kernel.
        padding: ``same`` or ``valid``.
        activate: False leaves the activation to the caller, as before an addition.
        use_bias: None for a bias unless normalisation follows, whose offset does the same.
    """
    from keras import layers

    def linear(piece_name: str) -> keras.Layer:
        return layers.Conv2D(
            filters,
            size,
            strides=strides,
            padding=padding,
            use_bias=not spec.batch_norm if use_bias is None else use_bias,
            name=piece_name,
            **kernel_options(spec),
        )

    return _neurons(x, spec, linear, name, activate)


def dense(
    x: keras.KerasTensor, spec: DeepSpec, units: int, name: str, activate: bool = True
) -> keras.KerasTensor:
    """Add a fully connected layer, its batch normalisation if asked for, and its activation.

    Args:
        x: (n, d).
        spec: the options.
        units: of the layer, as they are.
        name: of the layer; normalisation and activation are named after it.
        activate: False leaves the activation to the caller.
    """
    from keras import layers

    def linear(piece_name: str) -> keras.Layer:
        return layers.Dense(
            units, use_bias=not spec.batch_norm, name=piece_name, **kernel_options(spec)
        )

    return _neurons(x, spec, linear, name, activate)


def hidden(x: keras.KerasTensor, spec: DeepSpec, units: int, name: str) -> keras.KerasTensor:
    """Add a fully connected layer with dropout in the place of normalisation, and that dropout.

    The layers of AlexNet and VGG16 between their convolutions and their output.

    Args:
        x: (n, d).
        spec: the options; `units` are scaled by its width.
        units: of the layer at width 1.
        name: of the layer; activation and dropout are named after it.
    """
    plain = spec.model_copy(update={"batch_norm": False})
    return dropout(dense(x, plain, spec.scaled(units), name), spec, f"{name}_dropout")


def activation(x: keras.KerasTensor, spec: DeepSpec, name: str) -> keras.KerasTensor:
    """Add the activation of the options, as a layer of its own.

    Raises:
        StudyError: for maxout, which is no function of one input.
    """
    from keras import layers

    if spec.activation == "maxout":
        raise StudyError(
            f"{spec.method}: found activation: maxout at {name}, which has one input; expected "
            "another activation, such as relu"
        )
    if spec.activation == "prelu":
        # One slope a channel, as He et al. (2015), section 2.1.
        shared = [1, 2] if len(x.shape) == 4 else None
        return layers.PReLU(shared_axes=shared, name=name)(x)
    return layers.Activation(spec.activation, name=name)(x)


def normalisation(x: keras.KerasTensor, spec: DeepSpec, name: str) -> keras.KerasTensor:
    """Add batch normalisation if the options ask for it."""
    from keras import layers

    if not spec.batch_norm:
        return x
    # Means over some ten steps, not the hundred of Keras: an epoch of few images has fewer.
    return layers.BatchNormalization(momentum=0.9, name=name)(x)


def dropout(x: keras.KerasTensor, spec: DeepSpec, name: str) -> keras.KerasTensor:
    """Add dropout of the options' share; nothing where it is 0."""
    from keras import layers

    return layers.Dropout(spec.dropout, name=name)(x) if spec.dropout else x


def output_layer(n_outputs: int, spec: DeepSpec, name: str = "output") -> keras.Layer:
    """Return the last layer: a softmax, or one sigmoid unit, in float32 whatever the precision.

    Args:
        n_outputs: as `spec.output_units` says.
        spec: options whose penalties its kernel gets.
        name: ``output``, but for the auxiliary heads of a network.
    """
    import keras

    kind = "sigmoid" if n_outputs == 1 else "softmax"
    return keras.layers.Dense(
        n_outputs, activation=kind, kernel_regularizer=_penalty(spec), dtype="float32", name=name
    )


def kernel_options(spec: DeepSpec) -> dict[str, Any]:
    """Return the initial values and the penalty of a kernel in front of the options' activation.

    He et al. (2015), section 2.2, for rectifiers and what resembles them; Glorot and Bengio (2010),
    section 4.2.1, for the sigmoids and tanh.
    """
    saturating = spec.activation in ("sigmoid", "tanh")
    return {
        "kernel_initializer": "glorot_uniform" if saturating else "he_normal",
        "kernel_regularizer": _penalty(spec),
    }


def _penalty(spec: DeepSpec) -> keras.regularizers.Regularizer | None:
    """Return L1, L2 and the weight decay of all optimizers but adamw, whose gradient is λ·w."""
    import keras

    l2 = spec.l2 + (spec.weight_decay / 2 if spec.optimizer != "adamw" else 0.0)
    return keras.regularizers.L1L2(l1=spec.l1, l2=l2) if spec.l1 or l2 else None


def _neurons(
    x: keras.KerasTensor, spec: DeepSpec, linear: Any, name: str, activate: bool
) -> keras.KerasTensor:
    from keras import layers

    if activate and spec.activation == "maxout":
        # Goodfellow et al. (2013), section 2: the largest of some linear maps.
        names = [f"{name}_piece{index}" for index in range(1, MAXOUT_PIECES + 1)]
        pieces = [normalisation(linear(each)(x), spec, f"{each}_bn") for each in names]
        return layers.Maximum(name=f"{name}_maxout")(pieces)
    x = normalisation(linear(name)(x), spec, f"{name}_bn")
    return activation(x, spec, f"{name}_{spec.activation}") if activate else x
