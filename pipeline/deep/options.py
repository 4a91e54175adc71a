"""The options that all networks of this project share, in groups.

Nothing here imports Keras, because stages that train nothing also parse all of params.yaml.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from pipeline.config.registry import MethodSpec

Activation = Literal["relu", "sigmoid", "tanh", "elu", "leaky_relu", "prelu", "gelu", "maxout"]
Optimizer = Literal["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"]
Schedule = Literal["constant", "time_decay", "step", "cosine", "plateau"]
Metric = Literal["loss", "accuracy", "macro_f1"]
Loss = Literal["cross_entropy", "squared_error", "hinge", "focal"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]
Auto = Literal["auto"]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
DETERMINISTIC_THREADS = 2
"""Threads for deterministic training where no number is set: every laptop has this many cores."""
# The types carry the bounds, so that a network with another default keeps them. The bounds are far
# beyond any sensible value, but within the range of float32 and of the libraries' integers.
Share = Annotated[float, Field(ge=1e-6, le=0.999999)]
Dropout = Annotated[float, Field(ge=0, le=0.99)]
Smoothing = Annotated[float, Field(ge=0, le=0.99)]
Penalty = Annotated[float, Field(ge=0, le=1000)]
Epochs = Annotated[int, Field(ge=1, le=100_000)]
WarmupEpochs = Annotated[float, Field(ge=0, le=100_000)]
BatchSize = Annotated[int, Field(ge=1, le=65_536)]
Units = Annotated[int, Field(ge=1, le=65_536)]
LearningRate = Annotated[float, Field(ge=1e-10, le=1e10)]
Pixels = Annotated[int, Field(ge=0, le=4096)]


class LayerOptions(MethodSpec):
    """What the layers of a network are made of."""

    width: float = Field(default=1.0, ge=1e-3, le=8)
    """Multiplies the filters or units of every layer; a CPU can train a narrow network."""
    activation: Activation = "relu"
    """Activation of each convolution and hidden layer; maxout takes the larger of two."""
    batch_norm: bool = False
    """Batch normalization between each convolution or hidden layer and its activation."""
    dropout: Dropout = 0.0
    """Fraction of inputs dropped during training, where the network has dropout."""
    l1: Penalty = 0.0
    """L1 penalty on kernels, added to the loss."""
    l2: Penalty = 0.0
    """L2 penalty on kernels, added to the loss."""


class OptimizerOptions(MethodSpec):
    """How the weights are optimized."""

    epochs: Epochs = 15
    """Maximum number of passes over the training images."""
    batch_size: BatchSize = 128
    """Images per optimizer step."""
    optimizer: Optimizer = "adam"
    """sgd, momentum and nesterov are stochastic gradient descent; the others adapt their steps."""
    learning_rate: LearningRate = 1e-3
    """Peak learning rate; the schedule lowers it."""
    momentum: float = Field(default=0.9, ge=0, le=0.999999)
    """Used by momentum and nesterov."""
    weight_decay: Penalty = 0.0
    """Shrinks kernels, but not biases or normalization weights: as λ·w in the gradient, as in the
    papers, or, with adamw, separately from the gradient."""
    schedule: Schedule = "constant"
    """Learning rate schedule: constant; time_decay, lr / (1 + decay·epoch); step, lr·factor at each
    milestone; cosine, down to 0 at the last epoch; plateau, lr·factor when the monitored metric
    has not improved for plateau_patience epochs."""
    warmup: WarmupEpochs = 0.0
    """Epochs in which the learning rate rises linearly from nearly 0, before the schedule."""
    decay: float = Field(default=0.1, ge=1e-9, le=1e6)
    """Decay per epoch of time_decay."""
    milestones: tuple[Share, ...] = Field(default=(0.5, 0.75), min_length=1, max_length=100)
    """For step: fractions of all epochs after which the learning rate falls."""
    factor: Share = 0.1
    """For step and plateau: what the learning rate is multiplied by."""
    plateau_patience: Epochs = 5
    """For plateau: epochs without improvement before the learning rate falls."""
    ema: Share | None = None
    """Keep an exponential moving average of the weights with this momentum, such as 0.999, and
    evaluate and store the average; null uses the weights themselves."""

    @field_validator("milestones")
    @classmethod
    def _ascending(cls, milestones: tuple[float, ...]) -> tuple[float, ...]:
        if list(milestones) != sorted(set(milestones)):
            raise ValueError("expected ascending fractions of the epochs, such as [0.5, 0.75]")
        return milestones

    @model_validator(mode="after")
    def _belong(self) -> Self:
        owners = {
            "decay": ("schedule", ("time_decay",)),
            "milestones": ("schedule", ("step",)),
            "factor": ("schedule", ("step", "plateau")),
            "plateau_patience": ("schedule", ("plateau",)),
            "momentum": ("optimizer", ("momentum", "nesterov")),
        }
        for option, (owner, kinds) in owners.items():
            if option in self.model_fields_set and getattr(self, owner) not in kinds:
                raise ValueError(
                    f"found {option} with {owner}: {getattr(self, owner)}; it belongs to "
                    f"{owner}: {' or '.join(kinds)}. Drop it, or change the {owner}"
                )
        return self


class LossOptions(MethodSpec):
    """The loss, and how the best epoch is chosen."""

    loss: Loss = "cross_entropy"
    """cross_entropy (categorical, or binary with two classes), squared_error, hinge or focal."""
    label_smoothing: Smoothing = 0.0
    """Fraction of each label that is spread evenly over all classes."""
    monitor: Metric = "loss"
    """Validation metric that selects the best epoch: loss (cross-entropy), accuracy or macro_f1."""
    patience: Epochs | None = None
    """Stop after this many epochs without improvement; null trains all epochs."""


class AugmentationOptions(MethodSpec):
    """Random changes to training images in each epoch; other images stay unchanged."""

    flip: bool = False
    """Flip each image horizontally with probability one half."""
    crop: Pixels = 0
    """Pad each side with this many zero pixels, then crop to the original size at random."""
    shift: float = Field(default=0.0, ge=0, le=0.99)
    """Shift by up to this fraction of the side in each direction; border pixels are repeated."""
    cutout: Pixels = 0
    """Side of a square at a random position that is set to the mean color."""

    @model_validator(mode="after")
    def _one_kind_of_move(self) -> Self:
        if self.crop and self.shift:
            raise ValueError(
                f"found crop: {self.crop} and shift: {self.shift:g}; both move the image. "
                "Expected only one of them"
            )
        return self

    @property
    def augments(self) -> bool:
        """Whether training images are augmented."""
        return bool(self.flip or self.crop or self.shift or self.cutout)


class MachineOptions(MethodSpec):
    """How the machine computes; results agree up to rounding."""

    precision: Precision = "auto"
    """Precision that layers compute in; weights and outputs are always float32. auto: bfloat16 on
    a GPU, float32 elsewhere."""
    xla: bool | Auto = "auto"
    """Compile with XLA. auto: on a GPU; on a CPU, TensorFlow is faster without it."""
    data_on_device: bool | Auto = "auto"
    """Keep the training images in the device's memory. auto: on a GPU if they fill at most a
    quarter of it."""
    steps_per_call: Annotated[int, Field(ge=1, le=10_000)] | Auto = "auto"
    """Optimizer steps per call of the compiled function. auto: 1 on a CPU."""
    deterministic: bool = False
    """Use only operations whose results do not vary between runs, at some cost on a GPU. On a CPU,
    results then depend on `threads`, but not on the number of cores."""
    threads: Annotated[int, Field(ge=1, le=1024)] | Auto = "auto"
    """Threads per operation on a CPU. How a sum is split over threads affects its last digits.
    auto: one per core; with `deterministic`, 2 on every machine."""
    seeds: tuple[Seed, ...] | None = Field(default=None, min_length=1, max_length=100)
    """Train once with each of these seeds; null uses the study's seed."""

    @property
    def fixed_threads(self) -> int | None:
        """Number of threads to set on every machine; None leaves it to the library."""
        if self.threads == "auto":
            return DETERMINISTIC_THREADS if self.deterministic else None
        return self.threads

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if seeds is not None and len(set(seeds)) < len(seeds):
            raise ValueError("expected each seed once")
        return seeds
