"""A study in its own folder, with its own DVC project: ``params.yaml`` with overlays applied.

``workspaces/<study>/`` contains the merged params.yaml, a copy of dvc.yaml, links to the code, and
everything that the study produces. The checkout itself does not change.
"""

from __future__ import annotations

if __name__ == "__main__":
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback during the imports below

import argparse
import configparser
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any

from pipeline.commands import dvc_command
from pipeline.commands.jobs.options import Options, add_arguments, read_options
from pipeline.storage.features import FEATURES
from pipeline.storage.files import save_text
from pipeline.storage.paths import DOWNLOADS, INCOMING, STUDY
from pipeline.storage.runs import RUNS

if __name__ == "__main__":
    dvc_command.stop_at_once()  # before the slow imports

from pipeline.checks import StudyError, check_known
from pipeline.commands.overlays import compose
from pipeline.commands.reporting import exit_status
from pipeline.commands.verification import verify_study
from pipeline.config.entries import PARAMS
from pipeline.config.params import load_params
from pipeline.config.yaml_files import dump_yaml

WORKSPACES = Path("workspaces")
STUDIES = Path("studies")
LATER_SECTIONS: dict[str, Any] = {
    "sample_size": {"sizes": [], "draws": 5, "steps": 500, "runs": {}},
    "ablations": {},
}
"""Sections of params.yaml that earlier versions did not have, as they are without an entry."""


def create(study: str, root: Path) -> Path:
    """Create or refresh ``workspaces/<study>/`` under `root`, and return its path.

    Args:
        study: the name of an overlay in ``studies/``, or several joined by ``+``, which are
            applied in this order.
        root: the checkout.

    Raises:
        StudyError: if an overlay does not exist, or `pipeline.commands.overlays` rejects it.
    """
    known = sorted(path.stem for path in (root / STUDIES).glob("*.yaml"))
    names = study.split("+")
    for name in names:
        check_known(name, known, "study")
    overlays = [STUDIES / f"{name}.yaml" for name in names]
    document = compose(root, overlays)
    folder = root / WORKSPACES / study
    text = dump_yaml(relocate(document, root, folder))
    named = ", ".join(["params.yaml", *map(str, overlays)])
    populate(folder, root, f"# Generated from {named}: edit those files instead.\n{text}")
    return folder


def populate(folder: Path, root: Path, params: str) -> None:
    """Give a study's folder its params.yaml, and all else that DVC and the stages need there.

    Args:
        folder: the workspace; it is made if it does not exist.
        root: the checkout.
        params: the text of params.yaml, with paths relative to `folder`.
    """
    for made in (folder / ".dvc", folder / FEATURES, folder / RUNS):
        made.mkdir(parents=True, exist_ok=True)
    # All studies share one folder of downloads, and one of what a person placed.
    for shared in (DOWNLOADS, INCOMING):
        (root / shared).mkdir(parents=True, exist_ok=True)
        if shared != INCOMING or not _is_own_folder(folder / INCOMING):
            _link(folder / shared, root / shared)
    _write(folder / PARAMS, params)
    _write(folder / "dvc.yaml", (root / "dvc.yaml").read_text(encoding="utf-8"))
    _write(folder / ".dvcignore", (root / ".dvcignore").read_text(encoding="utf-8"))
    _write(folder / ".dvc" / "config", _config(root, folder))
    for linked in ("pipeline", "stages", ".dvc/plots"):
        _link(folder / linked, root / linked)


def with_later_sections(params: str) -> str:
    """Add empty sections that a file of an earlier version lacks: DVC would fail without them."""
    missing = {
        name: empty
        for name, empty in LATER_SECTIONS.items()
        if not re.search(rf"^{name}:", params, re.MULTILINE)
    }
    return params + dump_yaml(missing) if missing else params


