"""The options that every network of this project has, in groups.

Nothing here imports Keras: the whole of params.yaml is parsed by stages that train nothing.
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
"""Of a deterministic training that states no number: what every laptop has."""
# Bounds stand in the types, so that a network that has another default has the same bounds. They
# are far beyond what trains, and within what float32 and the libraries' whole numbers hold.
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
    """Multiplies the filters of every layer, so that a processor can train a narrow network."""
    activation: Activation = "relu"
    """What follows each convolution and each hidden layer; maxout takes the larger of two."""
    batch_norm: bool = False
    """Batch normalisation between each convolution or hidden layer and its activation."""
    dropout: Dropout = 0.0
    """Share of inputs that are dropped in training, where the network's table has dropout."""
    l1: Penalty = 0.0
    """Penalty on the absolute values of kernels, added to the loss."""
    l2: Penalty = 0.0
    """Penalty on the squares of kernels, added to the loss."""


class OptimizerOptions(MethodSpec):
    """The steps that a training takes."""

    epochs: Epochs = 15
    """The most passes over the training images."""
    batch_size: BatchSize = 128
    """Images in one step of the optimizer."""
    optimizer: Optimizer = "adam"
    """sgd, momentum and nesterov are stochastic gradient descent; the others adapt their steps."""
    learning_rate: LearningRate = 1e-3
    """The optimizer's largest step size; the schedule lowers it."""
    momentum: float = Field(default=0.9, ge=0, le=0.999999)
    """Of momentum and nesterov."""
    weight_decay: Penalty = 0.0
    """Shrinks kernels, never biases or normalisations: as λ·w in the gradient, as the papers have
    it, or, with adamw, apart from the gradient."""
    schedule: Schedule = "constant"
    """Of the learning rate: constant; time_decay, lr / (1 + decay·epoch); step, lr·factor at each
    milestone; cosine, down to 0 at the last epoch; plateau, lr·factor where the monitored metric
    has not improved for plateau_patience epochs."""
    warmup: WarmupEpochs = 0.0
    """Epochs in which the learning rate rises linearly from nearly 0, before any schedule."""
    decay: float = Field(default=0.1, ge=1e-9, le=1e6)
    """Of time_decay, by epoch."""
    milestones: tuple[Share, ...] = Field(default=(0.5, 0.75), min_length=1, max_length=100)
    """Of step: shares of all epochs after which the learning rate falls."""
    factor: Share = 0.1
    """Of step and plateau: what the learning rate is multiplied by."""
    plateau_patience: Epochs = 5
    """Of plateau: epochs without improvement before the learning rate falls."""
    ema: Share | None = None
    """Keep an exponential moving average of the weights with this momentum, such as 0.999, and
    measure and store that; null for the weights themselves."""

    @field_validator("milestones")
    @classmethod
    def _ascending(cls, milestones: tuple[float, ...]) -> tuple[float, ...]:
        if list(milestones) != sorted(set(milestones)):
            raise ValueError("expected ascending shares of the epochs, such as [0.5, 0.75]")
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
    """What is minimised, and by what the best epoch is chosen."""

    loss: Loss = "cross_entropy"
    """cross_entropy (categorical, or binary with two classes), squared_error, hinge or focal."""
    label_smoothing: Smoothing = 0.0
    """Share of each label that is spread evenly over all classes."""
    monitor: Metric = "loss"
    """The validation metric whose best epoch is kept: loss (cross-entropy), accuracy, macro_f1."""
    patience: Epochs | None = None
    """Stop after so many epochs without a better one; null trains all epochs."""


class AugmentationOptions(MethodSpec):
    """What is done to training images, anew in each epoch; validation and test stay as they are."""

    flip: bool = False
    """Mirror each image left to right, with probability one half."""
    crop: Pixels = 0
    """Pad with zeros by so many pixels on each side, and cut the old size out anywhere."""
    shift: float = Field(default=0.0, ge=0, le=0.99)
    """Move by up to this share of the side in each direction; borders are repeated."""
    cutout: Pixels = 0
    """Side of a square, centred anywhere, that is set to the mean colour."""

    @model_validator(mode="after")
    def _one_kind_of_move(self) -> Self:
        if self.crop and self.shift:
            raise ValueError(
                f"found crop: {self.crop} and shift: {self.shift:g}; both move the image, "
                "expected one of them"
            )
        return self

    @property
    def augments(self) -> bool:
        """Whether training images are changed at all."""
        return bool(self.flip or self.crop or self.shift or self.cutout)


class MachineOptions(MethodSpec):
    """How it is computed; results agree to rounding."""

    precision: Precision = "auto"
    """What layers compute in; weights and outputs are float32 anyway. auto: bfloat16 on a GPU,
    float32 elsewhere."""
    xla: bool | Auto = "auto"
    """Compile with XLA. auto: on a GPU; TensorFlow on a processor is faster without."""
    data_on_device: bool | Auto = "auto"
    """Keep the training images in the device's memory. auto: on a GPU where they fill a quarter of
    it at most."""
    steps_per_call: Annotated[int, Field(ge=1, le=10_000)] | Auto = "auto"
    """Optimizer steps in one call of the compiled function. auto: 1 on a processor."""
    deterministic: bool = False
    """Only operations whose result does not vary from run to run, at some cost on a GPU. On a
    processor the result then depends on `threads`, and not on how many cores there are."""
    threads: Annotated[int, Field(ge=1, le=1024)] | Auto = "auto"
    """Threads of one operation on a processor. How a sum is split over them decides its last
    digits. auto: as many as there are cores; with `deterministic`, 2 on every machine."""
    seeds: tuple[Seed, ...] | None = Field(default=None, min_length=1, max_length=100)
    """Train once with each of these; null takes the study's seed."""

    @property
    def fixed_threads(self) -> int | None:
        """Threads that are set, on whatever machine; None leaves them to the library."""
        if self.threads == "auto":
            return DETERMINISTIC_THREADS if self.deterministic else None
        return self.threads

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if seeds is not None and len(set(seeds)) < len(seeds):
            raise ValueError("expected each seed once")
        return seeds
