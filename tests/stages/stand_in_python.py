"""A `python` that pretends to run a stage, so that a story of reruns takes seconds.

Under the name `python` on the PATH, it is what DVC starts for each stage. A stage that the variable
REAL_STAGES names runs for real. Of any other it writes the outputs that dvc.yaml declares, each a
checksum of all that the stage may look at: its part of params.yaml, and the contents of the files
that it depends on, except code. So an output changes when, and only when, an input does.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CODE = ("pipeline", "stages", "data/code")
MEMBERS = ("train.npy", "validation.npy", "test.npy", "extractor.npz")
"""Files of an output that is a folder; `index` looks for those of a feature set."""


def main() -> None:
    command, name = sys.argv[1:], os.environ["DVC_STAGE"]
    if command[-1].removeprefix("stages.") in os.environ["REAL_STAGES"].split():
        os.execv(sys.executable, [sys.executable, *command])
    stage, key = declared(name)
    content = json.dumps(checksum(stage, key))
    for out in stage["outs"]:
        write(Path(path_of(out).replace("${key}", key)), content)


def declared(name: str) -> tuple[dict[str, Any], str]:
    """Return what dvc.yaml says of a stage, and the key of its entry of params.yaml."""
    stage, _, key = name.partition("@")
    entry = load("dvc.yaml")["stages"][stage]
    return entry.get("do", entry), key


def checksum(stage: dict[str, Any], key: str) -> str:
    """Return the checksum of the parameters and data that a stage depends on."""
    params = load("params.yaml")
    found = hashlib.sha256()
    for dotted in stage.get("params", ()):
        value: Any = params
        for part in dotted.replace("${key}", key).split("."):
            value = (value or {}).get(part)
        found.update(json.dumps([dotted, value]).encode())
    for dep in stage["deps"]:
        if not f"{dep}/".startswith(tuple(f"{code}/" for code in CODE)):
            for path in files(Path(dep.replace("${key}", key))):
                found.update(str(path).encode() + path.read_bytes())
    return found.hexdigest()


def files(path: Path) -> Iterator[Path]:
    """Give a file, or all files of a folder in the order of their names."""
    yield from [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())


def write(path: Path, content: str) -> None:
    """Write an output: a file where its name has a suffix, else a folder of files."""
    for each in [path] if path.suffix else [path / name for name in MEMBERS]:
        each.parent.mkdir(parents=True, exist_ok=True)
        each.unlink(missing_ok=True)
        each.write_text(content, encoding="utf-8")


def path_of(out: str | dict[str, Any]) -> str:
    return out if isinstance(out, str) else next(iter(out))


def load(name: str) -> Any:
    return yaml.load(Path(name).read_bytes(), yaml.CSafeLoader)


if __name__ == "__main__":
    main()