def reproduce(folder: Path, root: Path, options: Options) -> int:
    """Check params.yaml, run the stages of a study's folder, and print the report's path.

    Args:
        folder: of the study.
        root: the checkout.
        options: how many stages run at once, and where; one after the other is ``dvc repro``.
    """
    params = load_params(folder / PARAMS)
    with tempfile.TemporaryFile(dir=folder):
        pass  # fail here if the folder is not writable: DVC's own message is less clear
    dvc_command.clear_up(folder)
    if options.side_by_side:
        from pipeline.commands.jobs.study import run_side_by_side

        code = run_side_by_side(folder, root, params, options)
    else:
        code = dvc_command.run_dvc(folder, "repro")
    if code == 0:
        with chdir(folder):  # paths of artifacts are relative to the study's folder
            verify_study(params)
        report = folder / STUDY / "index.html"
        print(f"\nReport: {os.path.relpath(report)}")
    return code


def relocate(document: dict[str, Any], root: Path, folder: Path) -> dict[str, Any]:
    """Rewrite the relative paths of a params.yaml that moves from `root` to `folder`."""

    def moved(entry: Any, key: str, words: tuple[str, ...] = ()) -> Any:
        value = entry.get(key) if isinstance(entry, Mapping) else None
        if not isinstance(value, str) or value in words or Path(value).is_absolute():
            return entry
        return {**entry, key: os.path.relpath(root / value, folder)}

    relocated = {**document, "dataset": moved(document.get("dataset"), "path")}
    if isinstance(relocated["dataset"], Mapping) and "groups" in relocated["dataset"]:
        groups = moved(relocated["dataset"]["groups"], "csv")
        relocated["dataset"] = {**relocated["dataset"], "groups": groups}
    words = ("imagenet", "random")
    for kind in ("features", "deep"):
        if isinstance(document.get(kind), Mapping):
            relocated[kind] = {k: moved(v, "weights", words) for k, v in document[kind].items()}
    return relocated


def _config(root: Path, folder: Path) -> str:
    """Return a workspace's DVC settings: its own, plus those of the checkout that it lacks.

    What was set in the workspace, such as a remote, is kept.
    """
    own, shared = _settings(folder / ".dvc" / "config"), _settings(root / ".dvc" / "config")
    for section in shared.sections():
        for key, value in shared.items(section):
            if section not in own:
                own.add_section(section)
            if key in ("url", "dir") and "://" not in value and not Path(value).is_absolute():
                value = os.path.relpath(root / ".dvc" / value, folder / ".dvc")
            own[section].setdefault(key, value)
    if "core" not in own:
        own.add_section("core")
    own["core"]["no_scm"] = "true"
    blocks = [
        f"[{name}]\n" + "".join(f"    {key} = {value}\n" for key, value in own.items(name))
        for name in own.sections()
    ]
    return "".join(blocks)


def _settings(path: Path) -> configparser.RawConfigParser:
    settings = configparser.RawConfigParser(delimiters=("=",), default_section="")
    settings.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        settings.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise StudyError(
            f"{path} cannot be read: {error}. Fix it, or remove it together with the remotes that "
            "it defines"
        ) from None
    return settings


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        save_text(path, text)


def _is_own_folder(path: Path) -> bool:
    """Return whether a person made a folder where a link belongs; what is in it must stay."""
    return path.is_dir() and not path.is_symlink()


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.resolve() == target.resolve():
        return
    if link.is_symlink() or link.is_file():
        link.unlink()
    elif link.exists():
        shutil.rmtree(link)
    link.symlink_to(os.path.relpath(target, link.parent), target_is_directory=True)


def main(arguments: list[str]) -> int:
    """Run ``python -m pipeline.commands.workspace run [study]``; a study may be ``cpu+depth``.

    ``create <study>`` creates the study's folder without running it.
    """
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.commands.workspace", description=__doc__.splitlines()[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run a study")
    run.add_argument("study", nargs="?", help="its overlays, joined by +; default: params.yaml")
    add_arguments(run)
    commands.add_parser("create", help="create a study's folder").add_argument("study")
    try:
        given = parser.parse_args(arguments)
    except SystemExit as end:  # argparse has printed why
        return int(end.code or 0)
    return exit_status(lambda: _run(given), f"study {given.study or ''}".rstrip())


def _run(given: argparse.Namespace) -> int:
    root = Path.cwd()
    if given.command == "create":
        print(os.path.relpath(create(given.study, root)))
        return 0
    options = read_options(given.jobs, given.scheduler)
    folder = create(given.study, root) if given.study else root
    return reproduce(folder, root, options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
