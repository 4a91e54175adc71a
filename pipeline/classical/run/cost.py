"""The cost of a fitted run's prediction, counted from its learned arrays."""

from __future__ import annotations

from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from pipeline.classical.run.scaling import UnitScaler


def multiply_adds(fitted: Pipeline) -> int | None:
    """Count the multiplications from one feature vector to its scores.

    The count follows the definition of each step, whatever shortcuts its code takes: scaling has
    one product per feature, a projection one per number in its components, a kernel d squared
    differences per vector. Sums, exponentials and the votes of class pairs are left out, and so
    are probabilities, which a prediction does not need. Extractors are counted in the same way
    (`Extractor.multiply_adds`); networks count the products of their kernels and inputs.

    Args:
        fitted: steps ``scale``, optionally ``project``, and ``classify``, as from
            `ClassicalSpec.build`.

    Returns:
        The count, or None if the classifier has none.
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
