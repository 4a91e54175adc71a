"""Compare classical and deep methods on somebody's images: ``python -m pipeline.commands.compare``.

It looks at the images, chooses sizes and runs that fit into the time, writes them as an ordinary
params.yaml into a workspace, runs the study, and recommends a run.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

from pipeline.checks import StudyError, escaped
from pipeline.commands import workspace
from pipeline.commands.compare.choice import Chosen, choose, title
from pipeline.commands.compare.params_text import params_text
from pipeline.commands.compare.recommendation import recommend
from pipeline.commands.compare.speeds import measure
from pipeline.commands.compare.survey import Survey, survey
from pipeline.commands.jobs.options import add_arguments, read_options
from pipeline.commands.reporting import exit_status
from pipeline.config.entries import PARAMS
from pipeline.config.yaml_files import read_yaml

BUDGET = "15m"
_UNITS = {"s": 1, "m": 60, "h": 3600}


def seconds_of(text: str) -> float:
    """Read a time such as ``90s``, ``20m``, ``1.5h`` or ``20`` (minutes)."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:(s|m|h)(?:ec|in)?)?\s*", text.lower())
    if not found or not float(found[1]):
        raise StudyError(f"budget: found {text!r}; expected a time such as 90s, 20m or 1.5h")
    return float(found[1]) * _UNITS[found[2] or "m"]


def workspace_name(path: Path, wanted: str | None = None) -> str:
    """Return the name of the workspace: the one asked for, or that of the folder or archive."""
    name = wanted or title(path)
    found = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")
    if wanted and found != wanted:
        raise StudyError(
            f"name: found {wanted!r}; expected letters, digits, - and _, such as {found or 'mine'}"
        )
    return found or "images"


def main(arguments: list[str]) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.commands.compare", description=__doc__.splitlines()[0]
    )
    parser.add_argument("images", help="a folder or an archive with a folder for each class")
    parser.add_argument("--budget", default=BUDGET, help=f"time to use (default: {BUDGET})")
    parser.add_argument("--name", help="the workspace (default: the name of the images)")
    parser.add_argument("--plan", action="store_true", help="write params.yaml and stop")
    parser.add_argument("--again", action="store_true", help="choose anew, replacing params.yaml")
    add_arguments(parser)
    given = parser.parse_args(arguments)
    task = f"comparison on {escaped(given.images)}"
    return exit_status(lambda: _compare(given, Path.cwd()), task)


def _compare(given: argparse.Namespace, root: Path) -> int:
    budget, options = seconds_of(given.budget), read_options(given.jobs, given.scheduler)
    path = Path(os.path.abspath(Path(given.images).expanduser()))
    name = workspace_name(path, given.name)
    folder = root / workspace.WORKSPACES / name
    if (folder / PARAMS).exists() and not given.again:
        _check_same_images(folder / PARAMS, path)
        print(f"Using {os.path.relpath(folder / PARAMS)} as it is; AGAIN=1 chooses anew.")
        text = workspace.with_later_sections((folder / PARAMS).read_text(encoding="utf-8"))
    else:
        text = _chosen(path, budget, name)
    workspace.populate(folder, root, text)
    print(f"Study: {os.path.relpath(folder / PARAMS)}", flush=True)
    if given.plan:
        return 0
    code = workspace.reproduce(folder, root, options)
    if code == 0:
        print(recommend(folder))
    return code


def _chosen(path: Path, budget: float, name: str) -> str:
    print(f"Looking at {escaped(str(path))} ...", flush=True)
    found = survey(path)
    chosen = choose(found, measure(), budget)
    for line in plan(found, chosen, budget):
        print(line, flush=True)
    return params_text(chosen, found, budget, f"make compare IMAGES=... NAME={name}")


def plan(found: Survey, chosen: Chosen, budget: float) -> list[str]:
    """Return what was found and chosen, in lines for the terminal."""
    classes = ", ".join(f"{escaped(name)} {n:,}" for name, n in list(found.classes.items())[:8])
    more = f" and {len(found.classes) - 8} more classes" if len(found.classes) > 8 else ""
    tested = (
        f"{chosen.folds}-fold cross-validation: every image is tested once"
        if chosen.folds
        else "train, validation and test splits"
    )
    lines = [
        f"{found.n:,} images: {classes}{more}; shorter side {found.shorter_side} pixels (median)",
        f"{tested}; images are stored with {chosen.task.size} pixels",
        f"{len(chosen.runs)} runs, about {chosen.total / 60:.1f} of {budget / 60:g} minutes: "
        + ", ".join(each.name for each in chosen.runs),
    ]
    if chosen.left_out:
        lines.append(f"did not fit into the time budget: {', '.join(chosen.left_out)}")
    return lines


def _check_same_images(params: Path, path: Path) -> None:
    """Raise `StudyError` if the workspace is about other images."""
    dataset = read_yaml(params).get("dataset") or {}
    known = Path(str(dataset.get("path", "")))
    if known != path and path not in known.parents:
        raise StudyError(
            f"{os.path.relpath(params)} is about {known}; found {path}. Choose another workspace "
            "with NAME=..., or replace this one with AGAIN=1"
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
