"""Bases of `keras.applications`, compared with Keras's own networks and preprocessing."""

from __future__ import annotations

import importlib

import keras
import numpy as np
import pytest

from pipeline.checks import StudyError
from pipeline.config import registry
from pipeline.pretrained import application_weights
from pipeline.pretrained.application_graph import skeleton, stage_ends
from pipeline.pretrained.base import known_bases, load_base
from pipeline.pretrained.frozen import FrozenBase, Part
from pipeline.pretrained.keras_applications import APPLICATIONS, _read

SMALL = ("mobilenet_v2", "mobilenet_v3_small")


def applied(pixels, mode):
    """What layers in front of a network do to pixels, by Keras's documentation."""
    if mode == "half":
        return (pixels - 128) / 128
    if mode == "tf":
        return pixels / 127.5 - 1
    return (pixels / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]


@pytest.mark.parametrize("name", APPLICATIONS)
def test_every_network_exists_and_reads_what_keras_says(name):
    entry = APPLICATIONS[name]
    function = getattr(keras.applications, entry.function)
    assert function.__module__.rpartition(".")[2] == entry.module
    module = importlib.import_module(f"keras.applications.{entry.module}")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3)).astype(np.float32)
    expected = module.preprocess_input(pixels.copy())
    if np.array_equal(expected, pixels):
        expected = applied(pixels, entry.pixels)
    base = load_base(name)
    inputs = keras.Input((4, 4, 3))
    found = keras.Model(inputs, base.preprocessed(inputs, 4)).predict(pixels, verbose=0)
    if entry.pixels == "caffe":
        found = found[..., ::-1]
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in APPLICATIONS if "large" not in name])
def test_every_network_can_be_cut_where_it_says(name):
    """Layers of no known kind would make `built` fail: so their kinds are looked at as well."""
    entry = APPLICATIONS[name]
    ends = stage_ends(entry.function)
    assert {f"stride{stride}" for stride in entry.strides} <= ends.keys()
    steps = skeleton(entry.function, 224)
    assert ends["stride32"] == len(steps) - 1
    others = {"CustomScaleLayer", "LayerScale", "StochasticDepth"}
    assert not [s for s in steps if not hasattr(keras.layers, s.kind) and s.kind not in others]


def other(values, rng):
    """Kernels that keep the scale of a signal; scales and offsets that are not 1 and 0."""
    if values.ndim == 1:
        return values + 0.1 * rng.random(values.shape)
    depthwise = values.ndim == 4 and values.shape[-1] == 1
    inputs = np.prod(values.shape[: 2 if depthwise else -1])
    return rng.standard_normal(values.shape) * np.sqrt(2 / inputs)


@pytest.fixture(scope="module", params=[*SMALL, "vgg19", "convnext_tiny", "inception_resnet_v2"])
def network(request, tmp_path_factory):
    """The name of a base, Keras's network with random weights, and a file of them.

    Large networks are replaced by a few of their layers.
    """
    name = request.param
    entry, size = APPLICATIONS[name], APPLICATIONS[name].smallest
    with pytest.MonkeyPatch.context() as patch:
        if name not in SMALL:
            patch.setattr(keras.applications, entry.function, TINY[name])
        skeleton.cache_clear()
        stage_ends.cache_clear()
        _read.cache_clear()
        keras.utils.set_random_seed(0)
        make = getattr(keras.applications, entry.function)
        made = make(weights=None, include_top=False, input_shape=(size, size, 3))
        rng = np.random.default_rng(0)
        for layer in made.layers:
            layer.set_weights([other(each, rng) for each in layer.get_weights()])
        path = tmp_path_factory.mktemp("weights") / "made.weights.h5"
        made.save_weights(path)
        yield name, made, path
    skeleton.cache_clear()
    stage_ends.cache_clear()
    _read.cache_clear()


def tiny_convnext(**options):
    from keras.src.applications.convnext import ConvNeXt

    return ConvNeXt(depths=[1, 1, 2, 1], projection_dims=[4, 6, 8, 10], **options)


def tiny_vgg(weights, include_top, input_shape):
    inputs = x = keras.Input(input_shape)
    for _ in range(5):
        x = keras.layers.Conv2D(3, 3, padding="same", activation="relu")(x)
        x = keras.layers.MaxPooling2D()(x)
    return loaded(keras.Model(inputs, x), weights)


def tiny_inception(weights, include_top, input_shape):
    from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

    inputs = x = keras.Input(input_shape)
    for _ in range(5):
        x = keras.layers.Conv2D(3, 3, strides=2, padding="same")(x)
        branch = keras.layers.Conv2D(3, 1)(x)
        x = keras.layers.Activation("relu")(CustomScaleLayer(0.17)([x, branch]))
    return loaded(keras.Model(inputs, x), weights)


def loaded(model, weights):
    if weights is not None:
        model.load_weights(weights)
    return model


TINY = {"vgg19": tiny_vgg, "convnext_tiny": tiny_convnext, "inception_resnet_v2": tiny_inception}


def pooled_by_keras(name, made, images):
    module = importlib.import_module(f"keras.applications.{APPLICATIONS[name].module}")
    inputs = module.preprocess_input(images.astype(np.float32))
    return made.predict(inputs, verbose=0).mean(axis=(1, 2))


