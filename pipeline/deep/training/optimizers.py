"""Optimizers by their names in params.yaml."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import keras

from pipeline.deep.options import OptimizerOptions
from pipeline.deep.training.schedules import EpochSchedule
from pipeline.deep.training.steps import Lookahead, Muon, Rules, WeightRule
from pipeline.deep.whitening import WHITENING

NOT_DECAYED = ("bias", "gamma", "beta", "alpha")
"""Names of weights that are not kernels: biases, normalization weights, slopes of PReLU."""

OPTIMIZERS: dict[str, tuple[type[keras.optimizers.Optimizer], tuple[str, ...]]] = {
    "sgd": (keras.optimizers.SGD, ()),
    "momentum": (keras.optimizers.SGD, ("momentum",)),
    "nesterov": (keras.optimizers.SGD, ("momentum", "nesterov")),
    "adagrad": (keras.optimizers.Adagrad, ()),
    "rmsprop": (keras.optimizers.RMSprop, ()),
    "adam": (keras.optimizers.Adam, ()),
    "adamw": (keras.optimizers.AdamW, ("weight_decay",)),
    "muon": (Muon, ("momentum", "nesterov", "filter_momentum")),
}
"""Name -> class, and the arguments that are set. The others keep Keras's defaults."""


def build_optimizer(spec: OptimizerOptions, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """Return the optimizer that `spec` describes.

    Only adamw and muon apply weight decay (adamw as in Loshchilov and Hutter 2019, algorithm 2,
    scaled by the learning rate, as in Keras); for the others it is a penalty in the layers, except
    that of biases. With the schedule plateau, the caller sets the optimizer's `learning_rate`
    between epochs. Otherwise the optimizer follows the schedule.

    Args:
        spec: the optimizer, its schedule and the averages of weights.
        steps_per_epoch: optimizer steps in one epoch.
    """
    kind, names = OPTIMIZERS[spec.optimizer]
    arguments: dict[str, Any] = {
        "momentum": spec.momentum,
        "nesterov": True,
        "weight_decay": spec.weight_decay,
        "filter_momentum": spec.muon_momentum,
    }
    by_hand = spec.schedule == "plateau"
    optimizer = _with_rules(kind)(  # type: ignore[arg-type]  # a class is hashable
        rule_of=partial(rule, spec, steps_per_epoch),
        lookahead=_lookahead(spec, steps_per_epoch),
        learning_rate=spec.learning_rate if by_hand else EpochSchedule(spec, steps_per_epoch),
        use_ema=spec.ema is not None,
        name=kind.__name__.lower(),
        **({"ema_momentum": spec.ema} if spec.ema is not None else {}),
        **{name: arguments[name] for name in names},
    )
    if spec.optimizer == "adamw" and not spec.decay_biases:
        # Keras matches names such as bias (on TensorFlow, bias:0) as regular expressions.
        names_alone = [rf"(^|/){name}(:\d+)?$" for name in NOT_DECAYED]
        optimizer.exclude_from_weight_decay(var_names=names_alone)
    return optimizer


def rule(spec: OptimizerOptions, steps_per_epoch: int, variable: keras.Variable) -> WeightRule:
    """Return how a weight is treated, by its name and shape.

    In airbench94.py, the weights whose rate is multiplied shrink as much per step as the others, so
    their λ is divided by the same factor.
    """
    muon, kernel = spec.optimizer == "muon", variable.name not in NOT_DECAYED
    if muon and kernel and len(variable.shape) == 4:
        return WeightRule(is_filter=True)
    factor, steps = 1.0, None
    if variable.name == "beta":
        factor = spec.bias_rate
    elif variable.path.split("/")[-2:] == [WHITENING, "bias"]:
        factor = spec.whitening_bias_rate
        steps = round(spec.whitening_bias_epochs * steps_per_epoch)
    # The layers have a penalty on kernels, except for muon; adamw decays weights by itself.
    decays = muon if kernel else spec.decay_biases and spec.optimizer != "adamw"
    return WeightRule(
        rate=factor * (spec.sgd_rate / spec.learning_rate if muon else 1.0),
        decay=spec.weight_decay / factor if decays else 0.0,
        steps=steps,
    )


def _lookahead(spec: OptimizerOptions, steps_per_epoch: int) -> Lookahead | None:
    if spec.lookahead is None:
        return None
    return Lookahead(
        every=spec.lookahead,
        decay=spec.lookahead_decay,
        start=round(spec.lookahead_start * steps_per_epoch),
        epoch=steps_per_epoch,
        total=spec.epochs * steps_per_epoch,
    )


@cache
def _with_rules(kind: type[keras.optimizers.Optimizer]) -> Callable[..., Any]:
    """Return the class with `Rules` mixed in, under its own name."""
    return kind if issubclass(kind, Rules) else type(kind.__name__, (Rules, kind), {})
