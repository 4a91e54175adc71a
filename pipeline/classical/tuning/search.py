"""A search in progress: samples options from their ranges, fits them, and prunes the worse half.

See `pipeline.classical.tuning.study` for the method and its sources.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from pipeline.checks import StudyError
from pipeline.class_balance import are_unequal
from pipeline.classical.run.scaling import prepare_in_place
from pipeline.classical.run.scores import accuracy, decision_scores
from pipeline.classical.run.training_set import TrainingSet
from pipeline.classical.spec import ClassicalSpec
from pipeline.classical.tuning.ranges import Tune
from pipeline.config.registry import explain
from pipeline.sampling import nested_sizes, stratified_order
from pipeline.statistics.per_class import balanced_accuracy
from pipeline.tuning.trials import Progress, Proposal, Trials


@dataclass
class Search:
    """A search in progress: its inputs, and the trials so far."""

    spec: ClassicalSpec
    tune: Tune
    training: TrainingSet
    validation: NDArray[np.float32]
    """(n, d) joined features of the validation split."""
    validation_labels: NDArray[np.int64]
    """(n,) labels of the validation split."""
    seed: int

    def __post_init__(self) -> None:
        self.order = stratified_order(self.training.labels, self.seed)
        self.sizes = _sizes(self.training.labels[self.order], self.tune.images)
        self.balanced = are_unequal(self.training.labels)
        # Weights last, because they depend on the scaling.
        names = sorted(self.tune.ranges, key=lambda name: name.startswith("weights"))
        given = {name: self.spec.option(name) for name in names}
        self.trials = Trials(
            self.tune, given, type(self.spec).model_fields, self.seed, applies=_applies
        )
        self.progress = Progress(self.trials)

    def run(self) -> None:
        """Run all trials."""
        for _ in range(self.tune.trials):
            self._try(self.trials.propose())
            self.progress.say(f"from {self.trials.rows[-1]['images']:,} images")

    def _try(self, proposal: Proposal) -> None:
        """Fit on growing subsets of the training split, up to the last one unless pruned."""
        started = time.perf_counter()
        spec = with_chosen(self.spec, proposal.options)
        state, reached, size = "complete", 0.0, 0
        for step, size in enumerate(self.sizes):
            features, labels = self.training.rows(np.sort(self.order[:size]))
            model = spec.build(self.seed, self.training.widths)
            features = prepare_in_place(model, features)
            spec.fit_classifier(model, features, labels)
            del features  # frees memory for the next subset
            scores = decision_scores(model, self.validation)
            reached = self._measured(scores, model.classes_)
            if proposal.is_pruned(reached, 2**step, last=size == self.sizes[-1]):
                state = "pruned"
                break
        self.trials.add(proposal, state, size, 0, reached, time.perf_counter() - started)

    def _measured(self, scores: NDArray[np.float32], classes: NDArray) -> float:
        if not self.balanced:
            return accuracy(scores, self.validation_labels, classes)
        return balanced_accuracy(classes[scores.argmax(axis=1)], self.validation_labels)


def _applies(name: str, options: Mapping[str, Any]) -> bool:
    """Return whether the sampled scaling uses weights, if this is one."""
    return not name.startswith("weights") or options.get("scaling", "unit") == "unit"


def _sizes(ordered: NDArray[np.int64], images: int | None) -> list[int]:
    """Return the ascending sizes of the nested subsets, each of which has all classes."""
    classes, first = np.unique(ordered, return_index=True)
    complete = int(first.max()) + 1
    largest = max(min(images or len(ordered), len(ordered)), complete)
    return [size for size in nested_sizes(largest, len(classes), 3) if size >= complete]


def with_chosen(spec: ClassicalSpec, options: Mapping[str, Any]) -> ClassicalSpec:
    """Return `spec` with the options of a trial; `StudyError` if they are incompatible."""
    try:
        return spec.with_options(options)
    except ValidationError as error:
        raise StudyError(explain(error, f"tune, trial with {dict(options)}", type(spec))) from None
