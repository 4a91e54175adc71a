"""What all classical runs share: their feature sets, seeds and scaling."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from pipeline.checks import listing
from pipeline.class_balance import balanced_weights
from pipeline.class_scores import of_decisions
from pipeline.classical.projection import PrincipalComponents
from pipeline.classical.run.scaling import UnitScaler
from pipeline.classical.tuning.ranges import FIXED_OPTIONS, Tune
from pipeline.config.registry import MethodSpec
from pipeline.tta import Tta
from pipeline.tuning.ranges import check_ranges, parse_tune

Scaling = Literal["standard", "unit", "none"]
# These bounds leave out nothing useful and stay well within float32. Beyond them, libraries raise
# obscure errors, or compute with 0 and infinity.
Weight = Annotated[float, Field(ge=1e-10, le=1e10)]
"""Weight of a loss relative to a penalty, or of a penalty."""
KernelWidth = Annotated[float, Field(ge=1e-15, le=1e6)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
SetWeight = Annotated[float, Field(ge=1e-6, le=1e6)]
Tolerance = Annotated[float, Field(ge=1e-10, le=0.999)]


class ClassicalSpec(MethodSpec):
    """A classifier of one or more joined feature sets."""

    deterministic: ClassVar[bool] = False
    """Whether all seeds give the same classifier."""

    method: str
    """The classifier: the name of a file in pipeline/classical/."""
    features: Annotated[tuple[str, ...], Field(min_length=1, max_length=100)]
    """Names of feature sets under `features`; several are joined in this order."""
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1, max_length=100)] | None = None
    """Seeds to train with; by default the study's seed. At most one if the classifier is
    deterministic, because identical repetitions would pass for stability."""
    scaling: Scaling = "standard"
    """`standard` scales each feature to mean 0 and variance 1 over the training images. `unit`
    scales each feature set to mean 0 and a root mean square length of 1, so that joined sets count
    equally whatever their dimension, and features within a set keep their proportions. `none` does
    not scale."""
    weights: Annotated[tuple[SetWeight, ...], Field(max_length=100)] | None = None
    """With scaling `unit`, a factor for each feature set; by default 1."""
    pca: Annotated[int, Field(ge=1, le=20_000)] | None = None
    """The most principal components of the scaled, joined features that the classifier gets; null
    for the features themselves. The cost of a kernel is proportional to their number."""
    balance: bool = False
    """Whether all classes weigh the same in the classifier's loss, however many training images
    they have: an image of a class with few images counts more."""
    mirrored: bool = False
    """Whether to train on left-right mirror images of the training images too."""
    tta: Tta = "none"
    """Test-time augmentation, for runs with `mirrored`: none; mirror, the mean of an image and its
    mirror image; mirror_shift, six views as in airbench94. Its results have columns of their own
    and affect no choice and no comparison."""
    tune: Tune | None = None
    """Ranges to search for options, on training and validation images, before the run is fitted
    with the best; null for no search."""

    @field_validator("features", "seeds")
    @classmethod
    def _distinct(cls, values: tuple | None) -> tuple | None:
        if values is not None and len(set(values)) < len(values):
            raise ValueError(f"expected each name once, found {listing(values)}")
        return values

    @model_validator(mode="after")
    def _seeds_differ(self) -> Self:
        if self.deterministic and len(self.seeds or ()) > 1:
            raise ValueError(
                f"expected at most one seed, because {self.method} gives the same result for all; "
                f"found seeds {listing(self.seeds or ())}"
            )
        return self

    @model_validator(mode="after")
    def _weights_fit(self) -> Self:
        if self.weights is not None and self.scaling != "unit":
            raise ValueError(f"expected weights only with scaling: unit, found {self.scaling}")
        if self.weights is not None and len(self.weights) != len(self.features):
            raise ValueError(
                f"expected one weight per feature set ({len(self.features)}), "
                f"found {len(self.weights)}"
            )
        return self

    @model_validator(mode="after")
    def _mirrors_known(self) -> Self:
        if self.tta != "none" and not self.mirrored:
            raise ValueError(
                f"found tta: {self.tta} without mirrored: true; expected a run that has learned "
                "from mirror images, because all kinds of tta show them to it"
            )
        return self

    @model_validator(mode="after")
    def _classes_can_be_weighted(self) -> Self:
        if self.balance and "class_weights" not in signature(self.classifier(0).fit).parameters:
            raise ValueError(
                f"found balance: true, but {self.method} cannot weight classes; drop it, or choose "
                "another method"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _parse_tune(cls, entry: Any) -> Any:
        if not isinstance(entry, Mapping) or entry.get("tune") is None:
            return entry
        return {**entry, "tune": parse_tune(entry["tune"], Tune)}

    @model_validator(mode="after")
    def _ranges_fit(self) -> Self:
        if self.tune is not None:
            scaling = self.tune.ranges.get("scaling")
            unit = {"scaling": "unit"} if scaling and scaling.contains("unit") else {}
            check_ranges(
                self.tune,
                type(self).model_fields,
                FIXED_OPTIONS,
                # Weights need scaling `unit`. If both are searched, they are checked together.
                lambda new: self.with_options({**(unit if _weighs(new) else {}), **new}),
            )
        return self

    def option(self, name: str) -> Any:
        """Return the value of an option, or of a list element such as `weights.1`."""
        option, _, index = name.partition(".")
        value = self._as_given(option)
        return value[int(index)] if index else value

    def _as_given(self, option: str) -> Any:
        value = getattr(self, option)
        return (1.0,) * len(self.features) if option == "weights" and value is None else value

    def with_options(self, chosen: Mapping[str, Any]) -> Self:
        """Return these options with some replaced, and without a search.

        Args:
            chosen: option -> value; `weights.1` is the second element of the list `weights`.
                A scaling other than `unit` drops the weights, which apply only to `unit`.

        Raises:
            ValidationError: if a value is invalid for its option.
            ValueError: if a list has no such element.
        """
        values = {name: getattr(self, name) for name in type(self).model_fields}
        values["tune"] = None
        for name, value in chosen.items():
            option, _, index = name.partition(".")
            if index and values[option] is None:
                values[option] = self._as_given(option)
            values[option] = _with_element(values[option], index, value) if index else value
        if chosen.get("scaling", "unit") != "unit":
            values["weights"] = None
        return type(self).model_validate(values)

    @abstractmethod
    def classifier(self, seed: int) -> BaseEstimator:
        """Return the unfitted classifier, which takes float32 and returns decision scores.

        If its ``fit`` takes ``class_weights``, (classes,), runs may have ``balance: true``.
        """

    def classifier_bytes(self, n: int, d: int, n_classes: int) -> int:
        """Return the approximate bytes that fitting takes in addition to its (n, d) features.

        Args:
            n: training images, without their mirror images.
            d: features per image that the classifier gets.
            n_classes: number of classes.
        """
        halves = 2 if self.mirrored else 1
        return 8 * halves * n * d  # a copy for the support vectors, and one in the solver

    @abstractmethod
    def engine(self) -> str:
        """Return the library that fits the classifier, with its version, for the run's card."""

    def build(self, seed: int, widths: Sequence[int]) -> Pipeline:
        """Return scaling and classifier as one estimator, so that a fitted run includes both.

        Args:
            seed: the classifier's seed.
            widths: the dimension of each joined feature set, in order.
        """
        steps = [("scale", self._scaler(widths))]
        if self.pca is not None:
            steps.append(("project", PrincipalComponents(self.pca, self.mirrored)))
        return Pipeline([*steps, ("classify", self.classifier(seed))])

    def fit_classifier(self, model: Pipeline, features: NDArray, labels: NDArray) -> None:
        """Fit the last step of a pipeline.

        Args:
            model: from `build`; its other steps are fitted.
            features: (n, d) float32, scaled and projected.
            labels: (n,) of the training images, and again of their mirror images if `mirrored`.
        """
        if self.balance:
            model["classify"].fit(features, labels, class_weights=balanced_weights(labels))
        else:
            model["classify"].fit(features, labels)

    def _scaler(self, widths: Sequence[int]) -> TransformerMixin:
        if self.scaling == "standard":
            return StandardScaler()
        if self.scaling == "unit":
            return UnitScaler(tuple(widths), self.weights or (1.0,) * len(widths))
        return FunctionTransformer()


