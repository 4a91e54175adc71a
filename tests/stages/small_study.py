"""A study in seconds: a checkout of its own in a scratch folder, and DVC run in it for real."""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.commands.workspace import LATER_SECTIONS
from pipeline.config.yaml_files import dump_yaml, read_yaml

PARAMS: dict[str, Any] = {
    "seed": 0,
    "dataset": {
        "name": "photos",
        "path": "data/incoming",
        "stride": 32,
        "per_class": [20, 8, 10],
    },
    "features": {
        "color": {"method": "color_histogram", "grid": 1, "bins": 8},
        "hog": {"method": "hog", "cell": 16},
        "vgg": {
            "method": "pretrained",
            "weights": "random",
            "image_size": 32,
            "layers": ["block1_pool"],
        },
    },
    "classical": {
        "color_svm": {"method": "linear_svm", "features": ["color"]},
        "hog_svm": {"method": "linear_svm", "features": ["hog"]},
        "both_svm": {
            "method": "rbf_svm",
            "features": ["hog", "color"],
            "scaling": "unit",
            "C": 5,
            "gamma": 0.5,
            "mirrored": True,
            "tune": {"trials": 3, "images": 100, "ranges": {"C": {"low": 1, "high": 9}}},
        },
        "vgg_svm": {"method": "linear_svm", "features": ["vgg"]},
    },
    "deep": {"lenet5": {"method": "lenet5", "epochs": 1}},
    "corrupt": {
        "hog_svm": {"limit": 30, "corruptions": ["contrast", "gaussian_noise"]},
        "lenet5": {"limit": 20, "corruptions": ["contrast"], "severities": [1, 5]},
    },
    "ablations": {
        "C": {
            "base": "hog_svm",
            "vary": "C",
            "values": [0.01, 0.5],
            "repeats": 2,
            "limit": 60,
            "claims": [{"claim": "A weak penalty is better.", "better": 0.5, "than": 0.01}],
        },
    },
    "sample_size": {"sizes": [60, None], "draws": 2, "steps": 5, "runs": {"hog_svm": {"C": 0.5}}},
    "not_run": {"resnet": "too slow for a test"},
}
NO_SIZES: dict[str, Any] = LATER_SECTIONS["sample_size"]
RUNS = ("color_svm", "hog_svm", "both_svm", "vgg_svm", "lenet5")
SIZES = {"train": 200, "validation": 80, "test": 100}
BIN = Path(sys.executable).parent


def checkout(root: Path, folder: Path) -> Path:
    """Copy what a study needs of the checkout at `root`, so that a test may edit its code."""
    for name in ("pipeline", "stages", ".dvc/plots"):
        unwanted = shutil.ignore_patterns("__pycache__")
        shutil.copytree(root / name, folder / name, ignore=unwanted)
    for name in ("dvc.yaml", ".dvcignore", ".dvc/config"):
        shutil.copyfile(root / name, folder / name)
    (folder / "studies").mkdir()
    (folder / "studies" / "tiny.yaml").write_text("seed: 0\n", encoding="utf-8")
    (folder / "data" / "incoming").mkdir(parents=True)
    (folder / "data" / "incoming" / "README.md").write_text("Place data here.\n", encoding="utf-8")
    write_params(folder, PARAMS)
    return folder


def write_params(folder: Path, params: dict[str, Any]) -> None:
    text = dump_yaml({**LATER_SECTIONS, **params})  # dvc.yaml asks for these sections
    (folder / "params.yaml").write_text(text, encoding="utf-8")


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, and what is in it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@dataclass(frozen=True)
class Step:
    """What one command did, and what it left."""

    code: int
    output: str
    """Standard output and error, as a person sees them."""
    report: dict[str, bytes]
    """The files of reports/study/ afterward."""
    on_disk: frozenset[str]
    """Runs that have a folder afterward, in the roster or not."""

    @property
    def ran(self) -> set[str]:
        """Stages that were executed, not skipped and not taken from DVC's cache."""
        return set(re.findall(r"^Running stage '([^']+)'", self.output, re.MULTILINE))

    @property
    def restored(self) -> set[str]:
        """Stages whose outputs came out of DVC's cache."""
        return set(re.findall(r"^Stage '([^']+)' is cached", self.output, re.MULTILINE))

    def table(self, name: str) -> list[dict[str, str]]:
        """Rows of a table of the report, each value as the text that stands there."""
        import csv

        there = {Path(path).name: content for path, content in self.report.items()}
        return list(csv.DictReader(there[f"{name}.csv"].decode("utf-8").splitlines()))


class Study:
    """The study ``tiny`` of a scratch checkout."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "workspaces" / "tiny"
        apart = {
            name: str(root.parent / name.lower())
            for name in ("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR", "DVC_SITE_CACHE_DIR")
        }
        path = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
        self.environment = os.environ | apart | {"PATH": path, "DVC_NO_ANALYTICS": "1"}

    def make(self) -> Step:
        """Do what ``make study STUDY=tiny`` does."""
        return self.call(
            sys.executable, "-m", "pipeline.commands.workspace", "run", "tiny", cwd=self.root
        )

    def repro(self) -> Step:
        return self.call(str(BIN / "dvc"), "repro", cwd=self.folder)

    def call(self, *command: str, cwd: Path) -> Step:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return self.step(done.returncode, done.stdout)

    def step(self, code: int, output: str) -> Step:
        """Say what a command did, by what lies in the study's folder now."""
        return Step(
            code=code,
            output=output,
            report=contents(self.folder / "reports" / "study"),
            on_disk=frozenset(path.name for path in (self.folder / "runs").glob("*")),
        )

    def edit(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change params.yaml of the study, starting from what stands there."""
        params = copy.deepcopy(self.params)
        change(params)
        write_params(self.folder, params)

    @property
    def params(self) -> dict[str, Any]:
        return read_yaml(self.folder / "params.yaml")
