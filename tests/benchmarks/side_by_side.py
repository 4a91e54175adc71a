"""Stages side by side compared with plain ``dvc repro``, on a study of twelve equal runs.

Each runs once in a workspace and a cache of its own, with real stages. The runs are linear SVMs,
with one thread in both, so that predictions can be compared to the byte.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.commands.jobs.resources import THREAD_VARIABLES
from pipeline.commands.workspace import LATER_SECTIONS, populate
from pipeline.config.yaml_files import dump_yaml
from tests.benchmarks.measure import REPETITIONS, Row, seconds_of

SUBJECT = "Stages side by side"
ROOT = Path(__file__).resolve().parents[2]
RUNS = 12
_IMPORTS = """
import sys
from pathlib import Path
from pipeline.commands import workspace
from pipeline.commands.jobs.options import Options
from pipeline.commands.jobs.study import run_side_by_side
from pipeline.config.params import load_params
"""
_AS_MAKE_DOES = """
sys.exit(workspace.reproduce(Path(sys.argv[1]), Path.cwd(), Options(int(sys.argv[2]))))
"""
_BY_THE_ENGINE = """
folder = Path(sys.argv[1])
params = load_params(folder / "params.yaml")
sys.exit(run_side_by_side(folder, Path.cwd(), params, Options(int(sys.argv[2]))))
"""


@dataclass(frozen=True)
class Finished:
    """A study that has run."""

    seconds: float
    predictions: dict[str, bytes]
    training: float
    """Seconds from the start of the first of the equal runs to the end of the last."""
    command: float = 0.0
    """Median seconds of the command of such a run by itself, where it was measured."""


def params() -> dict[str, Any]:
    """Return a study of the handwritten digits that ship with scikit-learn."""
    run = {
        "method": "linear_svm",
        "features": ["raw"],
        "C": 0.001,
        "tune": {
            "trials": 40,
            "images": None,
            "ranges": {"C": {"low": 0.01, "high": 1.0, "log": True}},
        },
    }
    return {
        "seed": 0,
        "dataset": {"name": "digits", "path": "data/incoming"},
        "features": {"raw": {"method": "raw"}},
        "classical": {f"run{number:02}": run for number in range(RUNS)},
        "deep": {},
        "corrupt": {},
        **LATER_SECTIONS,
        "not_run": {},
    }


def rows() -> list[Row]:
    """Compare two jobs with one."""
    one, two = _finished(1), _finished(2)
    equal = sum(one.predictions[name] == two.predictions[name] for name in one.predictions)
    agreement = f"{equal} of {RUNS} runs have equal predictions, to the byte"
    return [
        _row(
            f"{RUNS} equal runs with one core each, JOBS=2", one.training, two.training, agreement
        ),
        _row("the whole study of these runs, JOBS=2", one.seconds, two.seconds, agreement),
    ]


def _row(task: str, one: float, two: float, agreement: str) -> Row:
    ratio = one / two
    return Row(task, two, "dvc repro", one, ratio, ratio, ratio, agreement, repetitions=1)


def notes() -> list[str]:
    """Say what a stage takes in addition to its command, one stage at a time."""
    found = _finished(1, _BY_THE_ENGINE, timed=True)
    stage = found.training / RUNS
    return [
        f"One of these stages took {stage:.2f} s with one job of the engine, and its command alone "
        f"{found.command:.2f} s (median of {REPETITIONS}): the engine and DVC add "
        f"{stage - found.command:.2f} s to each stage."
    ]


def _finished(jobs: int, script: str = _AS_MAKE_DOES, timed: bool = False) -> Finished:
    """Run the study once, in a new folder beside the workspaces.

    Args:
        jobs: how many stages at once.
        script: what runs it.
        timed: whether to time the command of one of the runs by itself afterward.
    """
    (ROOT / "workspaces").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="benchmark-", dir=ROOT / "workspaces"))
    try:
        populate(folder, ROOT, dump_yaml(params()))
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", _IMPORTS + script, str(folder), str(jobs)],
            cwd=ROOT,
            env=os.environ | dict.fromkeys(THREAD_VARIABLES, "1"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        output, times = [], []
        for line in process.stdout or ():
            output.append(line)
            if re.search(r"train_classical@run\d+|Running stage", line):
                times.append((line, time.perf_counter()))
        if process.wait():
            raise RuntimeError("".join(output))
        seconds = time.perf_counter() - start
        predictions = {
            path.parts[-3]: path.read_bytes()
            for path in (folder / "runs").glob("run*/seed-*/predictions.npz")
        }
        command = seconds_of(lambda: _train(folder), REPETITIONS) if timed else 0.0
        return Finished(seconds, predictions, _training_seconds(times), command)
    finally:
        shutil.rmtree(folder)


def _train(folder: Path) -> None:
    """Run the command of one of the runs, as DVC would."""
    subprocess.run(
        [sys.executable, "-m", "stages.train_classical"],
        cwd=folder,
        env=os.environ
        | dict.fromkeys(THREAD_VARIABLES, "1")
        | {"DVC_STAGE": "train_classical@run00"},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def _training_seconds(times: list[tuple[str, float]]) -> float:
    """Return the time from the first line about one of the runs to the first line behind them."""
    about = [number for number, (line, _) in enumerate(times) if "train_classical@" in line]
    last = min(about[-1] + ("Running" in times[about[-1]][0]), len(times) - 1)
    return times[last][1] - times[about[0]][1]
