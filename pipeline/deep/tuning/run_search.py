"""The one search of a run, which all of its seeds share."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.deep.spec import DeepSpec
from pipeline.deep.tuning.kept import KeptTrials
from pipeline.deep.tuning.study import Task, Tuned, tune


class RunSearch:
    """The search for the options of a run, made when it is first asked for.

    With cross-validation, each model has a search of its own, on its own images.

    Args:
        run: its name.
        spec: its options; without `tune`, there is no search.
        seed: of the search: the first one of the run.
        origin: all that determines a training, except its seed and options.
    """

    def __init__(self, run: str, spec: DeepSpec, seed: int, origin: Mapping[str, object]) -> None:
        self.run, self.spec, self.seed, self.origin = run, spec, seed, dict(origin)
        self._found: dict[int | None, tuple[Tuned, KeptTrials]] = {}

    def tuned(self, task: Task, model: int | None = None) -> Tuned | None:
        """Return what was found for one model; None without a search.

        Args:
            task: what a trial trains, with the seed of the search.
            model: of a cross-validation; None for the only one, or the one that is stored.
        """
        if self.spec.tune is None:
            return None
        if model not in self._found:
            kept = KeptTrials(self.run, {**self.origin, "seed": self.seed, "fold": model})
            self._found[model] = tune(self.spec, task, kept), kept
        return self._found[model][0]

    def prune(self) -> None:
        """Remove the kept trials of this run that belong to none of its searches.

        A run of which nothing had to be trained has not searched, and keeps what there is.
        """
        kept = [each for _, each in self._found.values()]
        if kept:
            kept[0].prune(*kept[1:])
