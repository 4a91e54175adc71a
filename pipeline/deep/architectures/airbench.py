"""The network of airbench94: small, and designed to train in seconds.

Keller Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU" (2024; arXiv 2404.00498), section
3, and its program, airbench94.py (github.com/KellerJordan/cifar10-airbench); many of its parts come
from David Page's series "How to train your ResNet" (2018-2019). At width 1 on 32×32 images of ten
classes it has 1,971,352 trained parameters, and 288 in the kernels of the first layer.

What makes it fast: a first layer that decorrelates patches, computed from the training images;
filters that start as the identity; pooling before normalization and activation, which then process
a quarter of the values; a shallow network; large batches at a high learning rate, with scaled-down
logits and smoothed labels; a higher rate for biases; images that are flipped in alternation.

The default recipe is the published one. Its rate of 11.5 and its decay of 0.0153 per 1,024 images
are for the sum of the losses, divided by 1,024·(1 + 1/(1 - 0.85)). For the mean of a batch of 1,024
this is a rate of 11.5 / 7.667 = 1.5, and λ = 0.0153 / 11.5 = 1.33e-3 in the gradient. A batch of b
images wants a rate of 1.5·b/1024. With ``optimizer: muon``, filters learn as in airbench94_muon.py
(see `pipeline.deep.training.steps`).

Departures from the program:

* Ten whole epochs instead of 9.9. The rate is that of the middle of a step, and a step's momentum
  keeps the rate of its time, as in Keras, where PyTorch applies the present rate to all of it.
* Lookahead leaves the statistics of batch normalization as they are; there it averages them too.
* The best epoch by the validation split is kept, not the last one.
* Test images are seen once. With ``tta: mirror_shift`` they are also seen in the paper's six
  versions, with an accuracy of its own.
* Numbers are float32 or bfloat16, not float16.
* The last maximum is taken over all positions, which at 32 pixels are the paper's 3×3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pipeline.deep.layers import (
    dropout,
    initializer,
    kernel_options,
    normalized_activation,
    output_layer,
)
from pipeline.deep.options import (
    BatchSize,
    Border,
    Epochs,
    Flip,
    LearningRate,
    LogitScale,
    Momentum,
    NormEpsilon,
    Optimizer,
    Part,
    Penalty,
    Pixels,
    RateFactor,
    Schedule,
    Smoothing,
    Steps,
    Units,
    WarmupEpochs,
)
from pipeline.deep.spec import DeepSpec
from pipeline.deep.whitening import whitened

if TYPE_CHECKING:
    import keras


class Spec(DeepSpec):
    """The network of airbench94 (2024): small, and trained in seconds on a GPU."""

    filters: tuple[Units, Units, Units] = (64, 256, 256)
    """Filters of the three groups at width 1."""
    activation: Literal["relu", "sigmoid", "tanh", "elu", "leaky_relu", "prelu", "gelu"] = "gelu"
    """Activation after the whitening and each normalization; maxout is not supported."""
    batch_norm: bool = True
    """Batch normalization, without a trained scale, before each activation."""
    norm_momentum: Momentum = 0.6
    """Momentum of batch normalization's moving mean and variance; 0.6 averages over 2.5 steps."""
    norm_epsilon: NormEpsilon = 1e-12
    """Added to the variance in batch normalization."""
    whitening: bool = True
    """Start with a fixed convolution that decorrelates the values of small patches."""
    identity_start: bool = True
    """Convolutions start as a partial identity: the first filters pass the channels through."""
    logit_scale: LogitScale = 1 / 9
    """Multiplies the input of the output layer, which then learns more slowly."""
    output_bias: bool = False
    """Whether the output layer has a bias."""
    epochs: Epochs = 10
    """Maximum number of passes over the training images; the published 9.9 are not whole."""
    batch_size: BatchSize = 1024
    """Images per optimizer step."""
    optimizer: Optimizer = "nesterov"
    """sgd, momentum and nesterov are stochastic gradient descent; the others adapt their steps."""
    learning_rate: LearningRate = 1.5
    """Peak learning rate, for the mean loss of a batch; for adam and adamw, try 2e-3."""
    momentum: Momentum = 0.85
    """Used by momentum and nesterov, and by muon for what is not a filter."""
    weight_decay: Penalty = 1.33e-3
    """Shrinks weights: as λ·w in the gradient, or, with adamw, separately from it."""
    decay_biases: bool = True
    """Weight decay shrinks biases and normalization offsets too, as much per step."""
    bias_rate: RateFactor = 64.0
    """Multiplies the learning rate of the offsets of batch normalization (section 3.4)."""
    schedule: Schedule = "linear"
    """Learning rate schedule: constant, time_decay, step, linear, cosine or plateau."""
    warmup: WarmupEpochs = 2.3
    """Epochs in which the learning rate rises linearly, before the schedule."""
    warmup_from: Part = 0.2
    """Fraction of the peak learning rate at which the warm-up starts."""
    final: Part = 0.07
    """For linear: fraction of the peak learning rate that remains at the last step."""
    lookahead: Steps | None = 5
    """Every so many steps, slow weights move toward the trained ones (section 3.4); null for
    none."""
    label_smoothing: Smoothing = 0.2
    """Fraction of each label that is spread evenly over all classes."""
    flip: Flip = "alternating"
    """Flip images horizontally: true, at random; alternating, each in every other epoch."""
    crop: Pixels = 2
    """Pad each side with this many pixels (`border`), then crop to the original size at random."""
    border: Border = "reflect"
    """For crop: pixels of the padding, black (zero), reflected, or those of the edge."""

    def smallest_side(self) -> int:
        """Return the side for which whitening and three poolings leave one position."""
        return 8 + (self.patch - 1 if self.whitening else 0)

    def grad_cam_layer(self) -> str:
        """Return the activation of the last convolution."""
        return f"group3_conv2_{self.activation}"

    def network(self, input_shape: tuple[int, ...], n_outputs: int) -> keras.Model:
        """Build the network; comments give the shapes for 32×32 images at width 1."""
        from keras import Input, Model, layers

        first, second, third = map(self.scaled, self.filters)
        image = Input(input_shape, name="image")  # 32 × 32 × 3
        x = whitened(image, self, padding="valid")  # 31 × 31 × 24
        x = self._group(x, first, "group1")  # 15 × 15 × 64
        x = self._group(x, second, "group2")  # 7 × 7 × 256
        x = self._group(x, third, "group3")  # 3 × 3 × 256
        x = layers.GlobalMaxPooling2D(name="pool")(x)  # 256
        x = dropout(x, self, "dropout")
        initial = initializer(self, _uniform())
        output = output_layer(n_outputs, self, kernel_initializer=initial)
        return Model(image, output(x), name="airbench")

    def _group(self, x: keras.KerasTensor, filters: int, name: str) -> keras.KerasTensor:
        """Add two convolutions, with 2×2 max pooling after the first."""
        from keras import layers

        def conv(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
            options, bias = kernel_options(self, _uniform()), self.needs_bias
            return layers.Conv2D(filters, 3, padding="same", use_bias=bias, name=name, **options)(x)

        x = conv(x, f"{name}_conv1")
        x = layers.MaxPooling2D(2, name=f"{name}_pool")(x)
        x = normalized_activation(x, self, f"{name}_conv1", scale=False)
        x = conv(x, f"{name}_conv2")
        return normalized_activation(x, self, f"{name}_conv2", scale=False)


def _uniform() -> keras.Initializer:
    """Return PyTorch's default for kernels, uniform within ±1/√inputs, as published.

    Normalization hides the scale of a kernel, but a smaller one turns faster at the same rate.
    """
    from keras.initializers import VarianceScaling

    return VarianceScaling(scale=1 / 3, mode="fan_in", distribution="uniform")
