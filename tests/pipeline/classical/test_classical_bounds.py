"""Every classifier can be fitted at the bounds of its options, with finite scores."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from pipeline.config.registry import load_spec, method_names
from tests.pipeline.numeric_options import numbers

METHODS = method_names("classical")


def extremes(method: str) -> list[dict[str, object]]:
    """Return options of a config section, with each number at its minimum or maximum."""
    found: list[dict[str, object]] = []
    for number in numbers(load_spec("classical", method)):
        if number.option != "seeds":
            for value in (number.lowest.ge, number.highest.le):
                if number.option == "weights":
                    found.append({"scaling": "unit", "weights": (value, 1.0)})
                else:
                    found.append({number.option: value})
    return found


@pytest.mark.tried(
    "params.yaml",
    "each number of each classifier at its lowest and at its highest",
    "the classifier is fitted, and its scores are finite",
)
@pytest.mark.parametrize("method", METHODS)
def test_every_classifier_takes_its_options_at_their_bounds(method, rng, trials):
    labels = np.arange(45) % 3
    features = (rng.normal(size=(45, 12)) + 0.7 * labels[:, None]).astype(np.float32)
    cases = extremes(method)
    assert len(cases) >= 6
    for options in cases:
        entry = {"method": method, "features": ["a", "b"], **options}
        pipeline = load_spec("classical", method).model_validate(entry).build(0, (5, 7))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a solver may reach its maximum of steps
            scores = pipeline.fit(features, labels).decision_function(features)
        assert np.isfinite(scores).all(), options
    trials(len(cases))
