"""The values of an ablation as complete options: those of the run, with what the value changes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.checks import StudyError, did_you_mean, listing, shown
from pipeline.config import registry
from pipeline.config.ablations import DATA_OPTIONS, OF_EPOCHS, RUN, AblationOptions, parse_options
from pipeline.config.base_runs import kind_of_run
from pipeline.config.entries import check_name

OF_FEATURES = "features."
"""Begins the options of feature sets: ``features.hog.cell``."""


@dataclass(frozen=True)
class Variant:
    """One value of an ablation."""

    label: str
    base: str
    """The run that its options come from."""
    kind: str
    """``classical`` or ``deep``."""
    candidates: tuple[tuple[Mapping[str, Any], registry.MethodSpec], ...]
    """What `tune` combines -> all options with it; a single one, of {}, without `tune`."""
    features: Mapping[str, registry.MethodSpec] = field(default_factory=dict)
    """Feature sets with other options than in the study, by name; they are extracted anew."""
    limit: int | None = None
    classes: int | tuple[str, ...] | None = None
    steps: int | None = None

    @property
    def spec(self) -> registry.MethodSpec:
        """Its options, with the first of each list of `tune`."""
        return self.candidates[0][1]


@dataclass(frozen=True)
class Ablation:
    """An entry of the section `ablations` with all that it needs of the rest of params.yaml."""

    options: AblationOptions
    variants: tuple[Variant, ...]
    """In the order of params.yaml."""
    reference: str
    """The value that the others are tested against: `against`; or else the first that leaves the
    run as it is in the study, apart from what the ablation sets for all; or else the first."""


def parse_ablations(
    document: Mapping[str, Any], most: int
) -> tuple[dict[str, Ablation], list[str]]:
    """Parse the section `ablations`, which params.yaml of earlier versions lack.

    Args:
        document: all of params.yaml.
        most: problems to look for.

    Returns:
        Name -> ablation, and problems, one per line.
    """
    section = document.get("ablations", {})
    if not isinstance(section, Mapping):
        expected = "expected a mapping of names to ablations, or {}"
        return {}, [f"ablations: found {shown(section)}; {expected}"]
    found: dict[str, Ablation] = {}
    problems: list[str] = []
    for name, entry in section.items():
        if len(problems) >= most:
            break
        try:
            check_name("ablations", name)
            found[name] = ablation(name, entry, document)
        except StudyError as error:
            problems += str(error).splitlines()
    return found, problems


def ablation(name: str, entry: Any, document: Mapping[str, Any]) -> Ablation:
    """Parse one ablation; the methods of its runs and feature sets are imported.

    Raises:
        StudyError: listing every problem, with its place, one per line.
    """
    options = parse_options(name, entry)
    made, problems = [], []
    for label, changes in options.values.items():
        try:
            made.append(_variant(f"ablations.{name}", label, changes, options, document))
        except StudyError as error:
            problems += str(error).splitlines()
    if not problems:
        problems = [*_pointless(f"ablations.{name}", options, made)]
        problems += _machine_options(f"ablations.{name}", made)
    if problems:
        raise StudyError("\n".join(dict.fromkeys(problems)))
    return Ablation(options, tuple(made), _reference(options, made, document))


def _pointless(where: str, options: AblationOptions, made: Sequence[Variant]) -> Iterator[str]:
    """Find trainings that would all give the same, and claims about what a run does not have."""
    for each in made:
        fixed = getattr(each.spec, "deterministic", False) and each.limit is None
        if each.kind == "classical" and fixed and options.repeats > 1:
            yield (
                f"{where}.repeats: found {options.repeats}, but {each.label} gives the same result "
                "each time on all training images; expected repeats: 1, or a limit, which "
                "draws other images each time"
            )
    classical = [each.label for each in made if each.kind == "classical"]
    for number, claim in enumerate(options.claims):
        if claim.measure in OF_EPOCHS and (names := [n for n in claim.pair if n in classical]):
            yield (
                f"{where}.claims.{number}: {names[0]} is a classical run and has no "
                f"{claim.measure}; expected accuracy, seconds, train_accuracy or generalization_gap"
            )


def _machine_options(where: str, made: Sequence[Variant]) -> Iterator[str]:
    """Find options that a process sets once for all of its trainings, if values differ in them."""
    for option, read in (("deterministic", "deterministic"), ("threads", "fixed_threads")):
        found = {
            each.label: getattr(spec, read)
            for each in made
            if each.kind == "deep"
            for _, spec in each.candidates
        }
        if len(set(found.values())) > 1:
            each_has = (
                f"{label}: {'auto' if value is None else str(value).lower()}"
                for label, value in found.items()
            )
            yield (
                f"{where}: found values that differ in {option} ({listing(each_has)}); expected "
                "the same for all, because their trainings share a process, which sets it once. "
                f"Give it to all: set: {{{option}: ...}}"
            )
            return


def _reference(
    options: AblationOptions, made: Sequence[Variant], document: Mapping[str, Any]
) -> str:
    if options.against is not None:
        return options.against
    for variant in made:
        if _leaves(variant, options.values[variant.label], document):
            return variant.label
    return made[0].label


def _leaves(variant: Variant, changes: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    """Return whether a value is what the run in the study has anyway."""
    entry, _ = _run(variant.base, document, "")
    of_run = registry.parse(variant.kind, entry, variant.base)
    own = {key: value for key, value in changes.items() if not key.startswith(OF_FEATURES)}
    sets = {name: registry.parse("features", document["features"][name], name)
            for name in variant.features}  # fmt: skip
    return sets == dict(variant.features) and all(
        getattr(of_run, key, _ABSENT) == _read(of_run, key, value) for key, value in own.items()
    )


_ABSENT = object()


def _read(spec: registry.MethodSpec, option: str, value: Any) -> Any:
    """Return a value as the options hold it: lists of params.yaml become tuples."""
    return tuple(value) if isinstance(getattr(spec, option, None), tuple) else value


def _variant(
    where: str,
    label: str,
    changes: Mapping[str, Any],
    options: AblationOptions,
    document: Mapping[str, Any],
) -> Variant:
    place = f"{where}.values.{label}"
    base = changes.get(RUN, options.base)
    entry, kind = _run(base, document, f"{place}.{RUN}" if RUN in changes else f"{where}.base")
    settings = {**options.set, **changes}
    of_sets = {key: value for key, value in settings.items() if key.startswith(OF_FEATURES)}
    apart = (*of_sets, *DATA_OPTIONS, RUN)
    own = {key: value for key, value in settings.items() if key not in apart}
    data = _data_options(settings, options, place)
    _check_options(where, kind, entry, own, options)
    kept = {key: value for key, value in entry.items() if key not in options.without}
    candidates = tuple(
        (chosen, registry.parse(kind, {**kept, **own, **chosen}, place))
        for chosen in _combinations(options.tune)
    )
    for chosen, spec in candidates:
        _check_search(spec, {**own, **chosen}, base, place)
        if "features" in {**own, **chosen}:
            _check_sets(spec, document, place)
    features = _feature_sets(candidates[0][1], of_sets, document, place)
    return Variant(label, base, kind, candidates, features, **data)


def _check_search(
    spec: registry.MethodSpec, given: Mapping[str, Any], run: str, place: str
) -> None:
    """Raise `StudyError` if the run's own search would replace what an ablation gives."""
    search = getattr(spec, "tune", None)
    ranges = search.ranges if search is not None else ()
    searched = [name for name in ranges if name.split(".", 1)[0] in given]
    if searched:
        raise StudyError(
            f"{place}: {run} searches {listing(searched)} itself (its tune), and every training "
            "would have what that finds; expected without: [tune], or options that it does not "
            "search"
        )


