"""Training a network: learning, the epoch that is kept, and terminal output."""

import re

import keras
import numpy as np
import pytest
from deep_cases import deep_spec, splits

from pipeline.checks import StudyError
from pipeline.deep.training import building
from pipeline.deep.training.fitting import stored_numbers, train
from pipeline.inference import network_scores
from pipeline.resizing import resize
from pipeline.tta import augmented_scores


def values(result, split, metric):
    history = result.history
    chosen = history[(history["split"] == split) & (history["metric"] == metric)]
    return chosen.sort_values("x")["value"].to_numpy()


def reproducible_history(result):
    """The history without measurements that depend on the machine's load."""
    history = result.history
    return history[~history["metric"].isin(["seconds", "images_per_second"])]


def mean_cross_entropy(scores, labels):
    """The cross-entropy, image by image."""
    pairs = zip(scores, labels, strict=True)
    return float(np.mean([-np.log(max(float(row[label]), 1e-7)) for row, label in pairs]))


def test_learns_separable_classes(trained, three_classes):
    _, result = trained
    _, labels, test_labels = three_classes
    assert (result.scores["train"].argmax(axis=1) == labels["train"]).mean() > 0.95
    assert (result.scores["test"].argmax(axis=1) == test_labels).mean() > 0.9


def test_best_epoch_has_the_lowest_validation_loss(trained):
    _, result = trained
    assert result.notes["best_epoch"] == values(result, "validation", "loss").argmin() + 1


def test_scores_belong_to_the_best_epoch(three_classes):
    """With a high learning rate, so that the last epoch is not the best."""
    images, labels, _ = three_classes
    spec = deep_spec("lenet5", epochs=6, batch_size=20, learning_rate=0.02)
    for seed in range(5):
        result = train(spec, images, labels, 3, seed=seed)
        if result.notes["best_epoch"] < result.notes["epochs_run"]:
            break
    else:
        pytest.fail("no seed had its best epoch before the last one")
    scores, right = result.scores["validation"], labels["validation"]
    best = result.notes["best_epoch"] - 1
    assert mean_cross_entropy(scores, right) == pytest.approx(
        values(result, "validation", "loss")[best], abs=1e-4
    )
    assert (scores.argmax(axis=1) == right).mean() == values(result, "validation", "accuracy")[best]
    np.testing.assert_allclose(
        result.model.predict(images["validation"], verbose=0), scores, atol=1e-5
    )


def test_same_seed_same_history(trained, three_classes):
    spec, first = trained
    images, labels, _ = three_classes
    again = train(spec, images, labels, 3, seed=1)
    other = train(spec.model_copy(update={"epochs": 1}), images, labels, 3, seed=2)
    assert reproducible_history(again).equals(reproducible_history(first))
    np.testing.assert_array_equal(again.scores["test"], first.scores["test"])
    assert values(other, "validation", "loss")[0] != values(first, "validation", "loss")[0]


def test_test_time_augmentation_comes_after_all_plain_numbers(trained, three_classes):
    spec, plain = trained
    images, labels, _ = three_classes
    found = train(spec.model_copy(update={"tta": "mirror_shift"}), images, labels, 3, seed=1)
    assert (plain.augmented.scores, plain.augmented.notes) == ({}, {})
    assert set(found.augmented.scores) == {"validation", "test"}
    for split, scores in plain.scores.items():
        np.testing.assert_array_equal(found.scores[split], scores)
    assert reproducible_history(found).equals(reproducible_history(plain))
    assert found.notes["tta_ms_per_image"] > 0
    expected = augmented_scores(
        lambda seen: found.model.predict(seen, verbose=0), images["test"], "mirror_shift"
    )
    np.testing.assert_allclose(found.augmented.scores["test"], expected, atol=1e-6)


@pytest.mark.usefixtures("eager")
def test_a_network_with_a_size_of_its_own_scores_stored_images(three_classes):
    images, labels, _ = three_classes
    spec = deep_spec("mlp", epochs=1, width=0.01, image_size=8, tta="mirror")
    found = train(spec, images, labels, 3, seed=1)
    assert found.model.input_shape == (None, 8, 8, 3)
    by_hand = {split: np.stack([resize(each, 8) for each in images[split]]) for split in images}
    same = train(spec.model_copy(update={"image_size": None}), by_hand, labels, 3, seed=1)
    np.testing.assert_array_equal(found.scores["test"], same.scores["test"])
    assert found.notes["multiply_adds"] == same.notes["multiply_adds"]
    stored = network_scores(found.model, images["test"])
    np.testing.assert_allclose(stored, found.scores["test"], atol=1e-6)
    views = augmented_scores(
        lambda seen: network_scores(found.model, seen), images["test"], "mirror"
    )
    np.testing.assert_allclose(found.augmented.scores["test"], views, atol=1e-6)


