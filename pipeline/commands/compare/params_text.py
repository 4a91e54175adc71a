"""The chosen study as an ordinary, commented params.yaml."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from pipeline.checks import escaped, listing
from pipeline.commands.compare.candidates import FEATURES
from pipeline.commands.compare.choice import FEWEST, LARGEST, Chosen, document
from pipeline.commands.compare.survey import Survey
from pipeline.config.yaml_files import dump_yaml

_WIDTH = 110


def params_text(chosen: Chosen, survey: Survey, budget: float, command: str) -> str:
    """Return the text of params.yaml.

    Args:
        chosen: the study.
        survey: what the images are like.
        budget: seconds, for the comments.
        command: runs the study again after an edit.
    """
    found = document(chosen, survey)
    reasons = {each.name: each.why for each in chosen.runs}
    reasons |= {name: FEATURES[name].why for name in found["features"]}
    reasons = {name: f"{why}; about {_time(chosen.seconds[name])}" for name, why in reasons.items()}
    lines = [
        *_comment(
            f"Chosen by `make compare` for {survey.n:,} images of {len(survey.classes)} classes: "
            f"about {_time(chosen.total)} of {_time(budget)} on this machine. Edit it, and run "
            f"again what the edit affects: {command}"
        ),
        "seed: 0",
        "",
        *_comment(_about_images(chosen, survey)),
        *dump_yaml({"dataset": found["dataset"]}).splitlines(),
    ]
    for section in ("features", "classical", "deep"):
        lines += ["", *_section(section, found[section], reasons)]
    lines.append("")
    for section in ("corrupt", "sample_size", "ablations"):
        lines += dump_yaml({section: found[section]}).splitlines()
    lines += dump_yaml({"not_run": found["not_run"]}).splitlines()
    return "\n".join(lines) + "\n"


def _section(name: str, entries: Mapping[str, Any], reasons: Mapping[str, str]) -> list[str]:
    if not entries:
        return [f"{name}: {{}}"]
    lines = [f"{name}:"]
    for key, entry in entries.items():
        lines += [f"  {line}" for line in _comment(reasons[key])]
        lines += [f"  {line}" for line in dump_yaml({key: entry}).splitlines()]
    return lines


def _about_images(chosen: Chosen, survey: Survey) -> str:
    size = chosen.task.size
    sentences = [
        f"Images are cropped to squares of {size} pixels: the median shorter side"
        + (f", at most {LARGEST}." if survey.shorter_side > LARGEST else "."),
        "Each method has its own image_size.",
    ]
    if chosen.folds:
        sentences.append(
            f"Under 2,000 images, {chosen.folds}-fold cross-validation tests each one once."
        )
    if small := [name for name, n in survey.classes.items() if n < FEWEST]:
        sentences.append(
            f"Classes with fewer than {FEWEST} images are left out (min_per_class): "
            f"{listing(small, 5)}."
        )
    if chosen.limit:
        sentences.append(
            f"The budget allows for {chosen.limit:,} images of each split: raise or remove limit."
        )
    if chosen.balance:
        sentences.append(
            "The largest class has more than 1.5 times the images of the smallest, so classes are "
            "weighted (balance)."
        )
    return " ".join(sentences)


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(escaped(text), _WIDTH)]


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
