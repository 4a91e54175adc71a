"""How long stages took, for the order in which they start and for the time that is left."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import mean

from pipeline.commands.jobs.dvc_calls import Node
from pipeline.storage.files import save_text

_USUAL = {
    "sample_size": 900.0,
    "ablations": 300.0,
    "train_deep": 30.0,
    "corrupt": 12.0,
    "illustrate_networks": 10.0,
    "report": 8.0,
    "prepare": 8.0,
}
"""Seconds of a stage of which nothing is known, only to decide what starts first."""
_OTHERS = 5.0
_NETWORKS = 2.0
"""How many times as long those with many trainings take if these are of networks."""
_OF_TRAININGS = ("sample_size", "ablations")


class Durations:
    """Seconds by stage, kept in a file from one run of the study to the next."""

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            self.before = {str(name): float(seconds) for name, seconds in found.items()}
        except (OSError, ValueError, AttributeError):
            self.before = {}
        self.now: dict[str, float] = {}

    def add(self, stage: str, seconds: float) -> None:
        """Keep the seconds of a stage that has run."""
        self.now[stage] = seconds
        save_text(self.file, json.dumps(self.before | self.now))

    def expected(self, stage: str) -> float | None:
        """Return the seconds that a stage took before; else those of others of its kind."""
        known = self.before | self.now
        if stage in known:
            return known[stage]
        kind = _kind(stage)
        alike = [seconds for name, seconds in known.items() if _kind(name) == kind]
        return mean(alike) if alike else None

    def ranks(self, nodes: Iterable[Node], uses_network: Callable[[str], bool]) -> dict[str, float]:
        """Return the seconds from the start of each stage to the end of the study.

        What has the longest way to go starts first.

        Args:
            nodes: all stages, each after those that it needs.
            uses_network: whether a stage computes with a network.
        """
        ranks: dict[str, float] = {}
        for node in reversed(list(nodes)):
            own = self.expected(node.name) or _usual(node.name, uses_network(node.name))
            ranks[node.name] = own + ranks.get(node.name, 0.0)
            for needed in node.needs:
                ranks[needed] = max(ranks.get(needed, 0.0), ranks[node.name])
        return ranks

    def left(
        self, running: Mapping[str, float], waiting: Iterable[str], slots: int
    ) -> float | None:
        """Return the seconds that are left, or None if nothing is known of some stage.

        Args:
            running: stage -> seconds since it started.
            waiting: stages that have not started.
            slots: stages that run at once.
        """
        rest = []
        for stage, since in [*running.items(), *((stage, 0.0) for stage in waiting)]:
            expected = self.expected(stage)
            if expected is None:
                return None
            rest.append(max(1.0, expected - since))
        return max([sum(rest) / max(1, slots), *rest]) if rest else 0.0


def _usual(stage: str, network: bool) -> float:
    """Return the seconds of a stage of whose kind nothing is known."""
    kind = _kind(stage)
    return _USUAL.get(kind, _OTHERS) * (_NETWORKS if network and kind in _OF_TRAININGS else 1.0)


def _kind(stage: str) -> str:
    return stage.partition("@")[0]
