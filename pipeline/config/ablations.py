"""Options of ablations: experiments in which one factor of a run varies, and claims about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from pipeline.checks import StudyError, did_you_mean, listing, shown
from pipeline.config.registry import explain

Measure = Literal[
    "accuracy",
    "train_accuracy",
    "generalization_gap",
    "validation_loss",
    "epochs_to_target",
    "seconds",
]
HIGHER_IS_BETTER = ("accuracy", "train_accuracy")
OF_EPOCHS = ("validation_loss", "epochs_to_target")
"""Measures that only networks have."""
RUN = "run"
"""Key of a value: another run than `base`."""
DATA_OPTIONS = ("limit", "classes", "steps")
"""Keys of a value that are no options of its run; each replaces the ablation's own."""
UNTRAINED = ("claims", "target")
"""What no training depends on."""
_CONFIG = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
_LONGEST_LABEL = 40
_Model = TypeVar("_Model", bound=BaseModel)


class Claim(BaseModel):
    """A sentence about two values that the trainings can confirm or refute.

    Either `better` and `than`, or `same` and `within`.
    """

    model_config = _CONFIG

    claim: Annotated[str, Field(min_length=1, max_length=300)]
    """The sentence."""
    better: str | None = None
    """The value that the sentence says is better."""
    than: str | None = None
    """The value that it is compared with."""
    same: Annotated[tuple[str, ...], Field(min_length=2, max_length=2)] | None = None
    """Two values that the sentence says are about equal, up to `within`."""
    measure: Measure = Field(default="accuracy", alias="in")
    """What is compared: accuracy, on test images; train_accuracy; generalization_gap, train less
    test accuracy; validation_loss; epochs_to_target, to the ablation's `target`; or seconds, of
    training. Higher is better for the first two, and lower for the others."""
    by: float = Field(default=0.0, ge=0, le=1e6)
    """With `better`: by at least how much. A share for accuracies, the gap and seconds (0.05 is 5
    percentage points, or 5% less time); otherwise the unit of the measure."""
    within: float | None = Field(default=None, gt=0, le=1e6)
    """With `same`: the largest difference that does not matter, in the same units."""

    @field_validator("better", "than", mode="before")
    @classmethod
    def _label(cls, value: Any) -> Any:
        return None if value is None else label_of(value)

    @field_validator("same", mode="before")
    @classmethod
    def _labels(cls, values: Any) -> Any:
        return [label_of(each) for each in values] if isinstance(values, list) else values

    @model_validator(mode="after")
    def _complete(self) -> Self:
        pair = self.better is not None and self.than is not None
        if pair == (self.same is not None) or (self.better is None) != (self.than is None):
            raise ValueError("expected either better and than, or same: two values, and within")
        if (self.same is None) != (self.within is None) or (self.same and self.by):
            raise ValueError("expected within with same, and by with better")
        if self.pair[0] == self.pair[1]:
            raise ValueError(f"found {self.pair[0]} twice; expected two different values")
        if self.measure == "seconds" and max(self.by, self.within or 0) >= 1:
            raise ValueError("found by or within of 1 or more; expected a share of the seconds")
        return self

    @property
    def pair(self) -> tuple[str, str]:
        """The two values that are compared, the one that is said to be better first."""
        if self.same is not None:
            return self.same[0], self.same[1]
        return str(self.better), str(self.than)