def test_features_are_those_of_keras(network):
    name, made, path = network
    size = APPLICATIONS[name].smallest
    images = np.random.default_rng(1).integers(0, 256, (3, size, size, 3), dtype=np.uint8)
    frozen = FrozenBase(name, str(path), size, "float32", (Part("stride32", "average"),))
    found = frozen.model((size, size, 3)).predict(images, verbose=0)
    expected = pooled_by_keras(name, made, images)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * scale)
    swapped = pooled_by_keras(name, made, images[..., ::-1])
    assert np.abs(swapped - expected).max() > 1e-3 * scale, "the order of channels matters"


def test_built_in_two_parts_it_is_the_same(network):
    """As for fine-tuning: up to a stage, then from its maps on."""
    name, _, path = network
    size, base = APPLICATIONS[name].smallest, load_base(name)
    pixels = keras.Input((size, size, 3))
    x = base.preprocessed(pixels, size)
    whole = base.build(x, base.layer_names, "float32")["stride32"]
    below = base.build(x, base.layer_names[:-1], "float32")[base.layer_names[-2]]
    assert below.shape[1:] == base.output_shape(base.layer_names[-2], size)
    maps = keras.Input(below.shape[1:])
    above = base.build(maps, ["stride32"], "float32", trained=["stride32"])["stride32"]
    parts = keras.Model(pixels, below), keras.Model(maps, above)
    together = keras.Model(pixels, whole)
    weights = base.load_weights(str(path), 0, ["stride32"])
    for model in (*parts, together):
        for layer in model.layers:
            if layer.name in weights:
                layer.set_weights(weights[layer.name])
    images = np.random.default_rng(2).integers(0, 256, (3, size, size, 3)).astype(np.float32)
    found = parts[1].predict(parts[0].predict(images, verbose=0), verbose=0)
    np.testing.assert_allclose(found, together.predict(images, verbose=0), rtol=1e-4, atol=1e-4)
    frozen = [each for each in parts[1].layers if isinstance(each, keras.layers.BatchNormalization)]
    assert not [each.name for each in frozen if each.trainable]
    assert parts[1].trainable_weights
    assert not parts[0].trainable_weights


def test_the_record_has_the_checksum_of_the_values(network):
    name, _, path = network
    base = load_base(name)
    found = base.record(str(path))
    assert (found["weights"], found["weights_file"]) == ("file", "made.weights.h5")
    assert len(found["weights_sha256"]) == 64
    nothing = {"weights": "random", "weights_file": None, "weights_sha256": None}
    assert base.record("random") == nothing


def test_random_weights_do_not_depend_on_the_depth():
    base = load_base("mobilenet_v2")
    shallow = base.load_weights("random", 3, ["stride4"])
    deep = base.load_weights("random", 3, ["stride32"])
    assert shallow.keys() < deep.keys()
    for name, arrays in shallow.items():
        for one, other in zip(arrays, deep[name], strict=True):
            np.testing.assert_array_equal(one, other)
    other = base.load_weights("random", 4, ["stride4"])
    assert any(not np.array_equal(a[0], other[name][0]) for name, a in shallow.items())


def test_multiply_adds_are_those_of_the_paper():
    """Sandler et al. (2018), table 4: 300 million at 224 pixels, classifier included."""
    assert load_base("mobilenet_v2").multiply_adds(["stride32"], 224) == pytest.approx(300e6, 0.01)


def test_without_a_network_it_says_where_the_file_can_be_put(study_folder, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(study_folder / "keras"))

    def fails(*_, **__):
        raise application_weights.requests.ConnectionError("no route")

    monkeypatch.setattr(application_weights.requests, "head", fails)
    base, file = load_base("resnet50"), APPLICATIONS["resnet50"].file
    with pytest.raises(StudyError, match=rf"{file} are not on this machine .*data/incoming/"):
        base.check_weights("imagenet")
    with pytest.raises(StudyError, match=r"there is no weights file own\.h5"):
        base.check_weights("own.h5")
    base.check_weights("random")
    for folder in (study_folder / "keras" / "models", study_folder / "data" / "incoming"):
        folder.mkdir(parents=True)
        (folder / file).touch()
        base.check_weights("imagenet")
        (folder / file).unlink()


def test_a_file_of_another_network_is_refused(tmp_path):
    path = tmp_path / "other.weights.h5"
    tiny_vgg(None, False, (32, 32, 3)).save_weights(path)
    with pytest.raises(
        StudyError, match=r"does not hold weights of keras\.applications\.MobileNetV2"
    ):
        load_base("mobilenet_v2").load_weights(str(path), 0, ["stride32"])


def test_options_name_any_of_them():
    def parsed(**options):
        return registry.parse("features", {"method": "pretrained", **options}, "features.x")

    assert parsed(base="convnext_tiny").layers == ("stride32",)
    assert set(APPLICATIONS) < set(known_bases())
    with pytest.raises(StudyError, match="did you mean 'resnet50'"):
        parsed(base="resnet5")
    with pytest.raises(StudyError, match="expected at least 75 pixels for inception_v3"):
        parsed(base="inception_v3")
    with pytest.raises(StudyError, match="unknown ResNet50 layer 'stride64'"):
        parsed(base="resnet50", layers=["stride64"])