def _check_sets(spec: registry.MethodSpec, document: Mapping[str, Any], place: str) -> None:
    """Raise `StudyError` for a feature set that the study does not have."""
    section = document.get("features")
    known = [str(name) for name in section] if isinstance(section, Mapping) else []
    problems = [
        f"{place}.features: unknown feature set {shown(name)}{did_you_mean(name, known) or ';'} "
        f"defined: {listing(known, 40)}"
        for name in getattr(spec, "features", ())
        if name not in known
    ]
    if problems:
        raise StudyError("\n".join(problems))


def _run(base: Any, document: Mapping[str, Any], where: str) -> tuple[Mapping[str, Any], str]:
    """Return the entry of a run and its section."""
    kind = kind_of_run(document, base, where)
    entry = document[kind][base]
    if not isinstance(entry, Mapping):
        raise StudyError(f"{where}: the run {base} has no options; see {kind}.{base}")
    return entry, kind


def _data_options(
    settings: Mapping[str, Any], options: AblationOptions, place: str
) -> dict[str, Any]:
    """Return limit, classes and steps: those of the value, checked, or of the ablation."""
    own = {key: settings[key] for key in ("limit", "classes", "steps") if key in settings}
    if own:
        fields = {"base": options.base, "values": {"1": {}, "2": {}}} | own
        try:
            AblationOptions.model_validate(fields)
        except ValueError as error:
            raise StudyError(registry.explain(error, place, AblationOptions)) from None  # type: ignore[arg-type]
    read = {key: tuple(each) if isinstance(each, list) else each for key, each in own.items()}
    return {key: getattr(options, key) for key in ("limit", "classes", "steps")} | read


