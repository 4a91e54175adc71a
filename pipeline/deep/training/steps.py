"""What an optimizer does in a step besides its own formula: rates by weight, Lookahead, Muon.

All of it is tensor arithmetic on the optimizer's variables without branches, so that it is compiled
into the training step on every backend, and a checkpoint holds its state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic iteration, which are large at 0 so that few iterations suffice."""
ITERATIONS = 3
"""Newton-Schulz iterations, as in airbench94_muon.py."""


@dataclass(frozen=True)
class WeightRule:
    """How one trainable weight is treated."""

    rate: float = 1.0
    """Multiplies the learning rate."""
    decay: float = 0.0
    """λ: this times the weight is added to its gradient."""
    steps: int | None = None
    """The weight is fixed after this many steps; None trains it to the end."""
    is_filter: bool = False
    """Whether Muon trains it."""


@dataclass(frozen=True)
class Lookahead:
    """The slow weights of Lookahead (Zhang et al. 2019, algorithm 1), as airbench94 varies it.

    Every `every` steps, slow weights become ρ·slow + (1 - ρ)·trained, with ρ = decay^every ·
    (step/total)³, and the trained weights become the slow ones. So the average is short at first
    and long at the end. At the first such step after `start`, ρ is 0. An epoch ends with a copy of
    the slow weights.
    """

    every: int
    decay: float
    start: int
    """Steps before it begins."""
    epoch: int
    """Steps in an epoch."""
    total: int
    """Steps in the training."""

    @property
    def first(self) -> int:
        """The step, counted from 1, at which the slow weights begin as the trained ones."""
        return (self.start // self.every + 1) * self.every

    def __call__(self, step: Any, trained: Any, slow: Any) -> tuple[Any, Any]:
        """Return the trained and the slow weights after `step`, an int32 scalar from 1."""
        begun = step >= self.first
        moves = ops.logical_and(begun, step % self.every == 0)
        returns = ops.logical_or(moves, ops.logical_and(begun, step % self.epoch == 0))
        done = ops.cast(step, trained.dtype) / self.total
        kept = ops.where(step > self.first, self.decay**self.every * done**3, 0.0)
        kept = ops.cast(kept, trained.dtype)
        slow = ops.where(moves, kept * slow + (1 - kept) * trained, slow)
        return ops.where(returns, slow, trained), slow


if TYPE_CHECKING:
    from keras.optimizers import Optimizer as _Optimizer
else:
    _Optimizer = object  # the optimizer that `Rules` is mixed into comes next in line


class Rules(_Optimizer):
    """Mixed into an optimizer of Keras: applies the rule of each weight, and Lookahead.

    Args:
        rule_of: called with each trainable variable when the optimizer is built.
        lookahead: None for none.
        options: of the optimizer.
    """

    def __init__(self, *, rule_of: Any, lookahead: Lookahead | None, **options: Any) -> None:
        super().__init__(**options)
        self._rule_of, self._lookahead = rule_of, lookahead

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Create the optimizer's variables, among them the slow weights."""
        if self.built:
            return
        self._rules = tuple(map(self._rule_of, variables))
        super().build(variables)
        if self._lookahead is not None:
            self._slow = self.add_optimizer_variables(variables, "slow")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Change one weight by the optimizer's formula and its own rule."""
        rule = self._rules[self._get_variable_index(variable)]
        before = ops.copy(variable) if rule.steps is not None else None
        if rule.decay:
            gradient = gradient + rule.decay * ops.convert_to_tensor(variable)
        self._step(rule, gradient, variable, learning_rate * rule.rate)
        if before is not None:
            trained = self._iterations < rule.steps
            self.assign(variable, ops.where(trained, ops.convert_to_tensor(variable), before))

    def _step(self, rule: WeightRule, gradient: Any, variable: Any, learning_rate: Any) -> None:
        super().update_step(gradient, variable, learning_rate)

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Change all weights, then let Lookahead act on them."""
        super().apply(grads, trainable_variables)
        if self._lookahead is None:
            return
        step = ops.cast(self._iterations, "int32")
        for variable, slow in zip(self._trainable_variables, self._slow, strict=True):
            trained, averaged = self._lookahead(step, variable.value, slow.value)
            variable.assign(trained)
            slow.assign(averaged)


class Muon(Rules, keras.optimizers.SGD):
    """Filters by Muon, as in airbench94_muon.py; all other weights by SGD with Nesterov momentum.

    Keller Jordan, "Muon: an optimizer for hidden layers in neural networks" (2024). The kernel of a
    convolution is a matrix with one column per filter. Its gradient with Nesterov momentum is
    replaced by a nearly orthogonal matrix with the same singular vectors. Before each step the
    kernel is scaled to the norm √filters, so that the learning rate is relative.

    Args:
        filter_momentum: momentum of the filters.
        options: of `Rules` and Keras's SGD.
    """

    def __init__(self, *, filter_momentum: float, **options: Any) -> None:
        super().__init__(**options)
        self._filter_momentum = filter_momentum

    def _step(self, rule: WeightRule, gradient: Any, variable: Any, learning_rate: Any) -> None:
        if not rule.is_filter:
            super()._step(rule, gradient, variable, learning_rate)
            return
        momentum = self.momentums[self._get_variable_index(variable)]
        self.assign(momentum, momentum * self._filter_momentum + gradient)
        direction = gradient + momentum * self._filter_momentum
        kernel = ops.convert_to_tensor(variable)
        filters = kernel.shape[-1]
        scale = filters**0.5 / ops.sqrt(ops.sum(ops.square(kernel)))
        step = orthogonalized(ops.reshape(direction, (-1, filters)))
        step = ops.reshape(step, kernel.shape)
        self.assign(variable, kernel * scale - step * ops.cast(learning_rate, step.dtype))


def orthogonalized(matrix: Any) -> Any:
    """Return a matrix with the singular vectors of `matrix`, and singular values near 1.

    The quintic Newton-Schulz iteration x -> a·x + b·x³ + c·x⁵ acts on each singular value. Those
    that are not tiny end up at about 0.3 to 1.2 after three iterations, which is near enough.

    Args:
        matrix: (m, n) float tensor.
    """
    a, b, c = NEWTON_SCHULZ
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else ops.transpose(matrix)
    x = x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-7)
    for _ in range(ITERATIONS):
        gram = ops.matmul(x, ops.transpose(x))
        x = a * x + ops.matmul(b * gram + c * ops.matmul(gram, gram), x)
    return x if wide else ops.transpose(x)
