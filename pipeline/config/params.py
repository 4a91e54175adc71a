"""The model of all of params.yaml, for `check` and the commands, which need the whole file.

The other stages read only their own entry (`pipeline.config.entries`) and do not depend on this
module, so a new section or a new rule about several entries reruns no training.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.checks import StudyError, did_you_mean, listing, shortened, shown
from pipeline.config import registry
from pipeline.config.corrupt import CorruptOptions
from pipeline.config.entries import PARAMS, check_name, run_seeds
from pipeline.config.roster import Run
from pipeline.config.sample_size import SECTION, SampleSizeOptions, parse_sample_size, sized_run
from pipeline.config.variants import Ablation, parse_ablations
from pipeline.config.yaml_files import read_yaml

COMPUTED_IMPORTS = ("{dataset}", "{features}", "{classical}", "{deep}")
"""The methods that params.yaml names, imported by `registry`; see `pipeline.fingerprints`."""
_MOST_PROBLEMS = 50
"""Checking stops after this many."""


class _Plain(BaseModel):
    """The parts of params.yaml that name no method."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    seed: Annotated[int, Field(ge=0, lt=2**32)]
    """The study's seed: for the splits, and for each run without seeds of its own."""
    not_run: dict[str, str]
    """What this study leaves out, and why ({} for nothing): one line per item in the report."""


class Params(_Plain):
    """All of params.yaml, with every method's options parsed."""

    dataset: registry.MethodSpec
    """The images."""
    features: dict[str, registry.MethodSpec]
    """Feature sets by name."""
    classical: dict[str, registry.MethodSpec]
    """Classical runs by name."""
    deep: dict[str, registry.MethodSpec]
    """Networks by name."""
    corrupt: dict[str, CorruptOptions]
    """Runs that are tested on corrupted test images, by name; {} for none."""
    sample_size: SampleSizeOptions = Field(default_factory=SampleSizeOptions)
    """Runs that are trained on parts of the training images; none in files of earlier versions."""
    ablations: dict[str, Ablation] = Field(default_factory=dict)
    """Experiments in which one factor of a run varies; none in files of earlier versions."""

    @property
    def roster(self) -> tuple[Run, ...]:
        """All runs in the order of the file, classical before deep."""
        return tuple(
            Run(name, kind, run_seeds(spec, self.seed))
            for kind, specs in (("classical", self.classical), ("deep", self.deep))
            for name, spec in specs.items()
        )


def load_params(path: Path = PARAMS) -> Params:
    """Read and check all of params.yaml.

    Raises:
        StudyError: listing every problem of the file, one per line.
    """
    document = read_yaml(path)
    problems: list[str] = _unknown_sections(document)
    parsed: dict[str, Any] = {"dataset": None, "features": {}, "classical": {}, "deep": {}}
    for kind in parsed:
        try:
            parsed[kind] = _parse_section(document, kind, problems)
        except StudyError as error:
            problems += str(error).splitlines()
    corrupt = _parse_corrupt(document, problems)
    sample_size = _parse_sample_size(document, problems)
    ablations, found = parse_ablations(document, _MOST_PROBLEMS)
    problems += found
    problems += _dangling(document, parsed)
    problems += _not_with_folds(document, parsed)
    try:
        plain = _Plain.model_validate(document)
    except ValidationError as error:
        problems += registry.explain(error, "", _Plain).splitlines()
    if problems:
        more = " or more" if len(problems) >= _MOST_PROBLEMS else ""
        count = "1 problem" if len(problems) == 1 else f"{len(problems)}{more} problems"
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise StudyError(f"{path} has {count}:\n{lines}")
    return Params(
        **dict(plain), **parsed, corrupt=corrupt, sample_size=sample_size, ablations=ablations
    )


def _unknown_sections(document: Mapping[str, Any]) -> list[str]:
    known = list(Params.model_fields)
    return [
        f"{shortened(str(key), 60)}: unknown section{did_you_mean(str(key), known) or ';'} "
        f"known: {listing(known)}"
        for key in islice(document, _MOST_PROBLEMS)
        if key not in known
    ]


def _parse_section(document: Mapping[str, Any], kind: str, problems: list[str]) -> Any:
    section = document.get(kind)
    if kind == "dataset":
        if isinstance(section, Mapping) and "path" not in section:
            problems.append("dataset.path: found nothing; expected a path, such as data/incoming")
        return registry.parse(kind, section, kind)
    if not isinstance(section, Mapping):
        found = "nothing" if section is None else shown(section)
        raise StudyError(f"{kind}: found {found}; expected a mapping of names to entries, or {{}}")
    specs = {}
    for name, entry in section.items():
        if len(problems) >= _MOST_PROBLEMS:
            break
        try:
            check_name(kind, name)
            specs[name] = registry.parse(kind, entry, f"{kind}.{name}")
        except StudyError as error:
            problems += str(error).splitlines()
    return specs


