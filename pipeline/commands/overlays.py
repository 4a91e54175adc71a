"""Overlays: what a study changes in params.yaml, and which of its runs it keeps.

An overlay is a YAML file with the sections of params.yaml that contains only differences, and one
key of its own::

    only: [raw_svm, hog_svm, lenet5]

`only` keeps the runs that it names and those with an entry in the overlay itself; other runs are
dropped. So are the corruption tests, sample sizes and ablations of dropped runs, unless they have
an entry in the overlay, and the feature sets that nothing that remains joins.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.checks import StudyError, check_known, listing, shown
from pipeline.config.ablations import RUN, AblationOptions, parse_options
from pipeline.config.entries import PARAMS
from pipeline.config.yaml_files import read_yaml

ONLY = "only"
_RUNS = ("classical", "deep")
_METHOD_KEYS = ("name", "method")


def compose(root: Path, overlays: Iterable[Path]) -> dict[str, Any]:
    """Return the document of ``params.yaml`` with overlays applied.

    Args:
        root: the folder of ``params.yaml``.
        overlays: paths relative to `root`, applied in this order.

    Raises:
        StudyError: if a file is not YAML, or an `only` names an unknown run.
    """
    document = read_yaml(root / PARAMS)
    for path in overlays:
        document = apply_overlay(document, read_yaml(root / path), path)
    return document


def apply_overlay(
    base: Mapping[str, Any], overlay: Mapping[str, Any], path: Path
) -> dict[str, Any]:
    """Apply one overlay to a document: `merge`, and then its `only`.

    Args:
        base: the document, sections by name; it is not changed.
        overlay: the content of `path`.
        path: path of the overlay, for messages.

    Raises:
        StudyError: for an `only` that is not a list of runs, or names an unknown run.
    """
    changes = {key: value for key, value in overlay.items() if key != ONLY}
    merged = merge(base, changes)
    if ONLY not in overlay:
        return merged
    names = _named_runs(overlay[ONLY], base, merged, path)
    return _reduced(merged, changes, names)


def merge(base: Any, overlay: Any) -> Any:
    """Merge a document with changes to it.

    Mappings are merged key by key; null removes a key, {} empties a mapping, and anything else
    replaces the old value. An entry that names another method (or dataset) replaces the whole
    entry, because options belong to their method.
    """
    if not isinstance(base, Mapping) or not isinstance(overlay, Mapping):
        return overlay
    if any(
        isinstance(new := overlay.get(key), str) and new != base.get(key) for key in _METHOD_KEYS
    ):
        base = {}
    merged = dict(base)
    for key, value in overlay.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = value if value == {} else merge(merged.get(key), value)
    return merged


def _named_runs(
    names: Any, base: Mapping[str, Any], merged: Mapping[str, Any], path: Path
) -> set[str]:
    """Return the runs that an `only` names; each must be in the merged document."""
    expected = "expected the names of the runs to keep, such as [raw_svm, lenet5]"
    if not isinstance(names, list) or not names:
        raise StudyError(f"{path}: {ONLY}: found {shown(names)}; {expected}")
    if odd := [name for name in names if not isinstance(name, str)]:
        raise StudyError(f"{path}: {ONLY}: found {listing(map(shown, odd))} in it; {expected}")
    there = _runs(merged)
    for name in names:
        check_known(name, [*there, *_runs(base)], f"run in {path}: {ONLY}:")
        if name not in there:
            raise StudyError(
                f"{path}: found {name} in {ONLY} and also in a section that drops it; expected "
                f"only one of the two. To drop it, remove it from {ONLY}"
            )
    return set(names)


def _reduced(
    merged: Mapping[str, Any], changes: Mapping[str, Any], names: Collection[str]
) -> dict[str, Any]:
    """Drop all runs except `names` and those of `changes`, and then whatever is unused."""

    def kept(section: str, wanted: Collection[str]) -> dict[str, Any]:
        own = _section(changes, section)
        entries = _section(merged, section).items()
        return {name: entry for name, entry in entries if name in wanted or name in own}

    reduced = {**merged, **{kind: kept(kind, names) for kind in _RUNS if kind in merged}}
    entries = _section(reduced, "ablations").items()
    of_runs = [name for name, entry in entries if _bases(entry) <= {*_runs(reduced)}]
    for section, wanted in (("corrupt", _runs(reduced)), ("ablations", of_runs)):
        if section in reduced:
            reduced[section] = kept(section, wanted)
    reduced = _without_sizes_of_others(reduced, changes)
    if "features" in reduced:
        reduced["features"] = kept("features", _joined(reduced))
    return reduced


def _without_sizes_of_others(reduced: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Drop the sample sizes of dropped runs, unless the overlay itself has an entry for them."""
    section = _section(reduced, "sample_size")
    if "runs" not in section:
        return reduced
    wanted = {*_runs(reduced), *_section(_section(changes, "sample_size"), "runs")}
    entries = _section(section, "runs").items()
    kept = {name: entry for name, entry in entries if name in wanted}
    return {**reduced, "sample_size": {**section, "runs": kept}}


def _runs(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return run -> entry for all sections of runs."""
    return {name: entry for kind in _RUNS for name, entry in _section(document, kind).items()}


def _section(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a section; empty if it is missing, or invalid (which `check` reports later)."""
    found = document.get(name)
    return found if isinstance(found, Mapping) else {}


def _joined(document: Mapping[str, Any]) -> set[str]:
    """Return the feature sets that runs join, in a study of their own or with other options."""
    entries = [*_runs(document).values()]
    entries += _section(_section(document, "sample_size"), "runs").values()
    for ablation in _section(document, "ablations").values():
        if (options := _options(ablation)) is not None:
            entries += [options.set, *options.values.values()]
            entries += [{"features": each} for each in options.tune.get("features", ())]
    return {name for entry in entries for name in _feature_sets(entry)}


def _bases(entry: Any) -> set[str]:
    """Return the runs that an ablation trains with other options."""
    if (options := _options(entry)) is None:
        return set()
    others = (each.get(RUN) for each in options.values.values())
    return {options.base, *(each for each in others if isinstance(each, str))}


def _options(entry: Any) -> AblationOptions | None:
    """Return the options of an ablation; None if they are invalid, which `check` reports later."""
    try:
        return parse_options("", entry)
    except StudyError:
        return None


def _feature_sets(entry: Any) -> list[str]:
    found = entry.get("features") if isinstance(entry, Mapping) else None
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
