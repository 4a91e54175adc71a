"""A search in progress: samples options from their ranges, fits them, and prunes the worse half.

See `pipeline.classical.tuning.study` for the method and its sources.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
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
from pipeline.classical.tuning.ranges import Range, Tune, kinds_of
from pipeline.config.registry import explain
from pipeline.progress import duration
from pipeline.sampling import nested_sizes, stratified_order
from pipeline.statistics.per_class import balanced_accuracy


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
    rows: list[dict[str, Any]] = field(default_factory=list)
    """One mapping per trial with keys `TUNING_COLUMNS`; options are a mapping."""
    started: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        self.order = stratified_order(self.training.labels, self.seed)
        self.sizes = _sizes(self.training.labels[self.order], self.tune.images)
        self.balanced = are_unequal(self.training.labels)
        self.given = {name: self.spec.option(name) for name in self.tune.ranges}

    @property
    def complete(self) -> list[dict[str, Any]]:
        """Trials that were not pruned."""
        return [row for row in self.rows if row["state"] == "complete"]

    def run(self) -> None:
        """Run all trials."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        trials = self.tune.trials
        study = optuna.create_study(
            direction="maximize",
            # The first trials are random: half of a short search, ten of a long one.
            sampler=optuna.samplers.TPESampler(
                seed=self.seed, n_startup_trials=min(10, trials // 2)
            ),
            pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2),
        )
        study.enqueue_trial(
            {
                name: each.choices.index(self.given[name]) if each.choices else self.given[name]
                for name, each in self.tune.ranges.items()
                if each.contains(self.given[name])
            }
        )
        for number in range(trials):
            trial = study.ask()
            row = self._try(trial, self._drawn(trial, first=number == 0), number)
            self.rows.append(row)
            if row["state"] == "complete":
                study.tell(trial, row["validation_accuracy"])
            else:
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            self._say(row)

    def _drawn(self, trial: Any, first: bool) -> dict[str, Any]:
        """Return option -> value, without weights if the sampled scaling does not use them."""
        options: dict[str, Any] = {}
        for name in sorted(self.tune.ranges, key=lambda name: name.startswith("weights")):
            each = self.tune.ranges[name]
            if name.startswith("weights") and options.get("scaling", "unit") != "unit":
                continue
            if first and not each.contains(self.given[name]):
                # Optuna cannot record a value outside the range; the trial counts anyway.
                options[name] = self.given[name]
            else:
                options[name] = _suggested(trial, name, each, self.spec)
        return options

    def _try(self, trial: Any, options: dict[str, Any], number: int) -> dict[str, Any]:
        """Fit on growing subsets of the training split, up to the last one unless pruned."""
        started = time.perf_counter()
        spec = with_chosen(self.spec, options)
        state, reached, size = "complete", 0.0, 0
        for step, size in enumerate(self.sizes):
            features, labels = self.training.rows(np.sort(self.order[:size]))
            model = spec.build(self.seed, self.training.widths)
            features = prepare_in_place(model, features)
            spec.fit_classifier(model, features, labels)
            del features  # frees memory for the next subset
            scores = decision_scores(model, self.validation)
            reached = self._measured(scores, model.classes_)
            trial.report(reached, 2**step)
            if size != self.sizes[-1] and trial.should_prune():
                state = "pruned"
                break
        return {
            "trial": number,
            "state": state,
            "images": size,
            "validation_accuracy": reached,
            "seconds": time.perf_counter() - started,
            "options": options,
        }

    def _measured(self, scores: NDArray[np.float32], classes: NDArray) -> float:
        if not self.balanced:
            return accuracy(scores, self.validation_labels, classes)
        return balanced_accuracy(classes[scores.argmax(axis=1)], self.validation_labels)

    def _say(self, row: dict[str, Any]) -> None:
        done, total = len(self.rows), self.tune.trials
        left = (time.perf_counter() - self.started) / done * (total - done)
        options = ", ".join(f"{name} {value}" for name, value in row["options"].items())
        as_given = " (as given)" if done == 1 else ""
        pruned = ", pruned" if row["state"] == "pruned" else ""
        best = max(each["validation_accuracy"] for each in self.complete)
        rest = f"about {duration(left)} left" if done < total else f"best {best:.1%}"
        print(
            f"trial {done} of {total}{as_given}: {options}: "
            f"validation {row['validation_accuracy']:.1%} from {row['images']:,} images"
            f"{pruned}; {rest}",
            flush=True,
        )


def _suggested(trial: Any, name: str, each: Range, spec: ClassicalSpec) -> Any:
    if each.choices is not None:
        # By index, because Optuna does not support choices between lists.
        return each.choices[trial.suggest_categorical(name, range(len(each.choices)))]
    low, high = each.numbers
    if float not in kinds_of(type(spec).model_fields[name.split(".")[0]].annotation):
        return trial.suggest_int(name, int(low), int(high), log=each.log)
    value = trial.suggest_float(name, low, high, log=each.log)
    # Four digits are precise enough, and easy to copy into params.yaml.
    return min(max(float(f"{value:.4g}"), low), high)


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
