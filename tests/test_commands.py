"""No name from params.yaml reaches a shell."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dvc.fs import LocalFileSystem
from dvc.parsing import DataResolver

from pipeline.config.yaml_files import dump_yaml, read_yaml

ROOT = Path(__file__).resolve().parent.parent
GROUPS = {
    "featurize": "features",
    "train_classical": "classical",
    "train_deep": "deep",
    "corrupt": "corrupt",
    "ablations": "ablations",
}
HOSTILE = ("x; touch p #", "$(touch p)", "`touch p`", "'; touch p; '", "a\ntouch p", "../../docs")


def resolved(folder: Path, group: str, name: str) -> dict[str, Any]:
    """What DVC makes of a stage of dvc.yaml for an entry of that name. Runs nothing."""
    sections = {kind: {name: {"method": "raw"}} for kind in GROUPS.values()}
    dataset = {"name": "photos", "path": "data/incoming"}
    sizes = {"sizes": [2, None], "draws": 2, "steps": None, "runs": {name: {}}}
    text = dump_yaml({"seed": 0, "dataset": dataset, **sections, "sample_size": sizes})
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    repo: Any = SimpleNamespace(fs=LocalFileSystem(), config={})
    resolver = DataResolver(repo, str(folder), read_yaml(ROOT / "dvc.yaml"))
    address = f"{group}@{name}"
    return resolver.resolve_one(address)[address]


@pytest.mark.tried(
    "Names",
    "an entry of params.yaml named as a shell command, given to DVC without the check",
    "the command that DVC runs is the same whatever the name",
)
@pytest.mark.parametrize("group", [*GROUPS, "sample_size"])
@pytest.mark.parametrize("name", HOSTILE)
def test_commands_hold_no_name(tmp_path, group, name):
    stage = resolved(tmp_path, group, name)
    assert stage["cmd"] == f"python -m stages.{group}"
    assert all(out.endswith(name) for out in stage["outs"]), "the name does get there"


def test_no_command_holds_anything_of_params():
    stages = read_yaml(ROOT / "dvc.yaml")["stages"]
    commands = {name: stage.get("do", stage)["cmd"] for name, stage in stages.items()}
    assert commands == {name: f"python -m stages.{name}" for name in stages}
