"""The trials of a search: which options come next, and what is told and kept of each.

Optuna's tree-structured Parzen estimator (Bergstra et al. 2011, "Algorithms for Hyper-Parameter
Optimization", section 4) proposes combinations from the ranges. Asynchronous successive halving (Li
et al. 2020, "A System for Massively Parallel Hyperparameter Tuning", section 3.2) prunes those in
the worse half when they have had an eighth, a quarter or half of what a trial may use, or so. The
first trial uses the run's own options, so the search never ends below them.

Trials run one after the other: what is proposed and what is pruned depend on all trials before.
Side by side they would depend on which of them ends first.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from pipeline.progress import duration
from pipeline.storage.runs import TUNING_COLUMNS
from pipeline.tuning.ranges import Range, Search, kinds_of

Applies = Callable[[str, Mapping[str, Any]], bool]
"""Whether an option has an effect, given those that were drawn before."""


@dataclass(frozen=True)
class Proposal:
    """The options of one trial, and what it has reached so far."""

    number: int
    """From 0."""
    options: dict[str, Any]
    trial: Any
    """Optuna's."""

    def is_pruned(self, reached: float, step: int, last: bool) -> bool:
        """Report the validation accuracy at a step; return whether the trial should end early.

        Args:
            reached: the accuracy.
            step: from 1, ascending.
            last: whether the trial ends with this step anyway.
        """
        self.trial.report(reached, step)
        return not last and bool(self.trial.should_prune())


class Trials:
    """The trials of one search; the same seed and the same results give the same options.

    Args:
        tune: the search.
        given: option -> the run's own value, for each range.
        fields: the run's options: name -> pydantic's `FieldInfo`.
        seed: of the sampler.
        first_step: the first step at which a trial may be pruned, and then at 2, 4, ... times that.
        applies: whether an option has an effect; options are drawn in the order of `given`.
    """

    def __init__(
        self,
        tune: Search,
        given: Mapping[str, Any],
        fields: Mapping[str, Any],
        seed: int,
        first_step: int = 1,
        applies: Applies = lambda name, options: True,
    ) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.tune, self.given, self.fields, self.applies = tune, given, fields, applies
        self.rows: list[dict[str, Any]] = []
        """One mapping per trial with keys `TUNING_COLUMNS`; options are a mapping."""
        self._study = optuna.create_study(
            direction="maximize",
            # The first trials are random: half of a short search, ten of a long one.
            sampler=optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=min(10, tune.trials // 2)
            ),
            pruner=optuna.pruners.SuccessiveHalvingPruner(
                min_resource=first_step, reduction_factor=2
            ),
        )
        self._pruned = optuna.trial.TrialState.PRUNED
        ranges = {name: tune.ranges[name] for name in given}
        self._study.enqueue_trial(
            {
                name: each.choices.index(given[name]) if each.choices else given[name]
                for name, each in ranges.items()
                if each.contains(given[name])
            }
        )

    @property
    def complete(self) -> list[dict[str, Any]]:
        """Trials that were trained to their end."""
        return [row for row in self.rows if row["state"] == "complete"]

    def propose(self) -> Proposal:
        """Return the next trial."""
        trial, number = self._study.ask(), len(self.rows)
        options: dict[str, Any] = {}
        for name, value in self.given.items():
            each = self.tune.ranges[name]
            if not self.applies(name, options):
                continue
            if number == 0 and not each.contains(value):
                # Optuna cannot record a value outside the range; the trial counts anyway.
                options[name] = value
            else:
                options[name] = self._suggested(trial, name, each)
        return Proposal(number, options, trial)

    def add(
        self,
        proposal: Proposal,
        state: str,
        images: int,
        epochs: int,
        reached: float,
        seconds: float,
    ) -> None:
        """Keep a finished trial.

        Args:
            proposal: the trial.
            state: ``complete``, ``pruned`` or ``diverged``.
            images: training images of its last fit.
            epochs: of its training; 0 for a classifier, which has none.
            reached: validation accuracy, or balanced accuracy; NaN after a divergence.
            seconds: that it took.
        """
        values = (proposal.number, state, images, epochs, reached, seconds, proposal.options)
        self.rows.append(dict(zip(TUNING_COLUMNS, values, strict=True)))
        if state == "complete":
            self._study.tell(proposal.trial, reached)
        else:
            self._study.tell(proposal.trial, state=self._pruned)

    def _suggested(self, trial: Any, name: str, each: Range) -> Any:
        if each.choices is not None:
            # By index, because Optuna does not support choices between lists.
            return each.choices[trial.suggest_categorical(name, range(len(each.choices)))]
        low, high = each.numbers
        if float not in kinds_of(self.fields[name.split(".")[0]].annotation):
            return trial.suggest_int(name, int(low), int(high), log=each.log)
        value = trial.suggest_float(name, low, high, log=each.log)
        # Four digits are precise enough, and easy to copy into params.yaml.
        return min(max(float(f"{value:.4g}"), low), high)

    @property
    def table(self) -> pd.DataFrame:
        """Columns `TUNING_COLUMNS`, in chronological order."""
        table = pd.DataFrame(self.rows)
        table["options"] = [json.dumps(options) for options in table["options"]]
        return table[list(TUNING_COLUMNS)]

    def notes(self, balanced: bool) -> dict[str, Any]:
        """Return what a card says of a search that has at least one complete trial.

        Args:
            balanced: whether trials were compared by balanced accuracy.
        """
        best, states = self.best, [row["state"] for row in self.rows]
        diverged = states.count("diverged")
        return {
            "trials": len(self.rows),
            "images": max(row["images"] for row in self.rows),
            "pruned": states.count("pruned"),
            "best_validation_accuracy": best["validation_accuracy"],
            "chosen": best["options"],
            "ranges": self.tune.model_dump(mode="json")["ranges"],
            **({"diverged": diverged} if diverged else {}),
            **({"chosen_by": "balanced accuracy"} if balanced else {}),
        }

    @property
    def best(self) -> dict[str, Any]:
        """The complete trial of the highest validation accuracy; of equals, the first."""
        return max(self.complete, key=lambda row: row["validation_accuracy"])


@dataclass
class Progress:
    """The lines that a search prints."""

    trials: Trials
    started: float = field(default_factory=time.perf_counter)

    def say(self, used: str) -> None:
        """Print the last trial; `used` says of what: ``from 2,500 images``."""
        row, total = self.trials.rows[-1], self.trials.tune.trials
        done = len(self.trials.rows)
        left = (time.perf_counter() - self.started) / done * (total - done)
        options = ", ".join(f"{name} {value}" for name, value in row["options"].items())
        rest = f"about {duration(left)} left" if done < total else _end(self.trials.complete)
        reached = f"validation {row['validation_accuracy']:.1%} {used}"
        if row["state"] == "diverged":
            reached = "diverged"
        elif row["state"] == "pruned":
            reached += ", pruned"
        print(
            f"trial {done} of {total}{' (as given)' if done == 1 else ''}: {options}: {reached}; "
            f"{rest}",
            flush=True,
        )


def _end(complete: Sequence[Mapping[str, Any]]) -> str:
    reached = [row["validation_accuracy"] for row in complete]
    return f"best {max(reached):.1%}" if reached else "none was completed"