def _weighs(options: Mapping[str, Any]) -> bool:
    return any(name.split(".")[0] == "weights" for name in options)


def _with_element(current: Any, index: str, value: Any) -> tuple:
    if not isinstance(current, tuple):
        raise ValueError(f"found {current!r}; expected an option that takes a list")
    if not index.isdecimal() or int(index) >= len(current):
        raise ValueError(f"expected an element from 0 to {len(current) - 1}, found {index!r}")
    place = int(index)
    return (*current[:place], value, *current[place + 1 :])


class DecisionClassifier(ClassifierMixin, BaseEstimator):
    """A classifier that predicts the class with the largest decision score."""

    classes_: NDArray

    def training_scores(self) -> NDArray[np.float64] | None:
        """Return the scores of the images of the last `fit`; None if it does not compute them.

        Mirror images, the second half of its rows, have none.
        """
        return None

    @property
    def multiply_adds(self) -> int | None:
        """Products from one vector to its scores; None if they have not been counted."""
        return None

    @abstractmethod
    def decision_function(self, features: NDArray) -> NDArray[np.float64]:
        """Return signed scores: (n, classes), or (n,) for the second of two classes."""

    def predict(self, features: NDArray) -> NDArray:
        """Return the (n,) most likely classes."""
        return self.classes_[of_decisions(self.decision_function(features)).argmax(axis=1)]


def stored_numbers(fitted: Pipeline) -> int:
    """Count the numbers that a fitted run keeps for prediction, in all of its steps."""
    scaler = fitted["scale"]
    # StandardScaler: a mean and a deviation per feature. UnitScaler: a mean per feature and a
    # factor per set.
    scaling = len(scaler.mean_) + len(scaler.scale_) if hasattr(scaler, "mean_") else 0
    if "project" in fitted.named_steps:
        scaling += fitted["project"].components_.size + fitted["project"].mean_.size
    return scaling + int(fitted["classify"].n_parameters)
