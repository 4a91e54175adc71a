"""The options that all networks of this project share, in groups.

Nothing here imports Keras, because stages that train nothing also parse all of params.yaml.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from pipeline.config.registry import MethodSpec
from pipeline.tta import Tta

Activation = Literal["relu", "sigmoid", "tanh", "elu", "leaky_relu", "prelu", "gelu", "maxout"]
Optimizer = Literal["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "muon"]
Initializer = Literal[
    "auto",
    "zeros",
    "normal",
    "lecun_normal",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "orthogonal",
]
Schedule = Literal["constant", "time_decay", "step", "linear", "cosine", "plateau"]
Flip = bool | Literal["alternating"]
Border = Literal["black", "reflect", "edge"]
Metric = Literal["loss", "accuracy", "macro_f1", "balanced_loss", "balanced_accuracy"]
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
Momentum = Annotated[float, Field(ge=0, le=0.999999)]
RateFactor = Annotated[float, Field(ge=1e-6, le=1e6)]
Part = Annotated[float, Field(ge=0, le=1)]
LogitScale = Annotated[float, Field(ge=1e-6, le=1e6)]
NormEpsilon = Annotated[float, Field(ge=1e-15, le=1)]
Steps = Annotated[int, Field(ge=1, le=100_000)]
Deviation = Annotated[float, Field(ge=1e-9, le=1e3)]
OWNERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "decay": ("schedule", ("time_decay",)),
    "milestones": ("schedule", ("step",)),
    "factor": ("schedule", ("step", "plateau")),
    "plateau_patience": ("schedule", ("plateau",)),
    "final": ("schedule", ("linear",)),
    "momentum": ("optimizer", ("momentum", "nesterov", "muon")),
    "muon_momentum": ("optimizer", ("muon",)),
    "sgd_rate": ("optimizer", ("muon",)),
}
"""Option -> the option that it belongs to, and the values of that with which it has an effect."""


class LayerOptions(MethodSpec):
    """What the layers of a network are made of."""

    width: float = Field(default=1.0, ge=1e-3, le=8)
    """Multiplies the filters or units of every layer; a CPU can train a narrow network."""
    activation: Activation = "relu"
    """Activation of each convolution and hidden layer; maxout takes the larger of two."""
    batch_norm: bool = False
    """Batch normalization between each convolution or hidden layer and its activation."""
    norm_place: Literal["before", "after"] = "before"
    """Place of batch normalization: before the activation, as in the paper (Ioffe and Szegedy 2015,
    section 3.2), or after it. Where a network leaves the activation of a layer to an addition, its
    normalization stays in front of that addition."""
    initializer: Initializer = "auto"
    """Initial values of kernels: zeros; normal, with `initial_deviation`; those of LeCun et al.
    (1998), Glorot and Bengio (2010), He et al. (2015) or Saxe et al. (2014). auto: He's for
    rectifiers and Glorot's for sigmoid, tanh and the output layer, unless a network has its own."""
    initial_deviation: Deviation = 0.01
    """For normal: standard deviation of the initial values; 0.01 as in AlexNet."""
    dropout: Dropout = 0.0
    """Fraction of inputs dropped during training, where the network has dropout."""
    l1: Penalty = 0.0
    """L1 penalty on kernels, added to the loss."""
    l2: Penalty = 0.0
    """L2 penalty on kernels, added to the loss."""
    norm_momentum: Momentum = 0.9
    """Momentum of batch normalization's moving mean and variance: 0.9 averages over about ten
    steps, which a training of a few hundred steps may find too slow."""
    norm_epsilon: NormEpsilon = 1e-3
    """Added to the variance in batch normalization."""
    logit_scale: LogitScale = 1.0
    """Multiplies the input of each output layer, and with it the logits, except for their bias:
    less than 1 makes the first predictions cautious and the output layer learn more slowly."""
    output_bias: bool = True
    """Whether output layers have a bias."""
    whitening: bool = False
    """Start with a fixed convolution that decorrelates the values of small patches, fitted on the
    training images, followed by the activation (`pipeline.deep.whitening`)."""
    patch: Literal[2, 3] = 2
    """For whitening: side of the patches, 2 as in airbench94 or 3 as in Page's networks."""
    identity_start: bool = False
    """Convolutions with a stride of 1 and kernels of 3×3 or more start as a partial identity: the
    first filters pass the channels through (`pipeline.deep.initial_weights`)."""

    @model_validator(mode="after")
    def _have_an_effect(self) -> Self:
        if "norm_place" in self.model_fields_set and not self.batch_norm:
            raise ValueError(
                f"found norm_place: {self.norm_place} without batch normalization; drop it, or set "
                "batch_norm: true"
            )
        if "initial_deviation" in self.model_fields_set and self.initializer != "normal":
            raise ValueError(
                f"found initial_deviation with initializer: {self.initializer}; it belongs to "
                "initializer: normal. Drop it, or change the initializer"
            )
        return self


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
    momentum: Momentum = 0.9
    """Used by momentum and nesterov, and by muon for what is not a filter."""
    muon_momentum: Momentum = 0.6
    """For muon: momentum of the filters."""
    sgd_rate: LearningRate = 0.1
    """For muon: peak learning rate of all weights that are not filters of convolutions; these have
    stochastic gradient descent with Nesterov momentum. `learning_rate` is that of the filters."""
    weight_decay: Penalty = 0.0
    """Shrinks kernels, but not biases or normalization weights: as λ·w in the gradient, as in the
    papers, or, with adamw, separately from the gradient. muon's filters have a fixed size."""
    decay_biases: bool = False
    """Weight decay shrinks biases and normalization weights too. Where their learning rate is
    multiplied, λ is divided: all weights shrink by the same fraction per step."""
    bias_rate: RateFactor = 1.0
    """Multiplies the learning rate of the offsets of batch normalization."""
    whitening_bias_epochs: WarmupEpochs = 3.0
    """For whitening: epochs in which the bias of that layer is trained, before it is fixed; 0 for
    no bias."""
    whitening_bias_rate: RateFactor = 1.0
    """For whitening: multiplies the learning rate of that bias."""
    schedule: Schedule = "constant"
    """Learning rate schedule: constant; time_decay, lr / (1 + decay·epoch); step, lr·factor at each
    milestone; linear, down to lr·final, or cosine, down to 0, at the last step; plateau, lr·factor
    when the monitored metric has not improved for plateau_patience epochs."""
    warmup: WarmupEpochs = 0.0
    """Epochs in which the learning rate rises linearly, before the schedule."""
    warmup_from: Part = 0.0
    """Fraction of the peak learning rate at which the warm-up starts."""
    final: Part = 0.0
    """For linear: fraction of the peak learning rate that remains at the last step."""
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
    lookahead: Steps | None = None
    """Every so many steps, such as 5, move slow weights toward the trained ones and continue from
    there; an epoch ends with the slow weights. Null for none (`pipeline.deep.training.steps`)."""
    lookahead_decay: Share = 0.95
    """For lookahead: the slow weights keep a fraction of decay^steps · (share of training done)³
    of themselves; the rest is taken from the trained weights."""
    lookahead_start: WarmupEpochs = 3.0
    """For lookahead: epochs before it begins."""

    @field_validator("milestones")
    @classmethod
    def _ascending(cls, milestones: tuple[float, ...]) -> tuple[float, ...]:
        if list(milestones) != sorted(set(milestones)):
            raise ValueError("expected ascending fractions of the epochs, such as [0.5, 0.75]")
        return milestones

    @model_validator(mode="after")
    def _belong(self) -> Self:
        for option, (owner, kinds) in OWNERS.items():
            if option in self.model_fields_set and getattr(self, owner) not in kinds:
                raise ValueError(
                    f"found {option} with {owner}: {getattr(self, owner)}; it belongs to "
                    f"{owner}: {' or '.join(kinds)}. Drop it, or change the {owner}"
                )
        return self

    @property
    def decays_in_loss(self) -> bool:
        """Whether weight decay is a penalty of the layers; otherwise the optimizer applies it."""
        return self.optimizer not in ("adamw", "muon")


