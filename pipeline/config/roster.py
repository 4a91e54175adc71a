"""The roster of a study: its runs and what is done with them, without the methods' options.

For `evaluate`, which imports no method. Options were checked by the stage `check`; here only what
is read is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.checks import StudyError, did_you_mean, listing
from pipeline.config.ablations import AblationOptions, parse_options
from pipeline.config.aims import Aims
from pipeline.config.corrupt import CorruptOptions
from pipeline.config.entries import PARAMS, read_params
from pipeline.config.registry import explain
from pipeline.config.sample_size import SECTION, SampleSizeOptions, parse_sample_size

KINDS = ("classical", "deep")
"""Sections of params.yaml whose entries are runs."""
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True)
class Run:
    """One run, whatever its kind."""

    name: str
    kind: str
    """`classical` or `deep`: the section of params.yaml."""
    seeds: tuple[int, ...]

    @property
    def remedy(self) -> str:
        """The command that makes what this run leaves."""
        return f"dvc repro train_{self.kind}@{self.name}"


@dataclass(frozen=True)
class Roster:
    """What `evaluate` reads of params.yaml."""

    runs: tuple[Run, ...]
    """Classical before deep, in the order of the file."""
    corrupt: Mapping[str, CorruptOptions]
    """Runs that are tested on corrupted images, by name."""
    not_run: Mapping[str, str]
    """What this study leaves out, and why."""
    seed: int
    """The study's."""
    ablations: Mapping[str, AblationOptions] = field(default_factory=dict)
    """Experiments in which one factor of a run varies, by name."""
    sample_size: SampleSizeOptions = field(default_factory=SampleSizeOptions)
    """Runs that are trained on parts of the training images."""
    aims: Aims = field(default_factory=Aims)
    """Which differences matter, and which of two classes is to be found."""


class _Entry(BaseModel):
    """What the entries of all runs have in common."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    seeds: tuple[Annotated[int, Field(ge=0, lt=2**32, strict=True)], ...] | None = None
    """The seeds of this run, instead of the study's."""


class _Whole(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    not_run: dict[str, str]
    """What this study leaves out, and why, {} for nothing."""


def load_roster() -> Roster:
    """Read the roster from params.yaml.

    Raises:
        StudyError: if something that is read is wrong.
    """
    document, seed = read_params()
    runs = tuple(
        Run(name, kind, _parse(_Entry, entry, f"{kind}.{name}").seeds or (seed,))
        for kind in KINDS
        for name, entry in document[kind].items()
    )
    names = [run.name for run in runs]
    for name in document["corrupt"]:
        if name not in names:
            raise StudyError(
                f"{PARAMS}: corrupt.{name}: no such run{did_you_mean(name, names) or ';'} "
                f"runs: {listing(names, 40)}"
            )
    return Roster(
        runs=runs,
        corrupt={
            name: _parse(CorruptOptions, entry, f"corrupt.{name}")
            for name, entry in document["corrupt"].items()
        },
        not_run=_parse(_Whole, document, "").not_run,
        seed=seed,
        ablations={
            name: parse_options(name, entry) for name, entry in document["ablations"].items()
        },
        sample_size=parse_sample_size(document.get(SECTION), f"{PARAMS}: {SECTION}"),
        aims=_aims(document.get("dataset")),
    )


def _aims(dataset: Any) -> Aims:
    """Take what is wanted of the runs from among the dataset's options, which are many more."""
    section = dataset if isinstance(dataset, Mapping) else {}
    named = {name: section[name] for name in Aims.model_fields if name in section}
    return _parse(Aims, named, "dataset")


def _parse(model: type[_Model], entry: Mapping[str, Any], where: str) -> _Model:
    try:
        return model.model_validate(dict(entry))
    except ValidationError as error:
        raise StudyError(f"{PARAMS}: {explain(error, where, model)}") from None
