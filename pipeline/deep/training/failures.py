"""Training failures, with advice on how to fix them: a NaN loss, or not enough memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn

import keras

from pipeline.checks import ShortageError, StudyError
from pipeline.deep.spec import DeepSpec
from pipeline.deep.training.history import TrainingHistory
from pipeline.system_errors import is_memory_error


class Diverged(StudyError):
    """The loss or the weights are no longer finite numbers.

    Attributes:
        epoch: in which that happened, from 1.
        history: of the epochs before it, and of this one if it was finished; None until
            `pipeline.deep.training.fitting` sets it.
    """

    def __init__(self, message: str, epoch: int) -> None:
        super().__init__(message)
        self.epoch = epoch
        self.history: TrainingHistory | None = None


class StopAtNaN(keras.callbacks.Callback):
    """Stops within an epoch at the first loss that is not finite; use a new one for each `fit`.

    Keras reports the mean loss of the epoch so far as a Python float, and once it is NaN it stays
    NaN, so checking it costs nothing. If all callbacks allow it, Keras calls them from another
    thread, which does not wait for the device after each step.
    """

    async_safe = True
    """Tells Keras that it can call this callback from another thread."""

    def __init__(self) -> None:
        super().__init__()
        self.loss: float | None = None
        """The loss that was not finite, or None."""

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Check the mean loss so far."""
        self._check(logs)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Check the mean loss of the epoch."""
        self._check(logs)

    def _check(self, logs: Mapping[str, float] | None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss) or self.loss is not None:
            return
        self.loss = float(loss)
        self.model.stop_training = True


def raise_diverged(spec: DeepSpec, epoch: int, learning_rate: float, loss: float) -> NoReturn:
    """Raise `Diverged` for a loss or weights that are no longer finite.

    Args:
        spec: the options of the training.
        epoch: from 1.
        learning_rate: in that epoch.
        loss: NaN or infinite.
    """
    tries = [f"learning_rate {float(f'{spec.learning_rate / 10:.3g}'):g}"]
    if not spec.warmup:
        tries.append("warmup: 2")
    if not spec.batch_norm:
        tries.append("batch_norm: true")
    if spec.optimizer != "adam":
        tries.append("the optimizer adam at 0.001")
    if spec.precision == "float16":
        tries.insert(0, "precision: bfloat16, which has the range of float32")
    raise Diverged(
        f"{spec.method}: the loss is {loss} in epoch {epoch}, with the optimizer {spec.optimizer} "
        f"at a learning rate of {learning_rate:.3g}; expected a finite number. Training diverged: "
        f"try {', or '.join(tries)}",
        epoch,
    )


@contextmanager
def memory_errors(spec: DeepSpec, image_shape: tuple[int, ...]) -> Iterator[None]:
    """Turn out-of-memory errors into a `ShortageError`; other errors pass unchanged.

    Args:
        spec: the options of the training.
        image_shape: (height, width, channels), for the message.
    """
    try:
        yield
    except Exception as error:
        if not is_memory_error(error):
            raise
        raise ShortageError(_full_memory(spec, image_shape, error)) from None


def _full_memory(spec: DeepSpec, image_shape: tuple[int, ...], error: BaseException) -> str:
    side = getattr(spec, "image_size", None)
    if side is not None:
        inputs, smaller = f", image_size: {side}", ", a smaller image_size"
    else:
        inputs = f" and images of {image_shape[0]}×{image_shape[1]} pixels"
        smaller = ", smaller images"
    tries = f"batch_size: {max(1, spec.batch_size // 2)}{smaller}, a smaller width"
    if spec.data_on_device is not False:
        tries += ", data_on_device: false"
    said = str(error).strip().splitlines()
    reason = f" ({type(error).__name__}: {said[0][:160]})" if said else ""
    return (
        f"{spec.method}: out of memory with batch_size: {spec.batch_size}{inputs}{reason}; "
        f"expected room for a batch, the weights and the optimizer. Try {tries}"
    )
