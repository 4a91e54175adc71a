"""What the page says of ablations."""

import re

import numpy as np
import pandas as pd
import pytest
from made_up_ablation import ablation_record

from pipeline.analyses.ablated import score_ablations
from pipeline.analyses.ablations.chart import draw
from pipeline.analyses.ablations.table import TABLES, compute, record
from pipeline.analyses.ablations.view import view
from pipeline.analyses.labels import Labels
from pipeline.checks import StudyError
from pipeline.page.study import StudyResults
from pipeline.storage.results import Results

TEST = np.arange(1500) % 5
LABELS = Labels(
    tuple("abcde"),
    {"train": np.arange(500) % 5, "validation": np.arange(100) % 5, "test": TEST},
    {"train": np.arange(500), "validation": np.arange(100), "test": np.arange(1500)},
)
CLAIMS = [
    {"claim": "Momentum helps.", "better": "momentum", "than": "sgd", "by": 0.02},
    {"claim": "Adam is slower.", "better": "sgd", "than": "adam", "in": "epochs_to_target"},
    {"claim": "Adam saves time.", "better": "adam", "than": "sgd", "in": "seconds"},
    {"claim": "No matter.", "same": ["momentum", "adam"], "within": 0.005},
]
TRUTH = {"momentum": 0.6, "sgd": 0.35, "adam": 0.62, "slow": 0.2, "wild": 0.5}


class Asked:
    """As much of a study as these tables need."""

    def __init__(self, records):
        self.ablations = score_ablations(records, LABELS)


def results(*records):
    asked = Asked(records)
    return StudyResults(Results(compute(asked), {}, record(asked)))


def made_up(**options):
    return ablation_record(TEST, LABELS.test_ids, TRUTH, **{"target": 0.3, **options})


@pytest.fixture(scope="module")
def study():
    broken = [("wild", 1)]
    classical = ablation_record(
        TEST, LABELS.test_ids, {"linear": 0.4, "kernel": 0.7}, name="kernel", family="classical"
    )
    return results(made_up(claims=CLAIMS, diverged=broken), classical)


def test_the_tables_have_a_row_for_each_value_claim_and_point(study):
    values, curves, claims = (study.tables[table.name] for table in TABLES)
    assert list(values["value"]) == [*TRUTH, "linear", "kernel"]
    np.testing.assert_allclose(values["test_accuracy"][:4], list(TRUTH.values())[:4], atol=0.04)
    first = values.set_index("value")
    assert pd.isna(first.loc["momentum", "difference"])
    sgd = first.loc["sgd"]
    assert sgd["difference"] == pytest.approx(
        sgd.test_accuracy - first.loc["momentum"].test_accuracy
    )
    assert sgd["diff_low"] < sgd["difference"] < sgd["diff_high"] < 0
    assert sgd["p_holm"] >= sgd["p_value"]
    assert (first["ci_low"] < first["test_accuracy"]).all()
    assert list(claims["claim"]) == [each["claim"] for each in CLAIMS]
    # Of three trainings one broke in its second epoch.
    wild = curves[(curves["value"] == "wild") & (curves["epoch"] > 1)]
    assert set(wild["trainings"]) == {2}
    assert set(curves["ablation"]) == {"optimizer"}


def test_sentences(study):
    optimizer, kernel = view(study).factors
    assert optimizer.about == (
        "Values of optimizer in net, 500 training images, 5 classes, 3 trainings each."
    )
    text = " ".join(optimizer.sentences)
    assert "Compared with momentum (" in text
    assert "sgd (\u2212" in text
    assert "Trainings that diverged: 1 of 3 with wild." in text
    first = "is the first to reach a validation accuracy of 30.0%, after 4.00 epochs on average"
    assert f"{first}; never: slow." in text
    assert "kernel (+" in " ".join(kernel.sentences)
    assert kernel.about.startswith("Values of optimizer in net")


def test_claims_have_their_verdict_and_evidence(study):
    claims = view(study).factors[0].claims
    assert [each.verdict for each in claims] == [
        *("confirmed", "refuted", "not separated", "not separated")
    ]
    first = claims[0].evidence
    assert first.startswith("test accuracy: momentum ")
    assert "points above sgd (at least 2.0 points expected; 95% interval" in first
    interval = r"of the advantage \d+\.\d to \d+\.\d points, p [<=] 0\.\d+, Holm-corrected"
    assert re.search(interval, first)
    assert "3 trainings each, 1,500 test images; t-test over repeats and test images" in first
    assert "fewer than" not in claims[1].evidence
    assert view(study).sentence == "Of 4 claims, 1 confirmed, 1 refuted and 2 not separated."


def test_one_training_each_is_said():
    found = view(results(made_up(repeats=1, claims=CLAIMS[:1])))
    assert "one training each" in found.factors[0].about
    assert found.sentence in ("The claim is confirmed.", "The claim is not separated.")
    assert "one training each, 1,500" in found.factors[0].claims[0].evidence


def test_a_chart_for_each_metric_with_all_values_and_classical_runs_have_no_curves(study):
    drawings = draw(view(study))
    assert [each.name for each in drawings] == [
        *("ablation_optimizer_loss", "ablation_optimizer_accuracy", "ablation_optimizer"),
        "ablation_kernel",
    ]
    for label in TRUTH:
        assert all(label in each.alt for each in drawings[:3])


def test_studies_of_earlier_versions_have_none():
    assert view(StudyResults(Results({}, {}, {}))) is None
    assert view(results()) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.predicted.__setitem__((0, 0, 0), 7), "does not tell apart"),
        (lambda r: r.ids.__setitem__(0, 10**6), "other images than those of the split"),
        (lambda r: object.__setattr__(r, "predicted", r.predicted[:, :2]), "shape"),
        (
            lambda r: object.__setattr__(
                r, "card", type(r.card)(**{**vars(r.card), "trainings": r.card.trainings[:-1]})
            ),
            "found 14 trainings of",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_the_command(change, message):
    broken = made_up()
    change(broken.results)
    with pytest.raises(StudyError, match=f"{message}.*dvc repro ablations@optimizer"):
        score_ablations([broken], LABELS)
