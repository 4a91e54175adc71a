"""Which runs fit into the time: sizes, splits and options for somebody's images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.checks import StudyError, escaped, listing
from pipeline.commands.compare.candidates import CANDIDATES, FEATURES, Candidate, Task
from pipeline.commands.compare.speeds import Speeds
from pipeline.commands.compare.survey import Survey
from pipeline.commands.workspace import LATER_SECTIONS
from pipeline.data.reading.archives import SUFFIXES

FEW, VERY_FEW = 2_000, 1_000
"""Numbers of images below which there is a cross-validation, and one with more folds."""
FOLDS, MORE_FOLDS = 5, 10
"""Each model learns from all folds but two: from 60 or 80% of the images. Where images are very
few, those 20% matter more than the time."""
LARGEST = 256
"""Side of the stored images in pixels, at most."""
UNEQUAL = 1.5
"""Images of the largest class per image of the smallest, above which classes are weighted."""
BASE_SIZES = (288, 224, 192, 160, 128, 96, 64)
"""Sides at which the pretrained network may see the images; it was trained at 224, and sees more at
288."""
_BASE_SHARE = 0.4
"""Part of the budget that the features of the pretrained network may take."""
_FIXED, _PER_IMAGE = 45.0, 0.004
"""Seconds of the stages that every study has, and per image for all that reads every image."""
_LEAST = 200
"""Training images below which a limit is no study."""
FEWEST = 3
"""Images that a class needs: to learn from, to choose by, and to be tested on."""
NEEDED = ("color_svm", "hog_color_svm", "efficientnet_logistic")
"""The runs without which there is no comparison."""


@dataclass(frozen=True)
class Chosen:
    """A study: its task, its runs, and what they are expected to take."""

    task: Task
    runs: tuple[Candidate, ...]
    seconds: Mapping[str, float]
    """Part of the study -> forecast; parts are runs, feature sets and ``everything else``."""
    left_out: Mapping[str, float]
    """Run -> forecast, of those that did not fit."""
    folds: int | None
    limit: int | None
    """The most images of each split; None for all."""
    balance: bool

    @property
    def total(self) -> float:
        """Forecast of the whole study, in seconds."""
        return sum(self.seconds.values())


def choose(survey: Survey, speeds: Speeds, budget: float) -> Chosen:
    """Choose runs until the budget is used up, in the order of `CANDIDATES`.

    Args:
        survey: what the images are like.
        speeds: of this machine.
        budget: seconds.

    Raises:
        StudyError: if not even a small part of the images fits into the budget.
    """
    survey = _without_small_classes(survey)
    folds = None
    if survey.n < FEW and "test" not in survey.splits:
        some = min(survey.classes.values()) >= 2 * MORE_FOLDS  # of each class in each fold
        folds = MORE_FOLDS if survey.n < VERY_FEW and some else FOLDS
    size = max(8, min(LARGEST, survey.shorter_side))
    task = Task(survey.n, len(survey.classes), folds + 1 if folds else 1, size, 0, speeds)
    task = replace(task, base_size=_base_size(task, budget))
    limit = None
    while (needed := _seconds(task, _needed(), survey)) and sum(needed.values()) > budget:
        task = replace(task, n=int(task.n * 0.8), base_size=BASE_SIZES[-1])
        limit = task.n
        if task.n < min(_LEAST, survey.n):
            raise StudyError(
                f"found {survey.n:,} images and a budget of {budget / 60:g} minutes; this machine "
                f"needs at least {sum(needed.values()) / 60:.1f} minutes. Use BUDGET=..., such as "
                "BUDGET=30m"
            )
    runs = list(_needed())
    left_out = {}
    for candidate in CANDIDATES:
        if candidate in runs:
            continue
        seconds = sum(_seconds(task, [*runs, candidate], survey).values())
        if seconds <= budget:
            runs.append(candidate)
        else:
            left_out[candidate.name] = candidate.seconds(task)
    ordered = tuple(each for each in CANDIDATES if each in runs)
    return Chosen(
        task=task,
        runs=ordered,
        seconds=_seconds(task, ordered, survey),
        left_out=left_out,
        folds=folds,
        limit=limit,
        balance=survey.imbalance > UNEQUAL,
    )


def document(chosen: Chosen, survey: Survey) -> dict[str, Any]:
    """Return the content of params.yaml."""
    small = min(survey.classes.values()) < FEWEST
    dataset: dict[str, Any] = {
        "name": "image_folder", "title": title(survey.path), "path": survey.path.as_posix(),
        "size": chosen.task.size, "fit": "crop", "unreadable": 0.01,
    }  # fmt: skip
    if chosen.folds:
        dataset["folds"] = chosen.folds
    if small:
        dataset["min_per_class"] = FEWEST
    if chosen.limit:
        dataset["limit"] = chosen.limit
    sections: dict[str, dict[str, Any]] = {"features": {}, "classical": {}, "deep": {}}
    for run in chosen.runs:
        for name in run.features:
            sections["features"][name] = dict(FEATURES[name].entry(chosen.task))
        balance = {"balance": True} if chosen.balance else {}
        sections[run.kind][run.name] = {**run.entry(chosen.task), **balance}
    not_run = {
        name: f"did not fit into the time budget: about {seconds / 60:.0f} min more"
        for name, seconds in chosen.left_out.items()
    }
    unused = {"corrupt": {}, **LATER_SECTIONS}
    return {"seed": 0, "dataset": dataset, **sections, **unused, "not_run": not_run}


def _without_small_classes(survey: Survey) -> Survey:
    """Leave out classes that are too small to be learned, chosen by and tested.

    Raises:
        StudyError: if fewer than two classes are left.
    """
    kept = {name: n for name, n in survey.classes.items() if n >= FEWEST}
    if len(kept) < 2:
        found = listing(f"{name} ({n:,})" for name, n in survey.classes.items())
        raise StudyError(
            f"{survey.path}: found {survey.n:,} images of the classes {found}; expected at least "
            f"two classes with at least {FEWEST} images each. Add images"
        )
    return replace(survey, classes=kept)


def title(path: Path) -> str:
    """Return what the report calls the images: the name of their folder or archive."""
    name = path.name
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return escaped(name)[:60] or "images"


def _needed() -> list[Candidate]:
    return [each for each in CANDIDATES if each.name in NEEDED]


def _base_size(task: Task, budget: float) -> int:
    """Return the largest side that the pretrained network can see within its part of the budget.

    Images are enlarged by at most a half: more adds time, and no detail.
    """
    useful = [side for side in BASE_SIZES if side <= 1.5 * task.size] or [BASE_SIZES[-1]]
    for side in useful:
        trial = replace(task, base_size=side)
        if FEATURES["efficientnet"].seconds(trial) <= _BASE_SHARE * budget:
            return side
    return useful[-1]


def _seconds(task: Task, runs: Sequence[Candidate], survey: Survey) -> dict[str, float]:
    """Return the forecast of each part of a study."""
    reading = (survey.decode_seconds + _PER_IMAGE) * survey.n
    found = {"everything else": _FIXED + reading + len(runs)}
    for name in dict.fromkeys(name for run in runs for name in run.features):
        found[name] = FEATURES[name].seconds(task)
    return found | {run.name: run.seconds(task) for run in runs}
