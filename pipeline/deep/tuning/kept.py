"""Finished trials, and the unfinished one, so that a search that was killed goes on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.deep.spec import DeepSpec
from pipeline.storage import resume


class KeptTrials:
    """The trials of one search, each under the hash of all that determines it.

    The ranges and the number of trials are not among that: a trial with the same options is found
    again after they were changed.

    Args:
        run: of the search; None keeps nothing.
        origin: all that determines a training except its options.
    """

    def __init__(self, run: str | None, origin: Mapping[str, Any]) -> None:
        self.run, self.origin = f"_trials/{run}" if run is not None else None, dict(origin)
        self.keys: set[str] = set()
        """Of the trials that were asked for."""

    def finished(self, spec: DeepSpec) -> dict[str, Any] | None:
        """Return what `keep` has kept of a trial with these options; None if there is nothing."""
        if self.run is None:
            return None
        found = resume.kept_scores(self.run, self._key(spec))
        return None if found is None else found.facts

    def keep(self, spec: DeepSpec, facts: dict[str, Any]) -> dict[str, Any]:
        """Keep what a finished trial has reached, JSON values; return it."""
        if self.run is not None:
            resume.keep_scores(self.run, self._key(spec), {}, facts)
        return facts

    def unfinished(self, spec: DeepSpec) -> Path | None:
        """Return the file of the state of a trial during its training."""
        return None if self.run is None else resume.state_file(self.run, self._key(spec))

    def prune(self, *others: KeptTrials) -> None:
        """Remove the trials of this run that neither this search nor `others` asked for."""
        if self.run is not None:
            resume.prune(self.run, self.keys.union(*(each.keys for each in others)))

    def _key(self, spec: DeepSpec) -> str:
        options = spec.model_dump(mode="json", exclude={"seeds", "tune", "tta"})
        key = resume.state_key({**self.origin, "options": options})
        self.keys.add(key)
        return key
