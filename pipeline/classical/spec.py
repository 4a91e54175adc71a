"""What all classical runs share: the feature sets they join, their seeds, their scaling."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, field_validator
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from pipeline.registry import MethodSpec

Scaling = Literal["standard", "none"]


class ClassicalSpec(MethodSpec):
    """A classifier over one or more joined feature sets."""

    method: str
    """The classifier: the name of a file in pipeline/classical/."""
    features: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names of feature sets under `features`; several are joined in this order."""
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] | None = None
    """Seeds to train with; the study's own where none are given."""
    scaling: Scaling = "standard"
    """`standard`: each feature to mean 0 and variance 1 over the training images; or `none`."""

    @field_validator("features", "seeds")
    @classmethod
    def _distinct(cls, values: tuple | None) -> tuple | None:
        if values is not None and len(set(values)) < len(values):
            raise ValueError(f"expected each name once, found {', '.join(map(str, values))}")
        return values

    @abstractmethod
    def classifier(self, seed: int) -> BaseEstimator:
        """Return the classifier, not yet fitted; it expects float32 and gives decision scores."""

    @abstractmethod
    def engine(self) -> str:
        """Return the library that fits the classifier, with its version, for the run's card."""

    def build(self, seed: int) -> Pipeline:
        """Return scaling and classifier as one estimator, so that a fitted run carries both."""
        return Pipeline([("scale", _scaler(self.scaling)), ("classify", self.classifier(seed))])


def _scaler(scaling: Scaling) -> TransformerMixin:
    return StandardScaler() if scaling == "standard" else FunctionTransformer()


def stored_numbers(fitted: Pipeline) -> int:
    """Count the numbers that a fitted run keeps to predict with: scaler and classifier."""
    scaler = fitted["scale"]
    scaling = 2 * len(scaler.mean_) if hasattr(scaler, "mean_") else 0
    return scaling + int(fitted["classify"].n_parameters)


def two_columns(decision: np.ndarray) -> np.ndarray:
    """Turn (n,) signed distances of a two-class machine into (n, 2) scores; pass others on."""
    return np.stack([-decision, decision], axis=1) if decision.ndim == 1 else decision
