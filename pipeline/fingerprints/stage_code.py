"""The code of each stage and method, as a small file that the stage depends on.

``data/code/train_classical.kernel_ridge.json`` contains the fingerprint of all modules that this
stage imports with that method. `check` always rewrites these files, so that DVC reruns a stage if
its code behaves differently, but not if only a comment or a message has changed.

A stage that trains runs with other options than theirs has a file per entry, such as
``data/code/sample_size.lenet5.json``, with the methods of the entry's run and of its feature sets.

The code of a stored model or extractor, which `pipeline.storage.stored_classes` imports by the
names in its file, is not in the fingerprint of a stage that opens it. That code determines the
content of the file, and the stage depends on the file.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.config import registry
from pipeline.config.ablations import RUN, UNTRAINED, parse_options
from pipeline.fingerprints.modules import Code, Fingerprint, method_module
from pipeline.fingerprints.remembered import RememberedCode
from pipeline.storage.files import save_json
from pipeline.storage.paths import CODE

STAGES: dict[str, str | None] = {
    "fetch": "dataset",
    "prepare": "dataset",
    "featurize": "features",
    "index": None,
    "train_classical": "classical",
    "train_deep": "deep",
    "corrupt": None,
    "duplicates": None,
    "health": None,
    "evaluate": None,
    "illustrate": None,
    "illustrate_networks": None,
    "report": None,
}
"""Stage -> the kind of its methods, with one file per method; None for a single file. `check`
writes the files, always runs and needs none. Those of `BASES` have a file per entry."""


@dataclass(frozen=True)
class Based:
    """What an entry trains that is not a run of its own: a run with other options."""

    run: str
    """Of the study."""
    changes: tuple[Mapping[str, Any], ...]
    """Options -> values, of each kind of training; those of another run name it as `run`."""
    entry: Mapping[str, Any] = field(default_factory=dict)
    """All that trainings depend on besides the options of their runs, where dvc.yaml does not name
    it as a parameter."""

    def variants(self, params: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        """Return the kind and all options of each kind of training; none for an unknown run."""
        return [
            (kind, {**section[run], **changes})
            for changes in self.changes
            for kind in ("classical", "deep")
            if (run := changes.get(RUN, self.run)) in (section := params.get(kind) or {})
        ]

    def feature_sets(self, params: Mapping[str, Any]) -> list[str]:
        """Return the names of all feature sets that they join."""
        joined = [
            name for _, options in self.variants(params) for name in options.get("features", ())
        ]
        return list(dict.fromkeys(joined))


def _of_sample_size(params: Mapping[str, Any]) -> dict[str, Based]:
    runs = (params.get("sample_size") or {}).get("runs") or {}
    return {name: Based(name, (changes or {},)) for name, changes in runs.items()}


def _of_ablations(params: Mapping[str, Any]) -> dict[str, Based]:
    section = params.get("ablations") or {}
    options = {name: parse_options(name, entry) for name, entry in section.items()}
    return {
        name: Based(
            each.base,
            tuple(
                {**each.set, **changes, **tried}
                for changes in each.values.values()
                for tried in _tried(each.tune)
            ),
            each.model_dump(mode="json", exclude=set(UNTRAINED)),
        )
        for name, each in options.items()
    }


def _tried(tune: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """Return each value of `tune` at least once, in fewer mappings than all combinations."""
    most = max(map(len, tune.values()), default=1)
    return [
        {name: values[min(place, len(values) - 1)] for name, values in tune.items()}
        for place in range(most)
    ]


BASES: dict[str, Callable[[Mapping[str, Any]], dict[str, Based]]] = {
    "sample_size": _of_sample_size,
    "ablations": _of_ablations,
}
"""Stages of entries that train other runs: from all of params.yaml, entry -> what it trains."""


def stage_fingerprint(code: Code, stage: str, method: str | None) -> Fingerprint:
    """Return the fingerprint of a stage with one of its methods, or without any (None)."""
    kind = STAGES[stage]
    methods = [method_module(kind, method)] if kind and method else []
    return code.fingerprint([f"stages.{stage}", *methods])


def entry_fingerprint(code: Code, params: Mapping[str, Any], stage: str, entry: str) -> Fingerprint:
    """Return the fingerprint of an entry of one of `BASES`, with all methods of its run.

    Args:
        code: of the project.
        params: all of params.yaml.
        stage: one of `BASES`.
        entry: of that stage; without a run that exists, the fingerprint is that of the stage alone.
    """
    modules: set[str] = set()
    if (based := BASES[stage](params).get(entry)) is not None:
        used = based.variants(params)
        used += [("features", params["features"][name]) for name in based.feature_sets(params)]
        modules = {method_module(kind, each[registry.selector(kind)]) for kind, each in used}
    return code.fingerprint([f"stages.{stage}", *modules])


def methods_used(params: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the methods that params.yaml uses: kind -> unique, sorted names."""
    used = {}
    for kind in registry.KINDS:
        section = params.get(kind) or {}
        entries = [section] if kind == "dataset" else section.values()
        used[kind] = sorted({str(entry.get(registry.selector(kind))) for entry in entries})
    return used


def save_fingerprints(params: Mapping[str, Any], read: Mapping[str, str] | None = None) -> int:
    """Write the files of all stages and all methods; return their number.

    Args:
        params: all of params.yaml, already checked.
        read: path -> checksum of files that `prepare` reads besides the images, if any: DVC knows
            them by this alone.
    """
    used = methods_used(params)
    code = RememberedCode(used)
    shutil.rmtree(CODE, ignore_errors=True)
    count = 0
    for stage, kind in STAGES.items():
        for method in registry.method_names(kind) if kind else (None,):
            found = stage_fingerprint(code, stage, method)
            if stage == "prepare" and method in used["dataset"]:
                found |= read or {}
            save_json(fingerprint_file(stage, method), found)
            count += 1
    for stage, bases in BASES.items():
        for entry in bases(params):
            save_json(fingerprint_file(stage, entry), entry_fingerprint(code, params, stage, entry))
            count += 1
    return count


def fingerprint_file(stage: str, method: str | None) -> Path:
    """Return the path of the fingerprint of a stage, with its method, or entry, if it has one."""
    return CODE / (f"{stage}.{method}.json" if method else f"{stage}.json")