class LossOptions(MethodSpec):
    """The loss, and how the best epoch is chosen."""

    loss: Loss = "cross_entropy"
    """cross_entropy (categorical, or binary with two classes), squared_error, hinge or focal."""
    label_smoothing: Smoothing = 0.0
    """Fraction of each label that is spread evenly over all classes."""
    balance: bool = False
    """Whether all classes weigh the same in the loss, however many training images they have: an
    image of a class with few images counts more."""
    monitor: Metric | Auto = "auto"
    """Validation metric that selects the best epoch: loss (cross-entropy), accuracy, macro_f1,
    balanced_loss or balanced_accuracy (means over classes). auto: balanced_loss if the largest
    class of the training split is over 1.5 times the smallest, otherwise loss."""
    patience: Epochs | None = None
    """Stop after this many epochs without improvement; null trains all epochs."""


class AugmentationOptions(MethodSpec):
    """Random changes to training images in each epoch; other images stay unchanged."""

    flip: Flip = False
    """Flip images horizontally: true, with probability one half; alternating, an image's first flip
    is random, and then it is flipped in every other epoch (Jordan 2024, section 3.6)."""
    crop: Pixels = 0
    """Pad each side with this many pixels, then crop to the original size at random."""
    border: Border = "black"
    """For crop: pixels of the padding, black (zero), reflected, or those of the edge."""
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
        if "border" in self.model_fields_set and not self.crop:
            raise ValueError(
                f"found border: {self.border} without crop; expected crop: 1 or more. Drop it, or "
                "set crop"
            )
        return self

    @property
    def augments(self) -> bool:
        """Whether training images are augmented."""
        return bool(self.flip or self.crop or self.shift or self.cutout)


class PredictionOptions(MethodSpec):
    """How images are scored after training, in addition to plain scores."""

    tta: Tta = "none"
    """Test-time augmentation: none; mirror, the mean of an image and its mirror image;
    mirror_shift, six views as in airbench94. Its results have columns of their own and affect no
    choice and no comparison."""


class MachineOptions(MethodSpec):
    """How the machine computes; results agree up to rounding."""

    precision: Precision = "auto"
    """Precision that layers compute in; weights and outputs are always float32. auto: bfloat16 on
    a GPU and on a CPU that is at least 1.5 times as fast in it (measured once), else float32."""
    xla: bool | Auto = "auto"
    """Compile with XLA. auto: on a GPU; on a CPU, TensorFlow is faster without it."""
    data_on_device: bool | Auto = "auto"
    """Keep the training images in the device's memory. auto: on a GPU if they fill at most a
    quarter of it."""
    steps_per_call: Annotated[int, Field(ge=1, le=10_000)] | Auto = "auto"
    """Optimizer steps per call of the compiled function. auto: 1 on a CPU."""
    deterministic: bool = False
    """Use only operations whose results do not vary between runs, at some cost on a GPU. On a CPU,
    results then depend on `threads` and the processor, and on some on the number of cores."""
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
