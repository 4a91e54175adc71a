"""The learning rate over the epochs of a training."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from pipeline.deep.options import OptimizerOptions


def learning_rate_at(spec: OptimizerOptions, epoch: float) -> float:
    """Return the learning rate after `epoch` epochs, which can be a fraction.

    During the warm-up it rises linearly from `warmup_from` of its peak; then the schedule starts.
    time_decay counts its epochs from there; the milestones of step are fractions of all epochs;
    linear falls to `final` of the peak and cosine to 0 over the remaining epochs (Loshchilov and
    Hutter 2017, section 3, without restarts). For plateau this is the rate before multiplication by
    `Plateau.scale`.
    """
    return float(_rate(spec, np.float64(epoch), np))


class EpochSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate of each step: `learning_rate_at` in the middle of the step.

    Using the middle avoids a rate of 0 in the first step of a warm-up and the last step of a
    cosine.

    Args:
        spec: the schedule and its options.
        steps_per_epoch: optimizer steps in one epoch.
    """

    def __init__(self, spec: OptimizerOptions, steps_per_epoch: int) -> None:
        super().__init__()
        self.spec, self.steps_per_epoch = spec, steps_per_epoch

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of the optimizer step `step`, counted from 0, as a tensor."""
        epoch = (ops.cast(step, "float32") + 0.5) / self.steps_per_epoch
        return ops.cast(_rate(self.spec, epoch, ops), "float32")

    def get_config(self) -> dict[str, Any]:
        """Return the options that were set, for Keras to serialize."""
        names = set(OptimizerOptions.model_fields)
        options = self.spec.model_dump(mode="json", include=names, exclude_unset=True)
        return {"spec": options, "steps_per_epoch": self.steps_per_epoch}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> EpochSchedule:
        """Return the schedule that `get_config` describes."""
        return cls(OptimizerOptions(**config["spec"]), config["steps_per_epoch"])


class Plateau:
    """Lowers the learning rate when the monitored metric stops improving.

    Args:
        spec: `factor` and `plateau_patience`.
        state: the `state` of a training to resume; None to start.

    Attributes:
        state: a dictionary for JSON: ``waited``, epochs since the last improvement or reduction,
            and ``scale``, the factor of the learning rate.
    """

    def __init__(self, spec: OptimizerOptions, state: dict[str, Any] | None = None) -> None:
        self.spec = spec
        self.state: dict[str, Any] = {"waited": 0, "scale": 1.0} if state is None else dict(state)

    def update(self, improved: bool) -> None:
        """Record one epoch; `scale` then applies to the next epoch."""
        self.state["waited"] = 0 if improved else self.state["waited"] + 1
        if self.state["waited"] >= self.spec.plateau_patience:
            self.state["scale"] *= self.spec.factor
            self.state["waited"] = 0

    @property
    def scale(self) -> float:
        """The current factor of the learning rate."""
        return float(self.state["scale"])


def _rate(spec: OptimizerOptions, epoch: Any, xp: Any) -> Any:
    """Return the rate at `epoch`; `xp` is NumPy or keras.ops."""
    risen = xp.minimum(1.0, epoch / spec.warmup) if spec.warmup else 1.0
    warm = spec.warmup_from + (1 - spec.warmup_from) * risen
    return spec.learning_rate * warm * _share(spec, epoch, xp)


def _share(spec: OptimizerOptions, epoch: Any, xp: Any) -> Any:
    """Return the schedule's factor of the peak rate, which is 1 during the warm-up."""
    started = xp.maximum(epoch - spec.warmup, 0.0)
    if spec.schedule == "time_decay":
        return 1 / (1 + spec.decay * started)
    if spec.schedule == "step":
        share = 1.0
        for milestone in spec.milestones:
            share = xp.where(epoch >= milestone * spec.epochs, share * spec.factor, share)
        return share
    passed = xp.minimum(started / max(spec.epochs - spec.warmup, 1e-6), 1.0)
    if spec.schedule == "linear":
        return 1 - (1 - spec.final) * passed
    if spec.schedule == "cosine":
        return (1 + xp.cos(math.pi * passed)) / 2
    return 1.0
