"""Requirements for every network in pipeline/deep/architectures, including future ones."""

import json

import keras
import numpy as np
import pytest
from deep_cases import deep_spec, splits

from pipeline.checks import StudyError
from pipeline.config import registry
from pipeline.deep.cost import leaf_layers, multiply_adds, uncounted_layers
from pipeline.deep.explain.activations import end_of
from pipeline.deep.explain.grad_cam import grad_cam
from pipeline.deep.spec import output_units
from pipeline.deep.training.fitting import train
from pipeline.inference import network_scores
from pipeline.storage.network_files import check_network_file
from pipeline.storage.runs import HISTORY_COLUMNS
from pipeline.storage.splits import SPLITS
from pipeline.storage.stored_models import load_network

pytestmark = pytest.mark.slow

METHODS = registry.method_names("deep")
OPTIONS = {
    "googlenet": {"width": 0.1, "auxiliary": True, "batch_norm": False, "learning_rate": 0.01},
    "transfer": {"weights": "random", "image_size": 32, "layers": ["block3_pool"]},
}
"""Options that make a method fast and avoid files; the others are made narrow."""
NARROW = {"width": 0.1}
SHARED = {
    "l1": 1e-5,
    "l2": 1e-4,
    "weight_decay": 1e-4,
    "label_smoothing": 0.1,
    "balance": True,
    "optimizer": "nesterov",
    "learning_rate": 0.01,
    "schedule": "cosine",
    "warmup": 0.5,
    "warmup_from": 0.1,
    "ema": 0.9,
    "lookahead": 2,
    "lookahead_start": 0.5,
    "bias_rate": 2.0,
    "decay_biases": True,
    "norm_momentum": 0.8,
    "norm_epsilon": 1e-5,
    "logit_scale": 0.5,
    "output_bias": False,
    "identity_start": True,
    "dropout": 0.1,
    "flip": "alternating",
    "monitor": "macro_f1",
    "patience": 2,
    "tta": "mirror",
}
"""Options from every group."""


def options(method):
    return OPTIONS.get(method, NARROW)


@pytest.fixture(scope="module", params=METHODS)
def run(request):
    spec = deep_spec(request.param, epochs=2, batch_size=16, **options(request.param))
    images, labels, _ = splits(3, side=32, sizes=(48, 18, 15))
    before = {split: array.copy() for split, array in images.items()}
    result = train(spec, images, labels, 3, seed=0)
    assert all(np.array_equal(images[split], before[split]) for split in before)
    return spec, images, result


def test_scores_are_probabilities_of_every_image(run):
    _, images, result = run
    for split, scores in result.scores.items():
        assert scores.shape == (len(images[split]), 3)
        assert scores.dtype == np.float32
        np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
    assert set(result.scores) == set(SPLITS)


def test_history_has_a_row_for_each_epoch_split_and_metric(run):
    spec, _, result = run
    history = result.history
    assert tuple(history.columns) == HISTORY_COLUMNS
    assert set(history["x_kind"]) == {"epoch"}
    keys = history[["x", "split", "metric"]].apply(tuple, axis=1)
    expected = {
        (epoch, split, metric)
        for epoch in range(1, spec.epochs + 1)
        for split in ("train", "validation")
        for metric in ("accuracy", "loss", "macro_f1", "balanced_loss", "balanced_accuracy")
    }
    expected |= {
        (epoch, "train", metric)
        for epoch in range(1, spec.epochs + 1)
        for metric in ("learning_rate", "seconds", "images_per_second")
    }
    assert sorted(keys) == sorted(expected)
    assert np.isfinite(history["value"]).all()


def test_costs_are_measured(run):
    _, _, result = run
    assert result.train_seconds > 0
    assert result.predict_ms_per_image > 0
    assert result.device
    assert result.parameters >= result.model.count_params()
    json.dumps(result.notes)
    assert uncounted_layers(result.model) == ()
    assert result.notes["multiply_adds"] == multiply_adds(result.model) > 0


def test_the_card_says_which_layer_grad_cam_reads(run):
    """The last layer with places of all those that a convolution leads to."""
    spec, images, result = run
    found = result.notes["grad_cam_layer"]
    assert found == spec.grad_cam_layer()
    layers = list(leaf_layers(result.model))
    convolutions = [layer for layer in layers if isinstance(layer, keras.layers.Conv2D)]
    if not convolutions:
        assert found is None
        return
    assert found == end_of(result.model, convolutions[-1]).name
    evidence = grad_cam(result.model, images["test"][:2], found)
    assert evidence.maps.shape[0] == 2


