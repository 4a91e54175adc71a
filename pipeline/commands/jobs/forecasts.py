"""How much memory each stage will need, so that stages that run at once fit together."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import chdir, suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pipeline.checks import StudyError
from pipeline.classical.run.memory import needed_bytes
from pipeline.commands.jobs.plans import Plan, plans_of
from pipeline.commands.jobs.resources import WITHOUT_GPU
from pipeline.config.entries import PARAMS
from pipeline.config.params import Params
from pipeline.config.yaml_files import read_yaml
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
        self._document = read_yaml(folder / PARAMS)
        self._plans: dict[str, tuple[Plan, ...]] = {}
        self._task: Task | None = None
        self._networks: dict[str, int] = {}
        """Key of a plan -> bytes."""
        self._counting: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def begin(self, names: Sequence[str]) -> None:
        """Start to count the networks of these stages, if there are any among them."""
        wanted = [name for name in names if any(each.is_network for each in self._trained(name))]
        if not wanted:
            return
        self._counting = subprocess.Popen(
            [sys.executable, "-m", "pipeline.commands.jobs.network_memory", *wanted],
            cwd=self.folder,
            env={**os.environ, **WITHOUT_GPU},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # Ctrl-C is for the stages
        )
        self._reader = threading.Thread(target=self._read, args=(self._counting,), daemon=True)
        self._reader.start()

    def is_counting(self) -> bool:
        """Return whether more will be known in a moment, if the images are prepared."""
        return self._reader is not None and self._reader.is_alive()

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
        if self._trained(stage):
            needed = [self._training(each, task) for each in self._trained(stage)]
            return None if None in needed else max(filter(None, needed))
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
        if kind == "corrupt":  # a classical run reads features, but those of new images
            run = cast("ClassicalSpec | None", self.params.classical.get(name))
            return run is None or bool(hybrid & set(run.features))
        return any(each.uses_network for each in self._trained(stage))

    def _trained(self, stage: str) -> tuple[Plan, ...]:
        """Return what a stage trains; nothing for one that trains nothing."""
        if stage.partition("@")[0] in ("featurize", "corrupt") or "@" not in stage:
            return ()
        if stage not in self._plans:
            self._plans[stage] = plans_of(stage, self.params, self._document)
        return self._plans[stage]

    def _training(self, plan: Plan, task: Task) -> int | None:
        return self._networks.get(plan.key) if plan.is_network else _classical(plan, task)

    def _known_task(self) -> Task | None:
        if self._task is None:
            with suppress(StudyError, OSError), chdir(self.folder):
                self._task = load_task()
        waits = self._counting.stdin if self._counting is not None else None
        if self._task is not None and waits is not None and not waits.closed:
            with suppress(OSError):
                waits.close()  # there is something to count now
        return self._task

    def _read(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            found = json.loads(line)
            self._networks[found["key"]] = found["bytes"]

    def _features(self, name: str, task: Task) -> int:
        spec = cast("FeatureSpec", self.params.features[name])
        width = expected_width(spec, task.image_shape[0]) or 0
        held = 4 * width * max(task.sizes.values()) + _pixels(task, max(task.sizes.values()))
        return held + (KERAS + _BATCHES if _is_hybrid(spec) else PYTHON)


def _classical(plan: Plan, task: Task) -> int:
    """Return the bytes of a classical run, and of the features that it extracts itself."""
    most = task.sizes["train"]
    sizes = {**task.sizes, "train": most if plan.images is None else min(most, plan.images)}
    side = task.image_shape[0]
    widths = {name: expected_width(spec, side) or 0 for name, spec in plan.features.items()}
    rows = sum(sizes.values())
    extracted = sum(4 * widths[name] * rows + _pixels(task, rows) for name in plan.extracted)
    before = KERAS + _BATCHES if plan.extracts_with_network else PYTHON
    spec = cast("ClassicalSpec", plan.spec)
    return before + extracted + needed_bytes(spec, sizes, sum(widths.values()), task.n_classes)


def _is_hybrid(spec: object) -> bool:
    return cast("FeatureSpec", spec).family == "hybrid"


def _pixels(task: Task, n: int) -> int:
    return n * math.prod(task.image_shape)
