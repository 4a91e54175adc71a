"""Verdicts on claims, from made-up results of which the truth is known."""

import numpy as np
import pytest
from made_up_ablation import ablation_record

from pipeline.analyses.ablated import score_ablations
from pipeline.analyses.ablations.claims import judge
from pipeline.analyses.labels import Labels

TEST = np.arange(2000) % 5
LABELS = Labels(
    tuple("abcde"),
    {"train": np.arange(500) % 5, "validation": np.arange(100) % 5, "test": TEST},
    {"train": np.arange(500), "validation": np.arange(100), "test": np.arange(2000)},
)


def judged(truth, *claims, labels=LABELS, **options):
    told = [{"claim": "So it is.", **each} for each in claims]
    record = ablation_record(labels.test, labels.test_ids, truth, claims=told, **options)
    (found,) = score_ablations([record], labels)
    return judge(found)


def better(first, second, measure="accuracy", by=0.0):
    return {"better": first, "than": second, "in": measure, "by": by}


def same(first, second, within, measure="accuracy"):
    return {"same": [first, second], "in": measure, "within": within}


@pytest.mark.parametrize(
    ("truth", "claim", "verdict"),
    [
        ({"adam": 0.6, "sgd": 0.5}, better("adam", "sgd"), "confirmed"),
        ({"adam": 0.5, "sgd": 0.6}, better("adam", "sgd"), "refuted"),
        ({"adam": 0.6, "sgd": 0.6}, better("adam", "sgd"), "not separated"),
        ({"adam": 0.7, "sgd": 0.5}, better("adam", "sgd", by=0.1), "confirmed"),
        ({"adam": 0.6, "sgd": 0.55}, better("adam", "sgd", by=0.15), "refuted"),
        ({"adam": 0.6, "sgd": 0.5}, better("adam", "sgd", by=0.1), "not separated"),
        ({"adam": 0.6, "sgd": 0.6}, same("adam", "sgd", 0.1), "confirmed"),
        ({"adam": 0.7, "sgd": 0.5}, same("adam", "sgd", 0.1), "refuted"),
        ({"adam": 0.6, "sgd": 0.5}, same("adam", "sgd", 0.1), "not separated"),
        ({"adam": 0.6, "sgd": 0.5}, same("sgd", "adam", 0.001), "refuted"),
        ({"adam": 0.7, "sgd": 0.5}, better("adam", "sgd", "train_accuracy"), "confirmed"),
        ({"adam": 0.7, "sgd": 0.5}, better("sgd", "adam", "validation_loss"), "refuted"),
        ({"adam": 0.9, "sgd": 0.55}, better("adam", "sgd", "epochs_to_target"), "confirmed"),
        ({"adam": 0.9, "sgd": 0.55}, better("adam", "sgd", "epochs_to_target", 6), "refuted"),
        ({"adam": 0.4, "sgd": 0.4}, better("adam", "sgd", "epochs_to_target"), "not separated"),
        # Both know the training images by 0.1 better than the others.
        ({"adam": 0.6, "sgd": 0.6}, same("adam", "sgd", 0.08, "generalization_gap"), "confirmed"),
    ],
)
def test_verdicts_follow_the_truth(truth, claim, verdict):
    (found,) = judged(truth, claim, target=0.5)
    assert found.verdict == verdict
    assert found.trainings == 3


def test_seconds_are_compared_as_a_ratio():
    truth, seconds = {"adam": 0.5, "sgd": 0.5}, {"adam": 5.0, "sgd": 20.0}
    found = judged(
        truth,
        better("adam", "sgd", "seconds", by=0.5),
        better("sgd", "adam", "seconds"),
        better("adam", "sgd", "seconds", by=0.9),
        seconds=seconds,
    )
    assert [each.verdict for each in found] == ["confirmed", "refuted", "refuted"]
    first = found[0].advantage
    assert first.shown(first.estimate.value) == pytest.approx(0.75, abs=0.03)
    assert first.shown(first.margin(0.5)) == pytest.approx(0.5)


def test_a_claim_that_holds_for_chance_alone_is_rarely_confirmed():
    """At most one in twenty of claims about equal values is confirmed or refuted."""
    verdicts = [
        judged({"adam": 0.5, "sgd": 0.5}, better("adam", "sgd"), between=0.03, seed=seed)[0].verdict
        for seed in range(80)
    ]
    assert verdicts.count("not separated") >= 0.91 * len(verdicts)


def test_a_true_claim_is_confirmed_where_the_difference_is_large_enough():
    verdicts = [
        judged({"adam": 0.62, "sgd": 0.5}, better("adam", "sgd"), repeats=4, seed=seed)[0].verdict
        for seed in range(20)
    ]
    assert verdicts.count("confirmed") >= 0.95 * len(verdicts)


def test_several_claims_are_corrected_together():
    truth = {"adam": 0.56, "sgd": 0.5, "rmsprop": 0.5}
    alone = judged(truth, better("adam", "sgd"))[0]
    more = judged(truth, better("adam", "sgd"), *[better("sgd", "rmsprop")] * 20)[0]
    assert alone.corrected == alone.p_value == more.p_value
    assert more.corrected == pytest.approx(min(1, 21 * more.p_value))


def test_a_training_that_diverged_counts_as_one_that_learned_nothing():
    truth = {"adam": 0.6, "sgd": 0.6}
    broken = [("sgd", repeat) for repeat in range(3)]
    claims = [
        better("adam", "sgd"),
        better("adam", "sgd", "validation_loss"),
        better("adam", "sgd", "epochs_to_target"),
        better("adam", "sgd", "train_accuracy", by=0.3),
        better("adam", "sgd", "seconds"),
    ]
    found = judged(truth, *claims, diverged=broken, target=0.3)
    assert [each.verdict for each in found] == [*["confirmed"] * 4, "not separated"]
    assert found[0].advantage.estimate.value == pytest.approx(0.4, abs=0.05)  # 1 of 5 classes
    assert found[4].advantage is None


def test_other_classes_are_other_images():
    few = {"few": (0, 1), "many": (0, 1, 2, 3, 4)}
    (found,) = judged({"few": 0.8, "many": 0.6}, better("few", "many"), classes=few)
    assert (found.verdict, found.images) == ("confirmed", 800)
    assert found.advantage.estimate.method.startswith("Welch's")


def test_one_training_each_is_tested_over_images_alone():
    one, other = judged(
        {"adam": 0.6, "sgd": 0.5},
        better("adam", "sgd"),
        better("adam", "sgd", "train_accuracy"),
        repeats=1,
    )
    assert one.verdict == "confirmed"
    assert "one training each" in one.advantage.estimate.method
    assert (other.verdict, other.p_value) == ("not separated", 1)
