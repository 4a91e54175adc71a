"""Optimizers by their names in params.yaml."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from pipeline.deep.options import OptimizerOptions
from pipeline.deep.training.schedules import EpochSchedule

NOT_DECAYED = ("bias", "gamma", "beta", "alpha")
"""Names of weights that are not kernels: biases, normalization weights, slopes of PReLU."""

OPTIMIZERS: dict[str, tuple[Callable[..., keras.optimizers.Optimizer], tuple[str, ...]]] = {
    "sgd": (keras.optimizers.SGD, ()),
    "momentum": (keras.optimizers.SGD, ("momentum",)),
    "nesterov": (keras.optimizers.SGD, ("momentum", "nesterov")),
    "adagrad": (keras.optimizers.Adagrad, ()),
    "rmsprop": (keras.optimizers.RMSprop, ()),
    "adam": (keras.optimizers.Adam, ()),
    "adamw": (keras.optimizers.AdamW, ("weight_decay",)),
}
"""Name -> Keras class, and the arguments that are set. The others keep Keras's defaults."""


def build_optimizer(spec: OptimizerOptions, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """Return the optimizer that `spec` describes.

    Only adamw has weight decay here (Loshchilov and Hutter 2019, algorithm 2, scaled by the
    learning rate, as in Keras); for the others it is a penalty in the layers. With the schedule
    plateau, the caller sets the optimizer's `learning_rate` between epochs. Otherwise the
    optimizer follows the schedule.

    Args:
        spec: the optimizer, its schedule and the moving average of weights.
        steps_per_epoch: optimizer steps in one epoch.
    """
    build, names = OPTIMIZERS[spec.optimizer]
    arguments: dict[str, Any] = {
        "momentum": spec.momentum,
        "nesterov": True,
        "weight_decay": spec.weight_decay,
    }
    by_hand = spec.schedule == "plateau"
    optimizer = build(
        learning_rate=spec.learning_rate if by_hand else EpochSchedule(spec, steps_per_epoch),
        use_ema=spec.ema is not None,
        **({"ema_momentum": spec.ema} if spec.ema is not None else {}),
        **{name: arguments[name] for name in names},
    )
    if spec.optimizer == "adamw":
        # Keras matches names such as bias (on TensorFlow, bias:0) as regular expressions.
        names_alone = [rf"(^|/){name}(:\d+)?$" for name in NOT_DECAYED]
        optimizer.exclude_from_weight_decay(var_names=names_alone)
    return optimizer
