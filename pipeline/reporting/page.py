"""The page: one HTML file that needs no other file and no network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from pipeline.config.yaml_files import dump_yaml
from pipeline.reporting import (
    classes,
    depth,
    duplicates,
    galleries,
    gaps,
    matrices,
    mistakes,
    pairs,
    tables,
)
from pipeline.reporting.charts.rendering import Drawing, javascript, json_script, placed
from pipeline.reporting.charts.theme import FAMILY_COLOURS
from pipeline.reporting.drawings import MOST_PANELS, Study, page_drawings
from pipeline.reporting.formats import count, digits, p_value, percent, points, quantity
from pipeline.reporting.images_read import images_read
from pipeline.reporting.majority import is_independent, majority
from pipeline.reporting.pictures import Pictures
from pipeline.reporting.policy import content_security_policy
from pipeline.reporting.pretraining import pretrained_runs
from pipeline.reporting.readable import readable_table, readable_text
from pipeline.reporting.run_facts import run_facts, shared_options
from pipeline.reporting.sections import absent_parts
from pipeline.reporting.seen_by_networks import network_gallery
from pipeline.reporting.tuned import tuned_runs
from pipeline.reporting.verdict import verdict
from pipeline.storage.results import Results

FILES_READ = ("templates/*",)
"""See `pipeline.fingerprints`."""
TEMPLATES = Path(__file__).parent / "templates"


def page(
    study: Study,
    params: Mapping[str, Any],
    folder: Path,
    drawn: Mapping[str, list[Drawing]] | None = None,
    feature_pictures: pd.DataFrame | None = None,
    network_pictures: pd.DataFrame | None = None,
) -> str:
    """Write the page. What a study does not have, such as tuned runs, has no section.

    Args:
        study: what evaluation found, laid out.
        params: the study's parameters, as in params.yaml; shown as they are.
        folder: where the pictures lie, which become part of the page.
        drawn: the charts, where they have been made already.
        feature_pictures: ``features.csv``; None where no feature set was drawn.
        network_pictures: ``networks.csv``; None where no network was drawn.

    Raises:
        StudyError: if a picture is missing.
    """
    drawn = page_drawings(study) if drawn is None else drawn
    context = {
        **_texts(study, params),
        **_pictured(study, folder),
        **_galleries(*map(readable_table, (feature_pictures, network_pictures))),
        "charts": {place: [placed(each) for each in several] for place, several in drawn.items()},
    }
    context["absent"] = absent_parts(study, context)
    environment = _environment()
    style = environment.get_template("style.css").render(context)
    scripts = [javascript(), (TEMPLATES / "page.js").read_text(encoding="utf-8")]
    context |= {
        "style": style,
        "scripts": scripts,
        "policy": content_security_policy(style, scripts),
    }
    return environment.get_template("index.html").render(context)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent, "points": points, "count": count, "quantity": quantity,
        "p_value": p_value, "digits": digits, "breakable": breakable,
        "capitalize_first": capitalize_first, "json": json_script,
    }  # fmt: skip
    return environment


def _texts(study: Study, params: Mapping[str, Any]) -> dict[str, Any]:
    results = study.results
    return {
        "study": study,
        "dataset": results.study["dataset"],
        "verdict": verdict(results),
        "accuracy": tables.accuracy_rows(results),
        "families": list(dict.fromkeys(results.tables["accuracy"]["family"])),
        "gap_rule": gaps.RULE,
        "gap_sentences": gaps.gap_sentences(results),
        "tuned": tuned_runs(results),
        "depth_rule": depth.RULE,
        "combinations": pairs.combinations(results),
        "confused": classes.confused_pairs(results),
        "duplicates": duplicates.near_duplicates(results),
        "conflicts": duplicates.conflicts(results),
        "majority": majority(results),
        "independent": is_independent(results),
        "more_of": _more_of(results),
        "n_runs": len(results.tables["accuracy"]),
        "n_families": len(results.study["families_best"]),
        "most_panels": MOST_PANELS,
        "runs": run_facts(results),
        "shared_options": shared_options(results),
        "has_pretrained": bool(pretrained_runs(results)),
        "environment": results.study["environment"],
        "provenance": results.study.get("provenance", {}),
        "not_run": results.study["not_run"],
        "images_read": images_read(results),
        "params": readable_text(dump_yaml(_plain(params))),
        "colours": FAMILY_COLOURS,
        "csv": [f"tables/{name}.csv" for name in results.tables],
        "counted_classes": matrices.COUNTED_CLASSES,
    }


def _galleries(features: pd.DataFrame | None, networks: pd.DataFrame | None) -> dict[str, Any]:
    if features is None:
        return {"gallery": None, "seeing": None}
    return {
        "gallery": galleries.feature_gallery(features),
        "seeing": None if networks is None else network_gallery(features, networks),
    }


def _pictured(study: Study, folder: Path) -> dict[str, Any]:
    """Collect what has pictures, and the pictures."""
    pictures = Pictures(folder)
    shown = study.matrices
    return {
        "samples": tables.sample_tables(study.results),
        "hard": mistakes.hard_images(study.results),
        "sure": galleries.sure_runs(study.results),
        "cells": mistakes.cell_images(study.results, shown, pictures.sizes(study.results)),
        "pictures": pictures,
    }


def _more_of(results: Results) -> list[str]:
    """Say what the verdict's further sentences are about."""
    best = results.study["families_best"]
    about = {
        "How the two were chosen": results.study["comparison"] is not None,
        "where hybrids stand": "hybrid" in best and len(best) > 1,
        "what has seen more images": bool(pretrained_runs(results)),
    }
    named = [text for text, is_there in about.items() if is_there]
    return [capitalize_first(named[0]), *named[1:]] if named else []


def capitalize_first(text: str) -> str:
    """Begin a text with a capital letter, and leave the rest, such as names, as it is."""
    return text[:1].upper() + text[1:]


def breakable(text: str) -> Markup:
    """Let a line break behind the underscores of a name, and so nowhere else in it."""
    return Markup(re.sub(r"(?<=\w_)(?=\w)", "<wbr>", str(escape(text))))


def _plain(value: Any) -> Any:
    """Reduce parameters to what YAML writes plainly."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)
