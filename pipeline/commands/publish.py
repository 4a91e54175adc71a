"""Publish a study: its results in ``reports/reference/``, its table in the README.

Nothing is typed by hand: the README's table, between two markers, is generated from the results.
After a change to the page, ``--render`` writes the page and the summary of a reference again, from
the results that it holds; nothing is trained.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.analyses.tables import load_results
from pipeline.checks import StudyError, check_known
from pipeline.commands.provenance import lock_digest
from pipeline.commands.workspace import relocate
from pipeline.config.entries import PARAMS
from pipeline.config.yaml_files import dump_yaml, read_yaml
from pipeline.page.report import write_report
from pipeline.page.study import StudyResults
from pipeline.page.summary import answers, headline
from pipeline.storage.files import save_text
from pipeline.storage.network_layers import load_network_layers
from pipeline.storage.paths import INCOMING, STUDY
from pipeline.storage.pictures import load_feature_pictures, load_network_pictures
from pipeline.storage.results import CELL_PICTURES, MANIFESTS, Results

REFERENCE = Path("reports/reference")
BEGIN, END = "<!-- {what} of {name}: begin -->", "<!-- {what} of {name}: end -->"


def publish(study: Path, name: str, root: Path) -> Path:
    """Copy the results, the report, params.yaml and dvc.lock of a study, and refresh the README.

    Args:
        study: the folder that the study was run in, the checkout or a workspace.
        name: the reference's folder under ``reports/reference/``.
        root: the checkout.

    Raises:
        StudyError: if the study has no report yet, or is out of date.
    """
    source = study / STUDY
    for needed in (source / "index.html", study / "dvc.lock", study / "params.yaml"):
        if not needed.exists():
            raise StudyError(f"there is no {needed}; run the study first")
    _check_up_to_date(study)
    target = root / REFERENCE / name
    fresh = target.with_name(f".{name}")
    shutil.rmtree(fresh, ignore_errors=True)
    # The hundreds of pictures behind confusion matrices are embedded in the page, so they are not
    # copied, nor are the manifests that list them. copyfile makes writable copies of DVC's
    # read-only outputs.
    ignored = shutil.ignore_patterns(Path(CELL_PICTURES).name, *MANIFESTS)
    shutil.copytree(source, fresh, copy_function=shutil.copyfile, ignore=ignored)
    # Paths relative to the checkout, so that these parameters can be run from there.
    given = read_yaml(study / PARAMS)
    parameters = relocate(given, study, root)
    lock = (study / "dvc.lock").read_text(encoding="utf-8")
    found = Path(str((parameters.get("dataset") or {}).get("path", "")))
    if found.is_absolute():
        parameters, lock = without_place(parameters, lock)
    save_text(fresh / "dvc.lock", lock)
    save_text(fresh / "params.yaml", dump_yaml(parameters))
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    if parameters != given:
        return render(name, root)  # the page shows parameters and the checksum of the lock
    _refresh_all(root / "README.md", name, load_results(target))
    return target


def without_place(parameters: dict[str, Any], lock: str) -> tuple[dict[str, Any], str]:
    """Replace the absolute path of the images, which exists on one machine only.

    Args:
        parameters: of a study whose ``dataset.path`` is absolute.
        lock: the text of its dvc.lock.

    Returns:
        Both with the path below ``data/incoming/``, where whoever has the images can put them.
    """
    path = str(parameters["dataset"]["path"])
    general = (INCOMING / Path(path).name).as_posix()
    dataset = {**parameters["dataset"], "path": general}
    return {**parameters, "dataset": dataset}, lock.replace(path, general)


def _check_up_to_date(study: Path) -> None:
    """Raise `StudyError` unless DVC considers the results up to date."""
    dvc = Path(sys.executable).with_name("dvc")
    query = [str(dvc), "status", "--json"]
    answer = subprocess.run(query, cwd=study, capture_output=True, text=True, check=False)
    stages = json.loads(answer.stdout) if answer.returncode == 0 else {"dvc status": answer.stderr}
    # `check` runs each time and is never up to date.
    if any(changes != ["always changed"] for changes in stages.values()):
        raise StudyError(
            f"the results in {study} do not match its parameters and this code; rerun the study "
            "(`dvc status` there shows what has changed)"
        )


def render(name: str, root: Path) -> Path:
    """Write the page, the summary and the figures of a reference again, by the present code.

    Args:
        name: the reference's folder under ``reports/reference/``.
        root: the checkout.

    Raises:
        StudyError: if there is no such reference.
    """
    target = root / REFERENCE / name
    known = sorted(path.parent.name for path in target.parent.glob("*/params.yaml"))
    check_known(name, known, "reference")
    results = load_results(target)
    results.study.setdefault("provenance", {})["lock"] = lock_digest(target)
    with _cell_pictures(target, results):
        write_report(
            StudyResults(
                results,
                params=read_yaml(target / PARAMS),
                folder=target,
                feature_pictures=load_feature_pictures(target),
                network_pictures=load_network_pictures(target),
                network_layers=load_network_layers(target),
            )
        )
    for manifest in MANIFESTS:  # of files that are not committed
        (target / manifest).unlink(missing_ok=True)
    _refresh_all(root / "README.md", name, results)
    return target


@contextmanager
def _cell_pictures(target: Path, results: Results) -> Iterator[None]:
    """Take the pictures behind confusion matrices out of the old page, which alone has them."""
    table, folder = results.tables.get("confusion_images"), target / CELL_PICTURES
    page = (target / "index.html").read_text(encoding="utf-8")
    found = re.search(r'id="behind-cells">(.*?)</script>', page, re.DOTALL)
    if table is None or found is None or folder.exists():
        yield
        return
    embedded = json.loads(found[1])
    names = list(results.study["dataset"]["class_names"])
    folder.mkdir(parents=True)
    try:
        for (run, actual, predicted), rows in table.groupby(["run", "actual", "predicted"]):
            cell = f"{names.index(actual)}-{names.index(predicted)}"
            numbers = embedded["cells"].get(run, {}).get(cell, [])
            # A cell that lacks some of its images does not say which ones it has.
            paths = rows.sort_values("rank")["image"] if len(numbers) == len(rows) else ()
            for path, number in zip(paths, numbers, strict=False):
                _, _, content = embedded["images"][number].partition(",")
                (target / path).write_bytes(base64.b64decode(content))
        yield
    finally:
        shutil.rmtree(folder)


def _refresh_all(readme: Path, name: str, results: Results) -> None:
    refresh(readme, name, headline(results))
    for question, text in answers(results).items():
        refresh(readme, name, text, question)


def refresh(readme: Path, name: str, text: str, what: str = "results") -> None:
    """Replace the text between the markers of a reference; without markers, change nothing.

    Args:
        readme: the file.
        name: of the reference.
        text: the new text.
        what: the table of all results, or one question.
    """
    begin, end = BEGIN.format(name=name, what=what), END.format(name=name, what=what)
    before, found, rest = readme.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if found and closed:
        save_text(readme, f"{before}{begin}\n{text.strip()}\n{end}{after}")


def main(arguments: list[str]) -> int:
    """Run ``python -m pipeline.commands.publish <folder of the study> <name>``, or ``--render``."""
    if len(arguments) != 2:
        command = "python -m pipeline.commands.publish"
        print(f"usage: {command} <folder> <name>, or: {command} --render <name>", file=sys.stderr)
        return 2
    first, name = arguments
    try:
        print(render(name, Path()) if first == "--render" else publish(Path(first), name, Path()))
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
