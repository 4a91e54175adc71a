"""A training that is killed goes on where it was, and a seed that is done is not trained again.

Two stories run once, each a row of commands in a folder of its own; each test looks at a part.
The commands are what DVC runs, and the kill is one that no process can catch.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_study import contents, write_params

from pipeline.storage.paths import RESUME
from pipeline.storage.runs import load_card, load_history, load_predictions, run_folder
from pipeline.storage.splits import Task, save_split, save_task

pytestmark = pytest.mark.slow

EPOCHS = 5
RUN = {
    "method": "lenet5",
    "epochs": EPOCHS,
    "batch_size": 8,
    "dropout": 0.3,
    "flip": "alternating",
    "crop": 2,
    "optimizer": "muon",
    "learning_rate": 0.02,
    "sgd_rate": 0.01,
    "ema": 0.9,
    "lookahead": 7,
    "lookahead_start": 0.5,
    "schedule": "linear",
    "monitor": "accuracy",
    "deterministic": True,
}
SIZES = {"train": 640, "validation": 60, "test": 45}
VARYING = ("seconds", "images_per_second")
"""Metrics of the history that measure the machine."""


@dataclass(frozen=True)
class Done:
    """One command."""

    code: int
    lines: tuple[str, ...]
    """What it said until it ended or was killed."""

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    @property
    def epochs(self) -> list[int]:
        """Epochs that it finished, by their lines."""
        return [int(n) for n in re.findall(r"^epoch (\d+)/", self.output, re.MULTILINE)]

    @property
    def went_on_after(self) -> int | None:
        found = re.search(r"^resuming after epoch (\d+)", self.output, re.MULTILINE)
        return int(found.group(1)) if found else None

    def said(self, seed: int) -> Done:
        """The part of its lines that belongs to one seed."""
        start = next(i for i, line in enumerate(self.lines) if f", seed {seed}" in line)
        ends = [i for i, line in enumerate(self.lines) if ", seed " in line and i > start]
        return Done(self.code, self.lines[start : min(ends, default=None)])


class Folder:
    """A study's folder with prepared images, in which one network is trained."""

    def __init__(self, path: Path, root: Path) -> None:
        self.path = path
        self.environment = os.environ | {"PYTHONPATH": str(root)}
        path.mkdir()
        prepare(path)

    def train(
        self,
        options: dict[str, Any],
        kill_at: str | None = None,
        delay: Callable[[str], float] = lambda line: 0.0,
    ) -> Done:
        """Do what the stage does; kill it `delay` seconds after a line that matches `kill_at`."""
        write_params(self.path, {"seed": 0, "deep": {"net": RUN | options}})
        lines = []
        with subprocess.Popen(
            [sys.executable, "-m", "stages.train_deep", "net"],
            cwd=self.path,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            for line in process.stdout or ():
                lines.append(line.rstrip())
                if kill_at is not None and re.match(kill_at, line):
                    time.sleep(delay(line))
                    os.kill(process.pid, signal.SIGKILL)
                    kill_at = None
        return Done(process.returncode, tuple(lines))

    def results(self, seed: int) -> dict[str, Any]:
        """All scores, the history but for what measures the machine, and the best epoch."""
        before = Path.cwd()
        os.chdir(self.path)
        try:
            predictions = load_predictions("net", seed, "")
            history = load_history("net", seed, "")
            best = load_card("net", seed, "").notes["best_epoch"]
        finally:
            os.chdir(before)
        history = history[~history["metric"].isin(VARYING)]
        return {
            **{f"scores of {split}": scores for split, scores in predictions.scores.items()},
            "history": history.drop(columns="value").to_numpy(),
            "values": history["value"].to_numpy(),
            "best epoch": np.array(best),
        }

    def seed_files(self, seed: int) -> dict[str, bytes]:
        return contents(self.path / run_folder("net", seed))

    def kept(self) -> list[str]:
        """What lies in .resume/, folders of finished seeds and files of trainings under way."""
        found = (self.path / RESUME).glob("*/net/*")
        return sorted(f"{path.parent.parent.name} {path.suffix}".rstrip() for path in found)


def prepare(folder: Path) -> None:
    """Leave what `prepare` leaves: three classes of noisy images, distinguished by color."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        for seed, (split, n) in enumerate(SIZES.items()):
            rng = np.random.default_rng(seed)
            labels = rng.integers(0, 3, n)
            images = rng.integers(0, 200, (n, 16, 16, 3))
            images[np.arange(n), ..., labels] += 12
            save_split(split, images.astype(np.uint8), labels, np.arange(n))
        task = Task(("red", "green", "blue"), (16, 16, 3), SIZES)
        save_task(task)
    finally:
        os.chdir(before)


def half_an_epoch(line: str) -> float:
    """Half of the seconds that an epoch takes at the speed in its line.

    Its own seconds would not do: the first epoch of a process compiles, which can take longer than
    all the epochs that are left.
    """
    found = re.search(r" s, ([\d,]+) images/s", line)
    return SIZES["train"] / float(found.group(1).replace(",", "")) / 2 if found else 0.0


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def assert_equal(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for name in found:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


# --- killed again and again -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def seeds(root, tmp_path_factory):
    """(folder, what each command did, results of the seeds); nothing interrupts seed 0."""
    folder = Folder(tmp_path_factory.mktemp("seeds") / "study", root)
    steps, files = {"one": folder.train({"seeds": [0]})}, {}
    files["one"] = folder.seed_files(0)
    steps["killed"] = folder.train({"seeds": [0, 1]}, kill_at=r"epoch 2/")
    files["killed"] = folder.seed_files(0)
    steps["two"] = folder.train({"seeds": [0, 1]})
    files["two"] = folder.seed_files(0)
    results = {seed: folder.results(seed) for seed in (0, 1)}
    kept = folder.kept()
    steps["other options"] = folder.train({"seeds": [1], "l2": 1e-3}, kill_at=r"epoch 1/")
    return steps, files, results, kept


@pytest.fixture(scope="module")
def killed(root, tmp_path_factory):
    """(what each command did, results): seed 0 and then seed 1, killed at all kinds of moments."""
    folder = Folder(tmp_path_factory.mktemp("killed") / "study", root)
    options = {"seeds": [0, 1]}
    steps = {"after an epoch": folder.train(options, kill_at=r"epoch 1/")}
    [state] = (folder.path / RESUME / "training" / "net").glob("*.npz")
    flip_a_bit(state)
    steps["damaged"] = folder.train(options, kill_at=r"epoch 1/")
    steps["within an epoch"] = folder.train(options, r"epoch \d/", half_an_epoch)
    steps["last"] = folder.train(options)
    return steps, {seed: folder.results(seed) for seed in (0, 1)}


def test_an_uninterrupted_training_goes_through_all_epochs(seeds):
    one = seeds[0]["one"]
    assert one.code == 0, one.output
    assert one.epochs == list(range(1, EPOCHS + 1))
    assert one.went_on_after is None


def test_the_training_learns_and_is_no_matter_of_course(seeds):
    """The comparisons below can fail: the epochs differ, and so do the seeds."""
    _, _, results, _ = seeds
    values = results[0]["values"].reshape(EPOCHS, -1)
    assert len(np.unique(values[:, 0])) == EPOCHS
    assert results[0]["best epoch"] > 1
    assert not np.array_equal(results[0]["scores of test"], results[1]["scores of test"])


def test_a_killed_training_has_no_outputs(killed):
    for name in ("after an epoch", "damaged", "within an epoch"):
        assert killed[0][name].code == -signal.SIGKILL, killed[0][name].output


def test_a_damaged_state_is_reported_and_the_training_restarts(killed):
    damaged = killed[0]["damaged"]
    assert "training starts from the beginning" in damaged.output
    assert damaged.went_on_after is None
    assert damaged.epochs[0] == 1


def test_the_same_command_goes_on_after_the_last_finished_epoch(killed):
    steps, _ = killed
    within, last = steps["within an epoch"], steps["last"].said(0)
    assert steps["last"].code == 0, steps["last"].output
    # A process gets a little further until the kill reaches it, an epoch's line at most.
    assert within.went_on_after is not None
    assert within.went_on_after - steps["damaged"].epochs[-1] in (0, 1)
    assert within.epochs[0] == within.went_on_after + 1
    assert last.went_on_after is not None
    assert last.went_on_after - within.epochs[-1] in (0, 1)
    assert last.epochs == list(range(last.went_on_after + 1, EPOCHS + 1))


@pytest.mark.tried(
    "Interruptions",
    "a deterministic training killed three times, beside one left alone",
    "scores, history and best epoch are equal to the last bit",
)
def test_a_killed_training_ends_where_an_uninterrupted_one_ends(killed, seeds):
    """All scores of all splits, the history and the best epoch."""
    assert_equal(killed[1][0], seeds[2][0])


def test_a_seed_that_is_resumed_alone_equals_one_that_follows_another(killed, seeds):
    """Trained right after seed 0 in one process; or, with seed 0 taken back, in two of its own."""
    assert killed[0]["last"].said(1).epochs == list(range(1, EPOCHS + 1))
    assert_equal(killed[1][1], seeds[2][1])


# --- seeds ----------------------------------------------------------------------------------------


def test_adding_a_seed_trains_only_it(seeds):
    steps, files, _, _ = seeds
    for name in ("killed", "two"):
        assert "seed 0: already trained" in steps[name].output
        assert steps[name].said(0).epochs == []
        assert files[name] == files["one"]
    assert {"card.json", "model.keras"} < files["one"].keys()


def test_a_killed_second_seed_goes_on(seeds):
    steps = seeds[0]
    assert steps["killed"].code == -signal.SIGKILL
    assert steps["two"].code == 0, steps["two"].output
    done = steps["two"].said(1).went_on_after
    assert done is not None
    assert done - steps["killed"].said(1).epochs[-1] in (0, 1)
    assert steps["two"].said(1).epochs == list(range(done + 1, EPOCHS + 1))


def test_what_is_kept_in_the_end_are_the_finished_seeds(seeds):
    assert seeds[3] == ["seeds", "seeds"]


def test_other_options_restart_the_training(seeds):
    other = seeds[0]["other options"]
    assert "already trained" not in other.output
    assert other.went_on_after is None
    assert other.epochs[0] == 1
