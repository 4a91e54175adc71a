"""What all classical runs share: the feature sets they join, their seeds, their scaling."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from pipeline.checks import StudyError, listing
from pipeline.registry import MethodSpec

Scaling = Literal["standard", "unit", "none"]


class ClassicalSpec(MethodSpec):
    """A classifier over one or more joined feature sets."""

    deterministic: ClassVar[bool] = False
    """Whether every seed gives the same classifier."""

    method: str
    """The classifier: the name of a file in pipeline/classical/."""
    features: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names of feature sets under `features`; several are joined in this order."""
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] | None = None
    """Seeds to train with; the study's own where none are given. One at most where the classifier
    is deterministic: more would repeat one machine and pass for stability."""
    scaling: Scaling = "standard"
    """`standard`: each feature to mean 0 and variance 1 over the training images. `unit`: each
    feature set to a root mean square length of 1, so that joined sets count alike whatever their
    dimension, and features within one keep their proportions. Or `none`."""
    weights: tuple[Annotated[float, Field(gt=0)], ...] | None = None
    """With scaling `unit`: what each feature set is multiplied by; 1 where none are given."""

    @field_validator("features", "seeds")
    @classmethod
    def _distinct(cls, values: tuple | None) -> tuple | None:
        if values is not None and len(set(values)) < len(values):
            raise ValueError(f"expected each name once, found {', '.join(map(str, values))}")
        return values

    @model_validator(mode="after")
    def _seeds_differ(self) -> Self:
        if self.deterministic and len(self.seeds or ()) > 1:
            raise ValueError(
                f"expected one seed at most, since {self.method} gives the same with each; "
                f"found seeds {listing(self.seeds or ())}"
            )
        return self

    @model_validator(mode="after")
    def _weights_fit(self) -> Self:
        if self.weights is not None and self.scaling != "unit":
            raise ValueError(f"expected weights with scaling: unit alone, found {self.scaling}")
        if self.weights is not None and len(self.weights) != len(self.features):
            raise ValueError(
                f"expected one weight a feature set ({len(self.features)}), "
                f"found {len(self.weights)}"
            )
        return self

    @abstractmethod
    def classifier(self, seed: int) -> BaseEstimator:
        """Return the classifier, not yet fitted; it expects float32 and gives decision scores."""

    @abstractmethod
    def engine(self) -> str:
        """Return the library that fits the classifier, with its version, for the run's card."""

    def build(self, seed: int, widths: Sequence[int]) -> Pipeline:
        """Return scaling and classifier as one estimator, so that a fitted run carries both.

        Args:
            seed: of the classifier.
            widths: the dimension of each joined feature set, in order.
        """
        return Pipeline([("scale", self._scaler(widths)), ("classify", self.classifier(seed))])

    def _scaler(self, widths: Sequence[int]) -> TransformerMixin:
        if self.scaling == "standard":
            return StandardScaler()
        if self.scaling == "unit":
            return UnitScaler(tuple(widths), self.weights or (1.0,) * len(widths))
        return FunctionTransformer()


class UnitScaler(TransformerMixin, BaseEstimator):
    """Scales each of several joined feature sets to a root mean square length of its weight.

    A radial kernel of the result is the product of one kernel a set, each with a width in units of
    that set's own typical length.

    Args:
        widths: columns of each set, in order.
        weights: what each set is multiplied by.
    """

    def __init__(self, widths: tuple[int, ...], weights: tuple[float, ...]) -> None:
        self.widths = widths
        self.weights = weights

    def fit(self, features: NDArray, labels: NDArray | None = None) -> UnitScaler:
        """Measure the length of each set over the rows of (n, sum of widths) `features`."""
        if features.shape[1] != sum(self.widths):
            raise StudyError(
                f"found {features.shape[1]} features an image; expected {sum(self.widths)}, "
                f"the sum of {listing(self.widths)}"
            )
        bounds = np.cumsum(self.widths)[:-1]
        lengths = [
            np.sqrt(np.square(part, dtype=np.float64).sum(axis=1).mean())
            for part in np.split(features, bounds, axis=1)
        ]
        # A set that is zero everywhere says nothing, and stays zero.
        self.scale_ = np.array(self.weights) / np.where(np.array(lengths) > 0, lengths, 1)
        return self

    def transform(self, features: NDArray) -> NDArray[np.float32]:
        """Return (n, sum of widths) float32, each set multiplied by its factor."""
        factors = np.repeat(self.scale_, self.widths).astype(np.float32)
        return np.asarray(features, dtype=np.float32) * factors


class DecisionClassifier(ClassifierMixin, BaseEstimator):
    """A classifier whose `predict` is the class of its largest decision score."""

    classes_: NDArray

    @abstractmethod
    def decision_function(self, features: NDArray) -> NDArray[np.float64]:
        """Return signed scores: (n, classes), or (n,) for the second of two classes."""

    def predict(self, features: NDArray) -> NDArray:
        """Return the (n,) most likely classes."""
        scores = self.decision_function(features)
        codes = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[codes]


def stored_numbers(fitted: Pipeline) -> int:
    """Count the numbers that a fitted run keeps to predict with: scaler and classifier."""
    scaler = fitted["scale"]
    scaling = 2 * len(scaler.mean_) if hasattr(scaler, "mean_") else 0
    scaling += len(getattr(scaler, "scale_", ())) if isinstance(scaler, UnitScaler) else 0
    return scaling + int(fitted["classify"].n_parameters)


def two_columns(decision: np.ndarray) -> np.ndarray:
    """Turn (n,) signed distances of a two-class machine into (n, 2) scores; pass others on."""
    return np.stack([-decision, decision], axis=1) if decision.ndim == 1 else decision
