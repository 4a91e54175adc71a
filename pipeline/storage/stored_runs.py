"""Stored runs, opened for prediction: from pixels to class scores.

All code that predicts with a stored model opens it here, so that runs of any family take the same
pixels and return scores of the same form. `pipeline.commands.predict` adds the reading of files.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError, check_finite, did_you_mean, listing
from pipeline.inference import network_scores
from pipeline.storage.pixel_checks import check_pixels
from pipeline.storage.runs import RUNS, Card, load_card, load_run_task, run_folder
from pipeline.storage.splits import PREPARED, TASK, Task, load_task
from pipeline.storage.stored_models import load_stored_model
from pipeline.tta import Tta, augmented_scores

Kind = Literal["classical", "deep"]
"""A section of params.yaml; hybrids are among the classical runs."""


@dataclass(frozen=True)
class PixelModel:
    """One seed of a run, with details of the images that it expects.

    All methods take images as (n, height, width, 3) uint8, **in RGB order**, values from 0 to 255,
    or (n, height, width, 1) if the run has learned from gray images, of the size that the run was
    trained on, and raise `StudyError` for anything else. Images in BGR order, as OpenCV reads them,
    cannot be detected and give wrong predictions.
    """

    card: Card
    task: Task
    model: Any
    """`pipeline.classical.run.training.PixelClassifier`, or `keras.Model`."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the score columns."""
        return self.task.class_names

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the images that it expects."""
        return self.task.image_shape

    def scores(self, images: NDArray[np.uint8], tta: Tta = "none") -> NDArray[np.float32]:
        """Return scores (n, classes); the prediction is the class with the largest score.

        Args:
            images: as above.
            tta: test-time augmentation, ``mirror`` or ``mirror_shift``, whatever the run's own
                option; it takes two or six times as long. Its scores are not calibrated.
        """
        check_pixels(images, self.image_shape, self._name)
        return self._checked(augmented_scores(self._score, images, tta))

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (n, classes) probabilities, whose rows sum to 1.

        Those of classical runs and hybrids are calibrated on the validation split, one class
        against the rest, so the most probable class may differ from the one with the largest score.
        Those of a network are its scores; ``calibration.csv`` shows how reliable they are.
        """
        if self.card.family == "deep":
            return self.scores(images)
        check_pixels(images, self.image_shape, self._name)
        return self._checked(self.model.probabilities(images))

    def predict(self, images: NDArray[np.uint8], tta: Tta = "none") -> list[str]:
        """Return the name of the class of each image; for `tta` see `scores`."""
        return [self.class_names[code] for code in self.scores(images, tta).argmax(axis=1)]

    def _score(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        if self.card.family == "deep":
            return network_scores(self.model, images)
        scores: NDArray[np.float32] = self.model.scores(images)
        return scores

    @property
    def _name(self) -> str:
        return f"run {self.card.run!r}, seed {self.card.seed}"

    def _checked(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        if scores.ndim != 2 or scores.shape[1] != len(self.class_names):
            raise StudyError(
                f"{self._name}: found scores of shape {scores.shape}; expected "
                f"(n, {len(self.class_names)}), one per class. The model does not belong to this "
                f"run; regenerate it with: {_remedy(self.card.run, _kind(self.card))}"
            )
        check_finite(scores, f"scores of {self._name}")
        return scores


def open_model(name: str, seed: int | None = None, kind: Kind | None = None) -> PixelModel:
    """Open one seed of a run in the working directory, which is the study's folder.

    Args:
        name: the run's name.
        seed: None for the only one, or the smallest.
        kind: the run's section in params.yaml, for messages if even its card is missing.

    Raises:
        StudyError: if there is none, it cannot be read, or the study's images have changed since
            it was trained.
    """
    seed = _smallest_seed(name, kind) if seed is None else seed
    remedy = _remedy(name, kind)
    card = load_card(name, seed, remedy)
    kind = _kind(card)
    remedy = _remedy(name, kind)
    task = load_run_task(name, seed, remedy)
    _check_current(task, f"{run_folder(name, seed)}", remedy)
    return PixelModel(card, task, load_stored_model(name, seed, kind))


def _smallest_seed(name: str, kind: Kind | None) -> int:
    folder = RUNS / name
    found = [path.name.removeprefix("seed-") for path in folder.glob("seed-*")]
    seeds = [int(seed) for seed in found if seed.isdecimal()]
    if not seeds:
        known = sorted(path.parent.name for path in RUNS.glob("[!_.]*/seed-*"))
        hint = did_you_mean(name, known) or ";"
        raise StudyError(
            f"there is no trained run {folder}{hint} found: {listing(dict.fromkeys(known), 40)}. "
            f"Choose one of them, in a study's folder, or train it with: {_remedy(name, kind)}"
        )
    return min(seeds)


def _check_current(task: Task, where: str, remedy: str) -> None:
    """Raise `StudyError` if the study's images differ from those that a run was trained on.

    In a folder without prepared images, such as a copy of a run, there is nothing to compare.
    """
    if not TASK.exists():
        return
    now = load_task()
    differences = [
        f"{each.name.replace('_', ' ')}: found {new}, trained on {old}"
        for each in fields(now)
        if each.name != "digest"
        and (new := getattr(now, each.name)) != (old := getattr(task, each.name))
    ]
    if now.digest != task.digest:
        differences.append(
            f"images, ids or labels: found {now.digest[:12]}, trained on {task.digest[:12]}"
        )
    if differences:
        raise StudyError(
            f"{where} was trained on other images than those in {PREPARED} "
            f"({'; '.join(differences)}). Retrain it with: {remedy}. To use it unchanged, copy it "
            f"to the same relative path in another folder, and open it there"
        )


def _kind(card: Card) -> Kind:
    return "deep" if card.family == "deep" else "classical"


def _remedy(name: str, kind: Kind | None) -> str:
    return f"dvc repro train_{kind}@{name}" if kind else "dvc repro"
