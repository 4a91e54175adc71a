"""The learning rate over the epochs of a training."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from pipeline.deep.options import OptimizerOptions


def learning_rate_at(spec: OptimizerOptions, epoch: float) -> float:
    """Return the learning rate after `epoch` epochs, counted from 0, in fractions of an epoch.

    During the warm-up it rises linearly from 0; after it the schedule starts. time_decay counts its
    epochs from there; the milestones of step are shares of all epochs; cosine falls to 0 over what
    is left (Loshchilov and Hutter 2017, section 3, without restarts). For plateau this is what its
    scale is multiplied with.
    """
    return float(_rate(spec, np.float64(epoch), np))


class EpochSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate of each step: that of `learning_rate_at` in the middle of the step.

    The middle, so that neither the first step of a warm-up nor the last of a cosine is lost to a
    rate of 0.

    Args:
        spec: the schedule and its options.
        steps_per_epoch: optimizer steps in one epoch.
    """

    def __init__(self, spec: OptimizerOptions, steps_per_epoch: int) -> None:
        super().__init__()
        self.spec, self.steps_per_epoch = spec, steps_per_epoch

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of the optimizer's step number `step`, from 0, as a tensor."""
        epoch = (ops.cast(step, "float32") + 0.5) / self.steps_per_epoch
        return ops.cast(_rate(self.spec, epoch, ops), "float32")

    def get_config(self) -> dict[str, Any]:
        """Return what Keras may write down: the options that were set."""
        names = set(OptimizerOptions.model_fields)
        options = self.spec.model_dump(mode="json", include=names, exclude_unset=True)
        return {"spec": options, "steps_per_epoch": self.steps_per_epoch}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> EpochSchedule:
        """Return the schedule that `get_config` describes."""
        return cls(OptimizerOptions(**config["spec"]), config["steps_per_epoch"])


class Plateau:
    """Lowers the learning rate when the monitored metric has stopped improving.

    Args:
        spec: `factor` and `plateau_patience`.
        state: of a training that goes on, as `state` gave it; None to start.

    Attributes:
        state: a dictionary that JSON can hold: ``waited``, epochs since the last improvement or
            fall, and ``scale``, what the learning rate is multiplied by.
    """

    def __init__(self, spec: OptimizerOptions, state: dict[str, Any] | None = None) -> None:
        self.spec = spec
        self.state: dict[str, Any] = {"waited": 0, "scale": 1.0} if state is None else dict(state)

    def update(self, improved: bool) -> None:
        """Take note of one epoch; `scale` is then that of the next one."""
        self.state["waited"] = 0 if improved else self.state["waited"] + 1
        if self.state["waited"] >= self.spec.plateau_patience:
            self.state["scale"] *= self.spec.factor
            self.state["waited"] = 0

    @property
    def scale(self) -> float:
        """What the learning rate is multiplied by now."""
        return float(self.state["scale"])


def _rate(spec: OptimizerOptions, epoch: Any, xp: Any) -> Any:
    """Return the rate at `epoch`; `xp` is NumPy or keras.ops, so that one formula serves both."""
    warm = xp.minimum(1.0, epoch / spec.warmup) if spec.warmup else 1.0
    return spec.learning_rate * warm * _share(spec, epoch, xp)


def _share(spec: OptimizerOptions, epoch: Any, xp: Any) -> Any:
    """Return the share of the largest rate that the schedule leaves, 1 during the warm-up."""
    started = xp.maximum(epoch - spec.warmup, 0.0)
    if spec.schedule == "time_decay":
        return 1 / (1 + spec.decay * started)
    if spec.schedule == "step":
        share = 1.0
        for milestone in spec.milestones:
            share = xp.where(epoch >= milestone * spec.epochs, share * spec.factor, share)
        return share
    if spec.schedule == "cosine":
        length = max(spec.epochs - spec.warmup, 1e-6)
        return (1 + xp.cos(math.pi * xp.minimum(started / length, 1.0))) / 2
    return 1.0
