"""Each model of a cross-validation learns from its own images alone; pooled scores are theirs."""

from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.classical.linear_svm import Spec
from pipeline.classical.run.cross_validation import Inputs, cross_validate, models, tune_each
from pipeline.classical.run.training import train

SPEC = Spec(method="linear_svm", features=["made_up"], C=0.1)


@pytest.fixture
def inputs(rng):
    labels = np.arange(60) % 3
    features = [(rng.normal(size=(60, 4)) + np.eye(3, 4)[labels]).astype(np.float32)]
    return Inputs(features, labels, rng.permutation(np.arange(60) % 4), 3)


def test_the_scores_are_those_of_models_trained_by_themselves(inputs):
    found = cross_validate(dict.fromkeys(models(inputs), SPEC), inputs, 0)
    for fold in range(4):
        learn = np.flatnonzero((inputs.folds != fold) & (inputs.folds != (fold + 1) % 4))
        rows = {"train": learn}
        rows |= {"validation": np.flatnonzero(inputs.folds == (fold + 1) % 4)}
        rows |= {"test": np.flatnonzero(inputs.folds == fold)}
        features = {split: [inputs.features[0][each]] for split, each in rows.items()}
        labels = {split: inputs.labels[rows[split]] for split in ("train", "validation")}
        alone = train(SPEC, features, labels, 3, 0)
        for split in ("validation", "test"):
            for name in ("scores", "probabilities"):
                ours = getattr(found, name)[split][rows[split]]
                assert np.array_equal(ours, getattr(alone, name)[split])
        there = inputs.folds[learn] == (fold + 2) % 4
        assert np.array_equal(found.scores["train"][learn[there]], alone.scores["train"][there])


def test_the_stored_model_learns_from_all_folds_but_the_first(inputs):
    seen = {}
    specs = dict.fromkeys(models(inputs), SPEC)
    found = cross_validate(specs, inputs, 0, lambda model, each: seen.update({model: each}))
    assert list(seen) == [0, 1, 2, 3, None]
    assert found.model is seen[None].model
    assert found.calibrator is seen[None].calibrator
    assert found.history["x"].max() == 45
    assert found.scores["test"].shape == (60, 3)


def test_changed_test_images_change_no_model(inputs):
    """The images of fold 2 are not among what model 2 learns from, chooses or calibrates by."""

    def trained():
        seen = {}
        specs = dict.fromkeys(models(inputs), SPEC)
        cross_validate(specs, inputs, 0, lambda model, each: seen.update({model: each}))
        return seen

    before = trained()
    inputs.features[0][inputs.folds == 2] += 100
    after = trained()
    for which in ("coef_", "intercept_"):
        same = {
            model: np.array_equal(
                getattr(before[model].model["classify"], which),
                getattr(after[model].model["classify"], which),
            )
            for model in before
        }
        assert same == {0: False, 1: True, 2: True, 3: False, None: False}
    assert np.array_equal(before[2].calibrator.slope_, after[2].calibrator.slope_)


def test_each_model_has_a_search_of_its_own(inputs):
    asked = []

    def tune(spec, features, labels, n_classes, seed, mirrors):
        asked.append((len(labels["train"]), len(labels["validation"])))
        return SimpleNamespace(spec=spec)

    assert list(tune_each(SPEC, inputs, 0, tune)) == [0, 1, 2, 3, None]
    assert asked == [(30, 15)] * 4 + [(45, 15)]