def _check_options(
    where: str,
    kind: str,
    entry: Mapping[str, Any],
    changes: Mapping[str, Any],
    options: AblationOptions,
) -> None:
    """Raise `StudyError` for an option that the run's method does not have."""
    spec = registry.load_spec(kind, str(changes.get("method", entry.get("method"))))
    named = [("vary", options.vary)] if options.vary else []
    named += [("set", key) for key in options.set]
    named += [("without", key) for key in options.without]
    named += [("tune", key) for key in options.tune]
    problems = []
    for part, key in named:
        data = part in ("vary", "set") and (key in DATA_OPTIONS or key.startswith(OF_FEATURES))
        data = data or (part, key) == ("vary", RUN)
        if not data and key not in spec.model_fields:
            hint = did_you_mean(key, spec.model_fields) or ";"
            known = listing(spec.model_fields, 60)
            problems.append(f"{where}.{part}: unknown option {key!r}{hint} known: {known}")
    if "base" in changes and "base" not in spec.model_fields:
        problems.append(f"{where}: found base in a value; expected {RUN}, which names another run")
    if problems:
        raise StudyError("\n".join(problems))


def _combinations(tune: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    for values in itertools.product(*tune.values()):
        yield dict(zip(tune, values, strict=True))


def _feature_sets(
    spec: registry.MethodSpec,
    changes: Mapping[str, Any],
    document: Mapping[str, Any],
    place: str,
) -> dict[str, registry.MethodSpec]:
    """Return the feature sets whose options a value changes."""
    joined = getattr(spec, "features", ())
    section = document.get("features")
    entries: dict[str, dict[str, Any]] = {}
    for key, value in changes.items():
        name, _, option = key.removeprefix(OF_FEATURES).partition(".")
        if name not in joined or not option:
            expected = "features.<set>.<option>, with a feature set that the run joins"
            raise StudyError(f"{place}.{key}: expected {expected}: {listing(joined)}")
        known = section.get(name) if isinstance(section, Mapping) else None
        if not isinstance(known, Mapping):
            raise StudyError(f"{place}.{key}: features.{name} is no feature set with options")
        entries.setdefault(name, dict(known))[option] = value
    return {
        name: registry.parse("features", entry, f"{place}.features.{name}")
        for name, entry in entries.items()
    }