@pytest.mark.usefixtures("eager")
def test_a_base_of_smaller_images_has_features_of_its_own(three_classes, tmp_path):
    """Images that are larger than its size are averaged; what is kept of each tells them apart."""
    images, labels, _ = three_classes
    larger = {split: np.repeat(np.repeat(each, 3, axis=1), 3, axis=2)
              for split, each in images.items()}  # fmt: skip
    small = {split: np.stack([resize(each, 32) for each in larger[split]]) for split in larger}
    options = {"weights": "random", "layers": ["block1_conv1"], "epochs": 1, "hidden": 0}
    spec = deep_spec("transfer", image_size=32, **options)
    kept = []
    for seen in (larger, small, images):
        found = train(spec, seen, labels, 3, seed=1, cache_folder=tmp_path)
        kept.append(len([*tmp_path.glob("*.npy")]))
        stored = network_scores(found.model, seen["test"])
        np.testing.assert_allclose(stored, found.scores["test"], atol=1e-5)
    assert kept == [3, 3, 6], "the same pixels are computed once; enlarged ones apart"


def test_training_curve_is_measured_without_dropout(three_classes):
    """With 90% dropout, running averages would be far below the accuracy without it."""
    images, labels, _ = three_classes
    spec = deep_spec("lenet5", epochs=1, batch_size=10, dropout=0.9, learning_rate=1e-3)
    same = {**images, "validation": images["train"]}
    result = train(spec, same, {**labels, "validation": labels["train"]}, 3, seed=0)
    # The sample of training images is as large as the validation split: here, the same images.
    for metric in ("accuracy", "loss"):
        assert values(result, "train", metric) == pytest.approx(
            values(result, "validation", metric), abs=1e-6
        )


def test_stops_early_and_reports_it(three_classes, capsys):
    images, labels, _ = three_classes
    spec = deep_spec("lenet5", epochs=40, patience=2, batch_size=20, learning_rate=0.02)
    result = train(spec, images, labels, 3, seed=0)
    assert result.notes["stopped_early"]
    assert result.notes["epochs_run"] == result.notes["best_epoch"] + 2 < 40
    assert "stopped early" in capsys.readouterr().out


@pytest.mark.checked
def test_progress_is_one_line_per_check_and_per_epoch(three_classes, capsys):
    images, labels, _ = three_classes
    train(deep_spec("lenet5", epochs=2), images, labels, 3, seed=0)
    lines = capsys.readouterr().out.splitlines()
    checks = [line.split("  ")[0] for line in lines[:-3]]
    assert checks[0] == "device"
    assert {"inputs", "labels", "model", "memory", "first loss", "one batch", "time"} <= {*checks}
    assert re.fullmatch(
        r"epoch 1/2  train [\d.]+%  validation [\d.]+%  loss [\d.]+  [\d.]+ s, [\d,]+ images/s  "
        r"about \d+ s left  best so far",
        lines[-3],
    )
    assert lines[-2].startswith("epoch 2/2")
    assert "left" not in lines[-2]
    assert lines[-1].startswith("kept epoch")


def test_the_monitored_metric_selects_the_best_epoch(three_classes):
    images, labels, _ = three_classes
    spec = deep_spec("lenet5", epochs=5, batch_size=20, learning_rate=0.02, monitor="accuracy")
    result = train(spec, images, labels, 3, seed=3)
    reached = values(result, "validation", "accuracy")
    assert result.notes["best_epoch"] == reached.argmax() + 1
    assert result.notes["monitor"] == "accuracy"


def _unequal(images, labels):
    """Keep all training images of class 0, and a tenth of the others."""
    kept = np.flatnonzero((labels["train"] == 0) | (np.arange(len(labels["train"])) % 10 == 0))
    return (
        {**images, "train": images["train"][kept]},
        {**labels, "train": labels["train"][kept]},
    )


def test_the_balanced_loss_selects_the_epoch_where_classes_are_unequal(three_classes):
    images, labels, _ = three_classes
    spec = deep_spec("mlp", epochs=3, batch_size=20, learning_rate=0.02)
    result = train(spec, *_unequal(images, labels), 3, seed=3)
    assert result.notes["monitor"] == "balanced_loss"
    reached = values(result, "validation", "balanced_loss")
    assert result.notes["best_epoch"] == reached.argmin() + 1


def test_balance_weighs_classes_as_their_numbers_of_images_ask_for(three_classes, monkeypatch):
    """A loss that is given the weights learns the same; one without them something else."""
    images, labels = _unequal(*three_classes[:2])
    counts = np.bincount(labels["train"])
    options = {"epochs": 1, "batch_size": 20, "deterministic": True}
    plain = train(deep_spec("mlp", **options), images, labels, 3, seed=0)
    balanced = train(deep_spec("mlp", balance=True, **options), images, labels, 3, seed=0)
    weights = counts.sum() / (3 * counts)
    original = building.build_loss
    monkeypatch.setattr(
        building, "build_loss", lambda spec, n, none: original(spec, n, none or weights)
    )
    given = train(deep_spec("mlp", **options), images, labels, 3, seed=0)
    np.testing.assert_array_equal(given.scores["test"], balanced.scores["test"])
    assert (plain.scores["test"] != balanced.scores["test"]).any()


