"""The layers that networks are built from, configured by a network's options.

Only Keras's own layers are used, so that Keras can load a stored model without this project. Keras
is imported only where a layer is built.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pipeline.checks import StudyError
from pipeline.deep.spec import DeepSpec

if TYPE_CHECKING:
    import keras

MAXOUT_PIECES = 2
"""Number of linear maps; maxout takes the largest."""


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
    """Add a convolution, optional batch normalization, and the activation.

    Args:
        x: (n, height, width, channels).
        spec: the options.
        filters: number of output channels; the caller has already applied `spec.scaled`.
        size: side of the square kernel.
        name: of the convolution; normalization and activation are named after it.
        strides: stride of the kernel.
        padding: ``same`` or ``valid``.
        activate: False leaves the activation to the caller, for example before an addition.
        use_bias: None means a bias unless batch normalization follows directly, whose offset does
            the same.
    """
    from keras import layers

    def linear(piece_name: str) -> keras.Layer:
        return layers.Conv2D(
            filters,
            size,
            strides=strides,
            padding=padding,
            use_bias=spec.needs_bias if use_bias is None else use_bias,
            name=piece_name,
            **kernel_options(spec),
        )

    return _neurons(x, spec, linear, name, activate)


def dense(
    x: keras.KerasTensor, spec: DeepSpec, units: int, name: str, activate: bool = True
) -> keras.KerasTensor:
    """Add a fully connected layer, optional batch normalization, and the activation.

    Args:
        x: (n, d).
        spec: the options.
        units: of the layer; the caller has already applied `spec.scaled`.
        name: of the layer; normalization and activation are named after it.
        activate: False leaves the activation to the caller.
    """
    from keras import layers

    def linear(piece_name: str) -> keras.Layer:
        return layers.Dense(
            units, use_bias=spec.needs_bias, name=piece_name, **kernel_options(spec)
        )

    return _neurons(x, spec, linear, name, activate)


def hidden(x: keras.KerasTensor, spec: DeepSpec, units: int, name: str) -> keras.KerasTensor:
    """Add a fully connected layer and its activation, followed by dropout, not normalization.

    AlexNet and VGG16 have these layers between their convolutions and their output.

    Args:
        x: (n, d).
        spec: the options.
        units: of the layer at width 1; `spec.scaled` is applied here.
        name: of the layer; activation and dropout are named after it.
    """
    plain = spec.model_copy(update={"batch_norm": False})
    return dropout(dense(x, plain, spec.scaled(units), name), spec, f"{name}_dropout")


def activation(x: keras.KerasTensor, spec: DeepSpec, name: str) -> keras.KerasTensor:
    """Add the activation that the options name, as a separate layer.

    Raises:
        StudyError: for maxout, which takes more than one input.
    """
    from keras import layers

    if spec.activation == "maxout":
        raise StudyError(
            f"{spec.method}: found activation: maxout at {name}, which has one input; expected "
            "another activation, such as relu"
        )
    if spec.activation == "prelu":
        # One slope per channel, as in He et al. (2015), section 2.1.
        shared = [1, 2] if len(x.shape) == 4 else None
        return layers.PReLU(shared_axes=shared, name=name)(x)
    return layers.Activation(spec.activation, name=name)(x)


def normalization(
    x: keras.KerasTensor, spec: DeepSpec, name: str, scale: bool = True
) -> keras.KerasTensor:
    """Add batch normalization if the options ask for it, with or without a trained scale."""
    from keras import layers

    if not spec.batch_norm:
        return x
    return layers.BatchNormalization(
        scale=scale, momentum=spec.norm_momentum, epsilon=spec.norm_epsilon, name=name
    )(x)


def normalized_activation(
    x: keras.KerasTensor, spec: DeepSpec, name: str, scale: bool = True
) -> keras.KerasTensor:
    """Add the activation, with batch normalization before or after it if the options ask for it.

    Args:
        x: what a convolution or dense layer has computed.
        spec: the options.
        name: of that layer; normalization and activation are named after it.
        scale: whether normalization has a trained scale.
    """
    if spec.norm_place == "before":
        x = normalization(x, spec, f"{name}_bn", scale)
        return activation(x, spec, f"{name}_{spec.activation}")
    x = activation(x, spec, f"{name}_{spec.activation}")
    return normalization(x, spec, f"{name}_bn", scale)


def dropout(x: keras.KerasTensor, spec: DeepSpec, name: str) -> keras.KerasTensor:
    """Add dropout at the rate in the options, or nothing if it is 0."""
    from keras import layers

    return layers.Dropout(spec.dropout, name=name)(x) if spec.dropout else x


def output_layer(
    n_outputs: int, spec: DeepSpec, name: str = "output", **options: Any
) -> Callable[[keras.KerasTensor], keras.KerasTensor]:
    """Return the last layer, a softmax or one sigmoid unit; always in float32.

    With `logit_scale`, a layer in front scales its inputs, which scales their products with the
    kernel just as well.

    Args:
        n_outputs: see `spec.output_units`.
        spec: the options; their penalties apply to the kernel.
        name: ``output``, except for the auxiliary heads of a network.
        options: of the dense layer, such as an initializer.
    """
    from keras import layers

    last = layers.Dense(
        n_outputs,
        activation="sigmoid" if n_outputs == 1 else "softmax",
        use_bias=spec.output_bias,
        kernel_regularizer=_penalty(spec),
        dtype="float32",
        name=name,
        **{"kernel_initializer": initializer(spec, "glorot_uniform"), **options},
    )
    if spec.logit_scale == 1:
        return last
    scale_name = "logit_scale" if name == "output" else f"{name}_logit_scale"
    scale = layers.Rescaling(spec.logit_scale, dtype="float32", name=scale_name)
    return lambda x: last(scale(x))


def kernel_options(spec: DeepSpec, auto: Any = None) -> dict[str, Any]:
    """Return the initializer and the penalty of a kernel, for use as Keras arguments.

    Args:
        spec: the options.
        auto: what ``initializer: auto`` stands for in this network. None follows He et al. (2015),
            section 2.2, for rectifiers and similar activations, and Glorot and Bengio (2010),
            section 4.2.1, for the sigmoid and tanh.
    """
    if auto is None:
        saturating = spec.activation in ("sigmoid", "tanh")
        auto = "glorot_uniform" if saturating else "he_normal"
    return {"kernel_initializer": initializer(spec, auto), "kernel_regularizer": _penalty(spec)}


def initializer(spec: DeepSpec, auto: Any) -> Any:
    """Return the initial values of a kernel: those that the options name, or `auto`.

    The class of initial values is Keras's, or its name; each use of a name draws other values.
    """
    if spec.initializer == "auto":
        return auto
    if spec.initializer == "normal":
        from keras.initializers import RandomNormal

        return RandomNormal(stddev=spec.initial_deviation)
    return spec.initializer


def _penalty(spec: DeepSpec) -> keras.regularizers.Regularizer | None:
    """Return the L1 and L2 penalties, plus weight decay unless the optimizer applies it."""
    import keras

    l2 = spec.l2 + (spec.weight_decay / 2 if spec.decays_in_loss else 0.0)
    return keras.regularizers.L1L2(l1=spec.l1, l2=l2) if spec.l1 or l2 else None


def _neurons(
    x: keras.KerasTensor, spec: DeepSpec, linear: Any, name: str, activate: bool
) -> keras.KerasTensor:
    from keras import layers

    if activate and spec.activation == "maxout":
        # Goodfellow et al. (2013), section 2: the maximum of several linear maps.
        names = [f"{name}_piece{index}" for index in range(1, MAXOUT_PIECES + 1)]
        before = spec.norm_place == "before"
        pieces = [linear(each)(x) for each in names]
        if before:
            pieces = [
                normalization(piece, spec, f"{each}_bn")
                for piece, each in zip(pieces, names, strict=True)
            ]
        x = layers.Maximum(name=f"{name}_maxout")(pieces)
        return x if before else normalization(x, spec, f"{name}_bn")
    x = linear(name)(x)
    if activate:
        return normalized_activation(x, spec, name)
    return normalization(x, spec, f"{name}_bn")
