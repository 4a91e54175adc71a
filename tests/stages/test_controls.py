"""Studies with a known answer, from drawing to predictions: if these are wrong, all of them are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from in_process import learn
from scipy.stats import ttest_1samp

from pipeline.commands.overlays import compose
from pipeline.statistics.proportions import Proportion, accuracy, predicted_classes
from pipeline.storage.runs import load_predictions
from pipeline.storage.splits import load_dataset_card, load_labels

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("study_folder")]


def control(root, name: str) -> dict[str, Any]:
    """Return the committed study without its network."""
    return compose(root, [Path("studies") / f"{name}.yaml"]) | {"deep": {}}


def run_stages(params: dict[str, Any], seed: int = 0) -> dict[str, Proportion]:
    """Run the stages in this process, and return run -> accuracy on the test split."""
    learn(params)
    labels = load_labels("test")
    return {
        name: accuracy(predicted_classes(load_predictions(name, seed, "").scores["test"]), labels)
        for name in (*params["classical"], *params["deep"])
    }


def test_color_histograms_win_if_only_color_differs(root):
    found = run_stages(control(root, "control_color"))
    assert found["color_svm"].value > 0.95
    assert 1 / 6 in found["hog_svm"].interval()
    assert found["raw_svm"].interval().low > found["hog_svm"].interval().high


def test_hog_comes_first_where_shape_is_all(root):
    found = run_stages(control(root, "control_shape"))
    assert found["hog_svm"].value > 0.8
    assert 1 / 4 in found["color_svm"].interval()
    assert found["hog_svm"].interval().low > found["raw_svm"].interval().high


@pytest.fixture
def deterministic_here():
    """What a deterministic training asks of TensorFlow ends with the test: it rules out XLA."""
    yield
    from tensorflow.python.framework.config import disable_op_determinism

    disable_op_determinism()


@pytest.mark.usefixtures("deterministic_here")
def test_shuffled_labels_give_chance_for_every_run(root, monkeypatch):
    """On images that runs tell apart almost without an error where labels are right (above).

    A run that tells classes apart gives whole classes one label, right or wrong: a single shuffle
    then lies further from chance than independent images would. So the spread over shuffles says
    how near their mean has to come.
    """
    from pipeline.deep.training import fitting
    from stages import train_deep

    monkeypatch.setattr(fitting, "preflight", lambda *_: {})
    monkeypatch.setattr(train_deep, "use_threads", lambda _: None)  # TensorFlow runs already
    params = control(root, "control_color")
    params["dataset"] |= {"shuffle_labels": True, "per_class": [40, 10, 100], "size": 16}
    params["classical"]["joined_rbf_svm"] = {
        "method": "rbf_svm", "features": ["hog", "color"], "C": 5, "gamma": 1.0, "scaling": "unit",
    }  # fmt: skip
    params["deep"] = {"mlp": {"method": "mlp", "epochs": 3, "deterministic": True}}
    shuffles = [run_stages(params | {"seed": seed}, seed) for seed in range(5)]
    for name in (*params["classical"], "mlp"):
        found = [each[name].value for each in shuffles]
        assert ttest_1samp(found, 1 / 6).pvalue > 0.01, (name, found)
        assert max(found) < 0.4, name
    # It does learn the labels that it is given.
    trained = load_predictions("joined_rbf_svm", 4, "").scores["train"]
    assert accuracy(predicted_classes(trained), load_labels("train")).value > 0.8
    assert load_dataset_card().name == "color_classes, labels shuffled"
