"""Frozen, pretrained networks as extractors."""

import subprocess
import sys

import numpy as np
import pytest

from pipeline.checks import StudyError
from pipeline.config import registry
from pipeline.features.pretrained import Spec
from pipeline.pretrained.base import base_names, load_base
from pipeline.pretrained.frozen import FrozenBase, Part
from pipeline.storage.object_files import load_object, save_object

LAYERS = ("block1_pool", "block2_conv1")


def options(**changes):
    return Spec(**{"weights": "random", "image_size": 40, "layers": LAYERS} | changes)


@pytest.fixture(scope="module")
def images(photo_patches):
    return photo_patches[:12]


@pytest.fixture(scope="module")
def features(images):
    return options().build(seed=3).fit(images).transform(images)


def test_equals_the_base_of_the_transfer_network(images, features):
    parts = tuple(Part(layer, "average") for layer in LAYERS)
    base = FrozenBase("vgg16", "random", 40, "float32", parts, seed=3).model((32, 32, 3))
    np.testing.assert_allclose(features, base.predict(images, verbose=0), rtol=1e-5, atol=1e-4)
    assert features.shape == (12, 64 + 128)


@pytest.mark.parametrize("name", base_names())
def test_every_base_gives_its_features_with_the_sign_of_the_root(images, name):
    base = load_base(name)
    layers = [base.blocks[0][-1], base.blocks[1][-1]]
    plain, rooted = (
        options(base=name, layers=layers, sqrt=sqrt).build(seed=3).fit(images) for sqrt in (0, 1)
    )
    features = plain.transform(images)
    width = sum(base.output_shape(layer, 40)[-1] for layer in layers)
    assert features.shape == (12, width)
    found = rooted.transform(images)
    np.testing.assert_allclose(found * np.abs(found), features, rtol=1e-4, atol=1e-4)
    assert plain.n_parameters > 0
    assert Spec(base=name, weights="random").layers == base.default_layers


def test_other_weights_give_other_features(images, features):
    other = options().build(seed=4).fit(images).transform(images)
    assert np.abs(other - features).max() > 0.1 * np.abs(features).max()


def test_square_root(images, features):
    rooted = options(sqrt=True).build(seed=3).fit(images).transform(images)
    np.testing.assert_allclose(rooted**2, features, rtol=1e-4, atol=1e-4)


def test_bfloat16_is_close_and_its_output_float32(images, features):
    short = options(precision="bfloat16").build(seed=3).fit(images).transform(images)
    assert short.dtype == np.float32
    assert 0 < np.abs(short - features).max() < 0.03 * features.max()


def test_a_stored_extractor_needs_no_weights_file_and_loads_without_keras(images, tmp_path):
    extractor = options().build(seed=3).fit(images)
    expected = extractor.transform(images)  # this also builds its network
    path = tmp_path / "extractor.npz"
    save_object(path, extractor)
    copy = load_object(path, "transform", "extract it")
    np.testing.assert_allclose(copy.transform(images), expected)
    code = (
        "import sys; from pathlib import Path; "
        "from pipeline.storage.object_files import load_object; "
        "load_object(Path(sys.argv[1]), 'transform', ''); "
        "print([name for name in ('keras', 'tensorflow') if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_only_the_layers_that_are_computed_are_counted(images):
    extractor = options(layers=["block1_conv2"]).build(seed=0).fit(images)
    assert extractor.n_parameters == (27 * 64 + 64) + (9 * 64 * 64 + 64)
    assert set(extractor.weights_) == {"block1_conv1", "block1_conv2"}


def test_the_length_of_vectors_that_keep_positions(images):
    spec = options(pooling="flatten")
    assert spec.features_per_image((500, 500)) == 20 * 20 * (64 + 128)
    found = spec.build(seed=0).fit(images).transform(images[:2])
    assert found.shape[1] == spec.features_per_image((32, 32))


def test_runs_with_it_are_hybrid():
    assert Spec.family == "hybrid"
    assert registry.load_spec("features", "hog").family == "classical"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"layers": ["block9_pool"]}, "block9_pool"),
        ({"base": "vgg15"}, "unknown base 'vgg15'; did you mean 'vgg16'"),
        ({"base": "efficientnet_lite0", "layers": ["block5_pool"]}, "EfficientNet-Lite0 layer"),
        ({"layers": []}, "at least one layer"),
        ({"image_size": 16}, "at least 32"),
        ({"precision": "float16"}, "bfloat16"),
    ],
)
def test_wrong_options_are_rejected(wrong, message):
    entry = {"method": "pretrained", **wrong}
    with pytest.raises(StudyError, match=message):
        registry.parse("features", entry, "features.x")


def test_a_missing_weights_file_is_found_before_anything_runs():
    with pytest.raises(StudyError, match=r"no weights file .*absent\.h5"):
        Spec(weights="absent.h5").check_files()
    assert Spec(weights="random").check_files() is None