def _parse_corrupt(document: Mapping[str, Any], problems: list[str]) -> dict[str, CorruptOptions]:
    """Parse the runs to test on corrupted images; each must be in the roster."""
    section = document.get("corrupt")
    if not isinstance(section, Mapping):
        found = "nothing" if section is None else shown(section)
        problems.append(f"corrupt: found {found}; expected a mapping of runs to options, or {{}}")
        return {}
    sections = [document.get(kind) for kind in ("classical", "deep")]
    runs = [str(run) for kind in sections if isinstance(kind, Mapping) for run in kind]
    parsed = {}
    for name, entry in section.items():
        if len(problems) >= _MOST_PROBLEMS:
            break
        where = f"corrupt.{shortened(str(name), 60)}"
        if name not in runs:
            hint = did_you_mean(str(name), runs) or ";"
            problems.append(f"{where}: unknown run {shown(name)}{hint} runs: {listing(runs, 40)}")
        if not isinstance(entry, Mapping):
            problems.append(f"{where}: found {shown(entry)}; expected options, or {{}} for none")
            continue
        try:
            parsed[name] = CorruptOptions.model_validate(dict(entry))
        except ValidationError as error:
            problems += registry.explain(error, where, CorruptOptions).splitlines()
    return parsed


def _parse_sample_size(document: Mapping[str, Any], problems: list[str]) -> SampleSizeOptions:
    """Parse the runs to train on parts of the training images, with all of their options."""
    try:
        options = parse_sample_size(document.get(SECTION))
    except StudyError as error:
        problems += str(error).splitlines()
        return SampleSizeOptions()
    defined = document.get("features")
    known = [str(name) for name in defined] if isinstance(defined, Mapping) else []
    for name in options.runs:
        try:
            spec = sized_run(document, options, name)
        except StudyError as error:
            problems += str(error).splitlines()
            continue
        if "features" in options.runs[name]:
            problems += [
                f"{SECTION}.runs.{name}.features: unknown feature set {shown(each)}"
                f"{did_you_mean(each, known) or ';'} defined: {listing(known, 40)}"
                for each in getattr(spec, "features", ())
                if each not in known
            ]
    return options


def _not_with_folds(document: Mapping[str, Any], parsed: Mapping[str, Any]) -> list[str]:
    """Find what cross-validation excludes: it would let test images into what a run learned."""
    folds = getattr(parsed["dataset"], "fold_count", None)
    if folds is None:
        return []
    problems = [
        f"features.{name}: {spec.method} learns from the images, and with dataset.folds: {folds} "
        "also from those that a model is tested on; expected a method that learns nothing, such as "
        "hog, color_histogram or pretrained, or a study without folds"
        for name, spec in parsed["features"].items()
        if spec.learns
    ]
    if document.get("ablations"):
        problems.append(
            f"ablations: found some together with dataset.folds: {folds}; expected {{}}, because "
            "they are scored on a test split. Use a study without folds"
        )
    if document.get("corrupt"):
        problems.append(
            f"corrupt: found runs together with dataset.folds: {folds}; expected {{}}, because "
            "the stored model has learned from most of the test images. Use a study without folds"
        )
    section = document.get(SECTION)
    if isinstance(section, Mapping) and section.get("runs"):
        problems.append(
            f"{SECTION}: found runs together with dataset.folds: {folds}; expected runs: {{}}, "
            "because parts of the training images need a test split. Use a study without folds"
        )
    return problems


def _dangling(document: Mapping[str, Any], parsed: Mapping[str, Any]) -> list[str]:
    """Find unknown feature sets, duplicate names, and a study without runs."""
    section = document.get("features")
    defined = [str(name) for name in section] if isinstance(section, Mapping) else []
    missing = (
        f"classical.{run}.features: unknown feature set {shown(name)}"
        f"{did_you_mean(name, defined) or ';'} defined: {listing(defined, 40)}"
        for run, spec in parsed["classical"].items()
        for name in spec.features
        if name not in defined
    )
    problems = list(islice(missing, _MOST_PROBLEMS))
    # Case is ignored: on some file systems A and a are the same folder.
    classical = {name.casefold() for name in parsed["classical"]}
    problems += [
        f"deep.{name}: a classical run has the same name; expected unique names of runs"
        for name in parsed["deep"]
        if name.casefold() in classical
    ]
    for kind in ("features", "classical", "deep"):
        names = Counter(name.casefold() for name in parsed[kind])
        problems += [
            f"{kind}.{name}: another name differs only in case; some file systems mix them up"
            for name in parsed[kind]
            if names[name.casefold()] > 1
        ]
    if not (document.get("classical") or document.get("deep")):
        problems.append("found no runs; expected at least one entry under classical or deep")
    return problems