@pytest.mark.parametrize(
    ("method", "options", "layer"),
    [
        ("lenet5", {"activation": "maxout"}, "c3_maxout"),
        ("lenet5", {"activation": "tanh", "pooling": "average"}, "c3_tanh"),
        ("alexnet", {"form": "original", "image_size": 67}, "conv5_relu"),
        ("vgg16", {"head": "original", "batch_norm": False}, "block5_conv3_relu"),
        ("airbench", {"activation": "prelu", "batch_norm": False}, "group3_conv2_prelu"),
        ("googlenet", {"form": "original", "activation": "maxout"}, "inception_5b"),
        ("resnet", {"depth": 32, "shortcut": "projection"}, "stage3_block5_relu"),
        ("resnet", {"residual": False, "activation": "elu"}, "stage3_block3_elu"),
    ],
)
def test_options_do_not_mislead_it(method, options, layer):
    spec = deep_spec(method, width=0.05, **options)
    network = spec.network((32, 32, 3), 3)
    convolutions = [each for each in network.layers if isinstance(each, keras.layers.Conv2D)]
    assert spec.grad_cam_layer() == layer == end_of(network, convolutions[-1]).name


@pytest.mark.parametrize(
    ("layers", "layer"),
    [
        (["block3_pool"], "block3_conv3"),
        (["block4_conv1", "block2_pool"], "block4_conv1"),
    ],
)
@pytest.mark.parametrize("then", [[], [{"unfreeze": 1, "epochs": 1}]])
def test_a_pretrained_network_is_read_at_its_deepest_convolution(layers, layer, then):
    given = {"weights": "random", "image_size": 32, "layers": layers, "width": 0.05, "then": then}
    assert deep_spec("transfer", **given).grad_cam_layer() == layer


def test_stored_model_predicts_the_same_from_pixels(run, tmp_path):
    _, images, result = run
    result.model.save(tmp_path / "model.keras")
    model = load_network(tmp_path / "model.keras", "train it")
    outputs = model.predict(images["test"], verbose=0)
    np.testing.assert_allclose(outputs, result.scores["test"], atol=1e-5)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("method", METHODS)
def test_every_shared_option_is_accepted(method, tmp_path):
    images, labels, _ = splits(2, side=32, sizes=(40, 12, 9))
    spec = deep_spec(method, epochs=1, batch_size=16, **{**options(method), **SHARED})
    result = train(spec, images, labels, 2, seed=0)
    assert result.scores["test"].shape == (9, 2)
    np.testing.assert_allclose(result.scores["test"].sum(axis=1), 1, atol=1e-5)
    assert result.notes["monitor"] == "macro_f1"
    pixels = images["test"]
    views = [network_scores(result.model, seen) for seen in (pixels, pixels[:, :, ::-1])]
    np.testing.assert_allclose(result.augmented.scores["test"], np.mean(views, axis=0), atol=1e-5)
    result.model.save(tmp_path / "model.keras")
    check_network_file(tmp_path / "model.keras")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_classes", [2, 7])
def test_network_ends_in_one_unit_per_class_and_one_for_two(method, n_classes):
    spec = deep_spec(method, **options(method))
    frozen = spec.frozen_base(0)
    base = frozen and frozen.model((32, 32, 3))
    shape = (32, 32, 3) if base is None else tuple(base.output_shape[1:])
    network = spec.network(shape, output_units(n_classes))
    assert network.outputs[0].shape == (None, 1 if n_classes == 2 else 7)
    last = network.get_layer("output")
    assert last.activation.__name__ == ("sigmoid" if n_classes == 2 else "softmax")


@pytest.mark.parametrize("method", METHODS)
def test_every_option_has_a_description(method):
    fields = registry.load_spec("deep", method).model_fields
    assert [name for name, field in fields.items() if not field.description] == []


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"learning_rate": -1},
        {"optimizer": "adams"},
        {"seeds": [1, 1]},
        {"width": 0},
        {"schedule": "cosinus"},
        {"monitor": "f1"},
        {"loss": "mse"},
        {"flip": "maybe"},
    ],
)
def test_wrong_options_are_refused(method, wrong):
    with pytest.raises(StudyError, match=f"deep.{method}.{next(iter(wrong))}"):
        deep_spec(method, **wrong)


def test_auto_can_be_written():
    """A default that is a word among numbers is accepted when it is written out."""
    words = {"precision": "auto", "xla": "auto", "data_on_device": "auto", "steps_per_call": "auto"}
    assert deep_spec("lenet5", **words) == deep_spec("lenet5")
