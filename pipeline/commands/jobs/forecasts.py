"""How much memory each stage will need, so that stages that run at once fit together."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import chdir, suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pipeline.checks import StudyError
from pipeline.classical.run.memory import needed_bytes
from pipeline.config.params import Params
from pipeline.features.forecast import expected_width
from pipeline.storage.splits import Task, load_task

if TYPE_CHECKING:
    from pipeline.classical.spec import ClassicalSpec
    from pipeline.features.spec import FeatureSpec

PYTHON, KERAS = 400_000_000, 1_000_000_000
"""Bytes of a stage before it holds any data, without and with Keras (peaks of runs in
reports/reference: color_svm, lenet5)."""
_BATCHES = 500_000_000
"""Bytes of the activations of a pretrained base and its batches."""
_MARGIN = 1.3
"""What is set aside, as a multiple of the forecast: of the runs in reports/reference/cifar10 it is
73% to 135% of the measured peak."""
_DRAWS_NETWORKS = "illustrate_networks"
_BEFORE_IMAGES = ("check", "fetch", "prepare")
"""Stages that run alone, one after the other, before the sizes of the images are known."""


class Forecasts:
    """The memory of each stage of a study, as soon as it can be known.

    What networks need is counted on the networks themselves, by a process that imports Keras while
    the first stages run.
    """

    def __init__(self, folder: Path, params: Params) -> None:
        self.folder, self.params = folder, params
        self._task: Task | None = None
        self._networks: dict[str, int] = {}
        self._counting: subprocess.Popen[str] | None = None

    def begin(self, names: set[str]) -> None:
        """Start to count the networks of these stages, if there are any among them."""
        entries = {self._run_of(name) for name in names if "@" in name}
        wanted = [name for name in self.params.deep if name in entries or None in entries]
        if not wanted:
            return
        self._counting = subprocess.Popen(
            [sys.executable, "-m", "pipeline.commands.jobs.network_memory", *wanted],
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # Ctrl-C is for the stages
        )
        threading.Thread(target=self._read, args=(self._counting,), daemon=True).start()

    def close(self) -> None:
        """Stop counting."""
        if self._counting is not None:
            self._counting.kill()
            self._counting.wait()

    def needed(self, stage: str) -> int | None:
        """Return the bytes to set aside for a stage; None as long as they are unknown."""
        found = self._forecast(stage)
        return None if found is None else int(_MARGIN * found)

    def _forecast(self, stage: str) -> int | None:
        kind, _, name = stage.partition("@")
        task = None if kind in _BEFORE_IMAGES else self._known_task()
        if task is None:
            return PYTHON
        if kind == "featurize":
            return self._features(name, task)
        if kind != "corrupt" and "@" in stage:
            runs = [self._run_of(stage)] if self._run_of(stage) else [*self._runs()]
            needed = [self._run(run, task) for run in runs if run is not None]
            return None if None in needed else max(filter(None, needed), default=PYTHON)
        if self.uses_network(stage):
            return KERAS + _BATCHES
        return PYTHON + _pixels(task, task.sizes["test"] + task.sizes["validation"])

    def uses_network(self, stage: str) -> bool:
        """Return whether a stage computes with Keras, and so on a GPU if there is one."""
        kind, _, name = stage.partition("@")
        hybrid = {each for each, spec in self.params.features.items() if _is_hybrid(spec)}
        if kind == _DRAWS_NETWORKS:
            return bool(self.params.deep)
        if "@" not in stage:
            return kind == "illustrate" and bool(hybrid)
        if kind == "featurize":
            return name in hybrid
        run = self._run_of(stage)
        if run in self.params.classical:
            # A classical run reads features; only where it gets new images are they computed.
            return kind == "corrupt" and bool(hybrid & set(self._joined(run)))
        return bool(self.params.deep)

    def _runs(self) -> list[str]:
        return [*self.params.classical, *self.params.deep]

    def _run_of(self, stage: str) -> str | None:
        """Return the run that a stage trains or measures; None for one that may train any."""
        name = stage.partition("@")[2]
        return name if name in self._runs() or stage.startswith("featurize@") else None

    def _run(self, run: str, task: Task) -> int | None:
        if run in self.params.deep:
            return self._networks.get(run)
        return PYTHON + self._classical(run, task)

    def _known_task(self) -> Task | None:
        if self._task is None:
            with suppress(StudyError, OSError), chdir(self.folder):
                self._task = load_task()
            if self._task is not None and self._counting is not None and self._counting.stdin:
                with suppress(OSError):
                    self._counting.stdin.close()  # there is something to count now
        return self._task

    def _read(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            found = json.loads(line)
            self._networks[found["name"]] = found["bytes"]

    def _joined(self, run: str) -> tuple[str, ...]:
        return cast("ClassicalSpec", self.params.classical[run]).features

    def _classical(self, run: str, task: Task) -> int:
        side = task.image_shape[0]
        sets = cast("Mapping[str, FeatureSpec]", self.params.features)
        width = sum(expected_width(sets[name], side) or 0 for name in self._joined(run))
        spec = cast("ClassicalSpec", self.params.classical[run])
        return needed_bytes(spec, task.sizes, width, task.n_classes)

    def _features(self, name: str, task: Task) -> int:
        spec = cast("FeatureSpec", self.params.features[name])
        width = expected_width(spec, task.image_shape[0]) or 0
        held = 4 * width * max(task.sizes.values()) + _pixels(task, max(task.sizes.values()))
        return held + (KERAS + _BATCHES if _is_hybrid(spec) else PYTHON)


def _is_hybrid(spec: object) -> bool:
    return cast("FeatureSpec", spec).family == "hybrid"


def _pixels(task: Task, n: int) -> int:
    return n * math.prod(task.image_shape)
