"""Commit what a study found: its results under ``reports/reference/``, its table in the README.

Nothing is typed by hand: the README's table is made anew from the results, between two marks.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from pipeline.analyses.tables import load_results
from pipeline.checks import StudyError
from pipeline.commands.workspace import relocate
from pipeline.config.entries import PARAMS
from pipeline.config.yaml_files import dump_yaml, read_yaml
from pipeline.page.summary import headline
from pipeline.storage.files import save_text
from pipeline.storage.paths import STUDY
from pipeline.storage.results import CELL_PICTURES, MANIFESTS

REFERENCE = Path("reports/reference")
BEGIN, END = "<!-- results of {name}: begin -->", "<!-- results of {name}: end -->"


def publish(study: Path, name: str, root: Path) -> Path:
    """Copy the results, the report, params.yaml and dvc.lock of a study, and refresh the README.

    Args:
        study: the folder that the study was run in, the checkout or a workspace.
        name: the reference's folder under ``reports/reference/``.
        root: the checkout.

    Raises:
        StudyError: if the study has no report yet.
    """
    source = study / STUDY
    for needed in (source / "index.html", study / "dvc.lock", study / "params.yaml"):
        if not needed.exists():
            raise StudyError(f"there is no {needed}; run the study first")
    _check_up_to_date(study)
    target = root / REFERENCE / name
    fresh = target.with_name(f".{name}")
    shutil.rmtree(fresh, ignore_errors=True)
    # Not the hundreds of pictures behind confusion matrices, which the page holds, and so not the
    # manifests that name them. And copyfile leaves behind that outputs of DVC are read-only.
    ignored = shutil.ignore_patterns(Path(CELL_PICTURES).name, *MANIFESTS)
    shutil.copytree(source, fresh, copy_function=shutil.copyfile, ignore=ignored)
    shutil.copyfile(study / "dvc.lock", fresh / "dvc.lock")
    # Paths as the checkout sees them, so that these parameters can be run from there.
    parameters = relocate(read_yaml(study / PARAMS), study, root)
    save_text(fresh / "params.yaml", dump_yaml(parameters))
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    refresh(root / "README.md", name, headline(load_results(target)))
    return target


def _check_up_to_date(study: Path) -> None:
    """Raise `StudyError` unless DVC finds the results to be of these parameters and this code."""
    dvc = Path(sys.executable).with_name("dvc")
    query = [str(dvc), "status", "--json"]
    answer = subprocess.run(query, cwd=study, capture_output=True, text=True, check=False)
    stages = json.loads(answer.stdout) if answer.returncode == 0 else {"dvc status": answer.stderr}
    # `check` runs each time, and is never up to date.
    if any(changes != ["always changed"] for changes in stages.values()):
        raise StudyError(
            f"the results in {study} are not of its parameters and this code; rerun the study "
            "(`dvc status` there says what has changed)"
        )


def refresh(readme: Path, name: str, text: str) -> None:
    """Replace what stands in a file between the marks of a reference; no marks, no change."""
    begin, end = BEGIN.format(name=name), END.format(name=name)
    before, found, rest = readme.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if found and closed:
        save_text(readme, f"{before}{begin}\n{text.strip()}\n{end}{after}")


def main(arguments: list[str]) -> int:
    """Run ``python -m pipeline.commands.publish <folder of the study> <name>``."""
    if len(arguments) != 2:
        print("usage: python -m pipeline.commands.publish <folder> <name>", file=sys.stderr)
        return 2
    try:
        print(publish(Path(arguments[0]), arguments[1], Path.cwd()))
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
