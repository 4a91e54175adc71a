"""Forms of learning curves: known ones are found, and ill-behaved ones are named."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.statistics.growth import FORMS, fit_forms, ill_behaved

SIZES = (100, 300, 1000, 3000, 10_000, 45_000)
N = np.array(SIZES)
KNOWN = {
    "power law": lambda n: 0.25 * (n / 45_000) ** -0.2,
    "power law with asymptote": lambda n: 0.2 + 0.1 * (n / 45_000) ** -0.3,
    "exponential": lambda n: 0.3 + 0.4 * np.exp(-3 * n / 45_000),
    "logarithm": lambda n: 0.2 + 0.08 * np.log(8 * 45_000 / n),
}


def noise(errors: np.ndarray, count: int = 200) -> np.ndarray:
    return errors + 0.003 * np.random.default_rng(0).standard_normal((count, len(errors)))


def test_all_forms_are_tested():
    assert list(KNOWN) == [form.name for form in FORMS]


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_form_is_found(name):
    errors = KNOWN[name](N)
    best, *others = fit_forms(SIZES, errors, noise(errors))
    found = {each.form: each for each in (best, *others)}[name]
    assert abs(best.missed) <= abs(found.missed) + 1e-12
    assert abs(found.missed) < 0.02
    step = 1.0001
    slope = (KNOWN[name](N[-1] * step) - KNOWN[name](N[-1])) / np.log2(step)
    assert found.fitted[0] == pytest.approx(errors[-1], abs=0.002)
    assert found.doubled[0] == pytest.approx(KNOWN[name](2.0 * N[-1]), abs=0.004)
    assert found.slope[0] == pytest.approx(slope, abs=0.004)
    gains = np.quantile(found.gain[1:], [0.025, 0.975])
    assert gains[0] <= found.gain[0] <= gains[1]


@pytest.mark.parametrize("degrees", [1, 2, 4], ids="{} degrees".format)
def test_tails_of_few_draws_do_not_make_a_form_fit(degrees):
    """Of Student's t with one or two degrees of freedom the standard deviation is infinite."""
    errors = KNOWN["power law"](N)
    errors[-1] += 0.012  # four standard errors
    replicates = errors + 0.003 * np.random.default_rng(0).standard_t(degrees, (4000, 6))
    found = {each.form: each for each in fit_forms(SIZES, errors, replicates)}
    assert found["power law"].missed == pytest.approx(0.012, abs=0.002)
    assert not found["power law"].fits


@pytest.mark.parametrize("errors", [[0.5] * 6, [0.2, 0.3, 0.4, 0.5, 0.6, 0.7], [0.0] * 6])
def test_no_form_rises_or_falls_below_zero(errors):
    curve = np.array(errors)
    for each in fit_forms(SIZES, curve, noise(curve, 20)):
        assert (each.slope <= 1e-12).all()
        assert (each.doubled >= 0).all()


def test_a_well_behaved_curve():
    for form in KNOWN.values():
        assert ill_behaved(SIZES, noise(form(N))) == ""


def test_a_curve_that_rises():
    errors = KNOWN["power law"](N)
    errors[3] = errors[2] + 0.02
    assert ill_behaved(SIZES, noise(errors)) == "rises from 1,000 to 3,000 images"


def test_a_curve_that_is_uneven_as_noise_may_make_it():
    errors = KNOWN["power law"](N) + np.array([0, 0.003, 0, 0.004, -0.003, 0])
    assert ill_behaved(SIZES, noise(errors)) == ""


def test_a_curve_that_starts_late():
    """A network that is at chance until it has enough images."""
    errors = np.array([0.9, 0.9, 0.9, 0.9, 0.5, 0.4])
    assert "falls faster after 3,000 images" in ill_behaved(SIZES, noise(errors))


def test_chance_findings_are_rare():
    """At most 5% of well-behaved curves, over all places, are called ill-behaved."""
    flat = np.full(6, 0.5)  # the hardest: each step may rise by chance, and each bend as well
    found = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        curve = flat + 0.01 * rng.standard_normal(6)
        replicates = curve + 0.01 * rng.standard_normal((600, 6))
        found += bool(ill_behaved(SIZES, replicates))
    assert found <= 0.09 * 200
