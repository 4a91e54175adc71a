"""What the answer of a fitted run costs, counted from what the run has learnt."""

from __future__ import annotations

from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from pipeline.classical.run.scaling import UnitScaler


def multiply_adds(fitted: Pipeline) -> int | None:
    """Count the products of two numbers from one feature vector to its scores, in inference.

    By the definition of each step, whatever shortcuts its code takes: scaling one a feature, a
    projection one a number of its components, a kernel d squares of differences a vector that it
    is taken with. Sums, exponentials and the votes of pairs of classes are left out, and so are
    probabilities, which no answer needs. Extractors count alike (`Extractor.multiply_adds`), and
    networks the products of their kernels and inputs.

    Args:
        fitted: steps ``scale``, perhaps ``project``, and ``classify``, as `ClassicalSpec.build`
            makes it.

    Returns:
        The count, or None where the classifier has none.
    """
    products = fitted["classify"].multiply_adds
    if products is None:
        return None
    products += _scaling(fitted["scale"])
    if "project" in fitted.named_steps:
        products += fitted["project"].components_.size
    return int(products)


def _scaling(scaler: StandardScaler | UnitScaler | FunctionTransformer) -> int:
    return 0 if isinstance(scaler, FunctionTransformer) else len(scaler.mean_)