class AblationOptions(BaseModel):
    """An entry of the section `ablations`: a run, what varies, and how often it is trained."""

    model_config = _CONFIG

    base: str
    """The run whose options are changed."""
    vary: str | None = None
    """The option that varies, or one of a feature set, as `features.hog.cell`; or `run`, `limit` or
    `classes`. Null if `values` names several options."""
    values: dict[str, dict[str, Any]]
    """What is compared: a list of values of `vary`; or, with a label for each, a mapping to values
    of `vary` or to several options: `plain: {residual: false}`. Besides options of the run, a value
    may have `run`, another run, `limit`, `classes` and `steps`."""
    against: str | None = None
    """The value that all others are tested against; null for the run's own value if it is one of
    them, or else the first."""
    set: dict[str, Any] = {}
    """Options of all values that differ from those of the run, such as fewer epochs."""
    without: tuple[str, ...] = ()
    """Options of the run that are left out, so that their defaults apply."""
    tune: Annotated[dict[str, Annotated[list[Any], Field(min_length=2, max_length=100)]],
                    Field(max_length=3)] = {}  # fmt: skip
    """Options that are chosen anew for each value, by validation accuracy: `learning_rate: [0.1,
    0.01]`. The first repeat trains each combination, the others only the chosen one."""
    repeats: int = Field(default=3, ge=1, le=100)
    """Trainings of each value. Each has its own seed, and with `limit` its own images; they are the
    same for all values."""
    limit: Annotated[int, Field(ge=1, le=10**9)] | None = None
    """Training images, a stratified part; null for all."""
    classes: Annotated[int, Field(ge=2, le=10**6)] | tuple[str, ...] | None = None
    """The first so many classes, or their names; null for all. Images of others are left out."""
    steps: Annotated[int, Field(ge=1, le=10**8)] | None = None
    """For networks: the fewest optimizer steps; an epoch repeats its images as needed."""
    target: Annotated[float, Field(gt=0, lt=1)] | None = None
    """A validation accuracy: the report says after how many epochs each value reaches it."""
    claims: Annotated[tuple[Claim, ...], Field(max_length=100)] = ()
    """Sentences to confirm or refute."""

    @model_validator(mode="before")
    @classmethod
    def _parse_values(cls, entry: Any) -> Any:
        if not isinstance(entry, Mapping) or "values" not in entry:
            return entry
        return {**entry, "values": _parsed(entry["values"], entry.get("vary"))}

    @field_validator("against", mode="before")
    @classmethod
    def _label(cls, value: Any) -> Any:
        return None if value is None else label_of(value)

    @model_validator(mode="after")
    def _labels_known(self) -> Self:
        named = [("against", self.against)] if self.against is not None else []
        for number, claim in enumerate(self.claims):
            named += [(f"claims.{number}", each) for each in claim.pair]
            if claim.measure == "epochs_to_target" and self.target is None:
                raise ValueError(
                    f"found claims.{number} in epochs_to_target, but no target; expected a "
                    "validation accuracy, such as target: 0.6"
                )
        for where, label in named:
            if label not in self.values:
                hint = did_you_mean(label, self.values) or ";"
                known = listing(self.values, 40)
                raise ValueError(f"{where}: no value {label!r}{hint} values: {known}")
        return self


def parse_options(name: str, entry: Any) -> AblationOptions:
    """Parse an entry of the section `ablations`; no method is imported.

    Raises:
        StudyError: listing each invalid option.
    """
    where = f"ablations.{name}"
    if not isinstance(entry, Mapping):
        raise StudyError(
            f"{where}: found {shown(entry)}; expected options, such as base and values"
        )
    problems: list[str] = []
    claims = entry.get("claims", ())
    if isinstance(claims, list):
        claims = [
            _parse(Claim, each, f"{where}.claims.{number}", problems)
            for number, each in enumerate(claims)
        ]
    known = () if problems else claims
    found = _parse(AblationOptions, {**entry, "claims": known}, where, problems)
    if problems or found is None:
        raise StudyError("\n".join(problems))
    return found


def _parse(model: type[_Model], entry: Any, where: str, problems: list[str]) -> _Model | None:
    if not isinstance(entry, Mapping):
        problems.append(f"{where}: found {shown(entry)}; expected a mapping of options")
        return None
    try:
        return model.model_validate(dict(entry))
    except ValidationError as error:
        problems += explain(error, where, model).splitlines()
        return None


def label_of(value: Any) -> str:
    """Return what a value is called: ``adam``, ``0.01``, ``true``, ``none``, ``[hog, color]``."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return f"[{', '.join(map(label_of, value))}]"
    return str(value)


def _parsed(values: Any, vary: Any) -> dict[str, dict[str, Any]]:
    """Return label -> options; a list has the values as labels."""
    if isinstance(values, list):
        if vary is None:
            raise ValueError("found a list of values; expected vary, the option that they are of")
        values = _labeled(values)
    if not isinstance(values, Mapping) or len(values) < 2:
        raise ValueError(f"values: found {shown(values)}; expected two at least, to compare")
    found: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        label = label_of(key)
        if not label or len(label) > _LONGEST_LABEL:
            expected = f"expected a label of 1 to {_LONGEST_LABEL} letters"
            raise ValueError(f"values: found {shown(key)}; {expected}")
        if label in found:
            raise ValueError(f"values: found {label} twice; expected each once")
        found[label] = _options(label, value, vary)
    return found


def _labeled(values: list[Any]) -> dict[str, Any]:
    labels = [label_of(value) for value in values]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise ValueError(f"values: found {twice[0]} twice; expected each once")
    return dict(zip(labels, values, strict=True))


def _options(label: str, value: Any, vary: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {str(name): each for name, each in value.items()}
    if vary is None:
        raise ValueError(
            f"values.{label}: found {shown(value)}; expected options, such as "
            "{batch_norm: true}, or vary, the option that this is a value of"
        )
    return {str(vary): value}