def test_history_has_rate_and_speed_of_each_epoch(three_classes):
    images, labels, _ = three_classes
    spec = deep_spec(
        "lenet5", epochs=4, batch_size=50, schedule="step", milestones=[0.5], learning_rate=0.01
    )
    result = train(spec, images, labels, 3, seed=0)
    np.testing.assert_allclose(values(result, "train", "learning_rate"), [0.01] * 2 + [0.001] * 2)
    assert (values(result, "train", "images_per_second") > 0).all()
    assert values(result, "train", "seconds").sum() <= result.train_seconds


def test_a_plateau_lowers_the_rate(three_classes):
    """Steps that are too small to improve anything, so that the metric stays constant."""
    images, labels, _ = three_classes
    spec = deep_spec(
        "lenet5", epochs=6, batch_size=100, schedule="plateau", plateau_patience=2, factor=0.5,
        learning_rate=1e-9, monitor="accuracy",
    )  # fmt: skip
    result = train(spec, images, labels, 3, seed=0)
    rates = values(result, "train", "learning_rate")
    np.testing.assert_allclose(rates / 1e-9, [1, 1, 1, 0.5, 0.5, 0.25])


def test_the_moving_average_is_evaluated_and_stored(three_classes):
    """With momentum near 1 it stays near the initial weights, while the raw weights learn."""
    images, labels, _ = three_classes
    options = {"epochs": 3, "batch_size": 20, "learning_rate": 3e-3, "dropout": 0.0}
    plain = train(deep_spec("lenet5", **options), images, labels, 3, seed=1)
    slow = train(deep_spec("lenet5", ema=0.999999, **options), images, labels, 3, seed=1)
    losses = values(slow, "validation", "loss")
    np.testing.assert_allclose(losses, losses[0], rtol=0.01)
    assert values(plain, "validation", "loss")[-1] < 0.7 * losses[-1]
    quick = train(deep_spec("lenet5", ema=1e-6, **options), images, labels, 3, seed=1)
    np.testing.assert_allclose(quick.scores["test"], plain.scores["test"], atol=1e-3)


def test_data_on_the_device_and_several_steps_per_call_change_nothing(three_classes):
    images, labels, _ = three_classes
    options = {"epochs": 2, "batch_size": 20, "flip": True, "crop": 2, "dropout": 0.1}
    usual = train(deep_spec("lenet5", **options), images, labels, 3, seed=1)
    other = train(
        deep_spec("lenet5", data_on_device=True, steps_per_call=3, **options),
        images, labels, 3, seed=1,
    )  # fmt: skip
    np.testing.assert_allclose(usual.scores["test"], other.scores["test"], atol=1e-4)


@pytest.mark.usefixtures("eager")
@pytest.mark.usefixtures("eager")
def test_auxiliary_heads_are_used_only_in_training():
    images, labels, _ = splits(3, sizes=(16, 6, 5))
    options = {"width": 0.05, "epochs": 1, "batch_size": 16}
    alone = train(deep_spec("googlenet", **options), images, labels, 3, seed=0)
    helped = train(deep_spec("googlenet", auxiliary=True, **options), images, labels, 3, seed=0)
    assert helped.parameters == alone.parameters
    assert not np.array_equal(helped.scores["test"], alone.scores["test"])


def test_a_diverging_loss_is_an_error_with_suggestions(three_classes):
    images, labels, _ = three_classes
    spec = deep_spec("lenet5", optimizer="sgd", learning_rate=1e6, epochs=3, batch_size=20)
    with pytest.raises(StudyError, match=r"epoch 1, .*sgd at a learning rate of 1e\+06.* try "):
        train(spec, images, labels, 3, seed=0)


def test_parameters_include_the_standardization():
    model = keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            keras.layers.Normalization(mean=[1.0, 2, 3], variance=[1.0, 1, 1]),
            keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(5)]),
        ]
    )
    assert stored_numbers(model) == 6 + (48 + 1) * 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.zeros(7, int)}, "train labels: found shape"),
        ({"labels": np.full(200, 3)}, "expected 0 to 2"),
        ({"images": np.zeros((200, 16, 16, 3), np.float32)}, "train images: .*float32"),
        (
            {"images": np.zeros((200, 20, 20, 3), np.uint8)},
            r"expected \(20, 20, 3\), as for",
        ),
    ],
)
def test_wrong_arrays_are_rejected(three_classes, change, message):
    images, labels, _ = three_classes
    images = {**images, **({"train": change["images"]} if "images" in change else {})}
    labels = {**labels, **({"train": change["labels"]} if "labels" in change else {})}
    with pytest.raises(StudyError, match=message):
        train(deep_spec("lenet5"), images, labels, 3, seed=0)


def test_one_class_is_rejected(three_classes):
    images, labels, _ = three_classes
    labels = {split: np.zeros_like(array) for split, array in labels.items()}
    with pytest.raises(StudyError, match="at least two"):
        train(deep_spec("lenet5"), images, labels, 1, seed=0)
