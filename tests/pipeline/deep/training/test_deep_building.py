"""What a phase reads of its frozen base, and that a study computes each base once."""

import json

import numpy as np
import pytest
import yaml
from deep_cases import deep_spec, splits

from pipeline.config import registry
from pipeline.deep.training.fitting import train


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache in a folder without params.yaml."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


def learned(result):
    """The history but for times."""
    history = result.history
    return history[~history["metric"].isin(["seconds", "images_per_second"])]


def test_runs_on_the_same_base_share_its_features():
    """The head, the training options and later phases do not matter."""
    common = {"weights": "random", "image_size": 32, "layers": ["block1_pool"]}
    runs = [
        deep_spec("transfer", **common),
        deep_spec("transfer", **common, hidden=0, epochs=3, flip=True, schedule="cosine"),
        deep_spec("transfer", **common, then=[{"unfreeze": "all"}]),
    ]
    assert len({run.phases()[0].frozen_base(0) for run in runs}) == 1


def test_training_counts_cached_seconds_and_reaches_the_same_result(cache, computed):
    images, labels, _ = splits(3, side=32, sizes=(40, 12, 9))
    spec = deep_spec("transfer", weights="random", image_size=32, layers=["block2_pool"], epochs=2)
    first = train(spec, images, labels, 3, 0, cache)
    for record in cache.glob("*.json"):
        record.write_text(json.dumps({**json.loads(record.read_text()), "seconds": 1000.0}))
    second = train(spec, images, labels, 3, 0, cache)
    assert computed == ["train", "validation", "test"]
    assert 2000 < second.train_seconds < 2100
    assert first.train_seconds < 1000
    assert learned(first).equals(learned(second))
    np.testing.assert_array_equal(first.scores["test"], second.scores["test"])


def test_frozen_weights_do_not_change():
    images, labels, _ = splits(3, side=32, sizes=(40, 12, 9))
    spec = deep_spec(
        "transfer",
        weights="random",
        image_size=32,
        layers=["block1_pool"],
        hidden=0,
        epochs=1,
    )
    result = train(spec, images, labels, 3, seed=5)
    inside = result.model.get_layer("vgg16_base").get_layer("block1_conv2").get_weights()
    expected = spec.frozen_base(5).loaded().values["block1_conv2"]
    np.testing.assert_array_equal(inside[0], expected[0])
    trained = [weight.shape for weight in result.model.trainable_weights]
    assert trained == [(64, 3), (3,)]


SHARED = {"weights": "random", "image_size": 32, "layers": ["block1_pool", "block2_pool"]}
HEAD = {"method": "transfer", **SHARED, "hidden": 0, "epochs": 1, "batch_size": 16}
STUDY = {
    "seed": 0,
    "features": {"vgg": {"method": "pretrained", **SHARED, "sqrt": True}},
    "classical": {"ridge": {"method": "kernel_ridge", "features": ["vgg"], "mirrored": True}},
    "deep": {
        "head": HEAD,
        "tuned": {**HEAD, "flip": True, "then": [{"unfreeze": 1, "epochs": 1}]},
    },
}
"""A feature set, mirrored for one of its runs, a frozen network and a fine-tuned one."""


def features(images, cache):
    spec = registry.parse("features", STUDY["features"]["vgg"], "features.vgg")
    extractor = spec.build(0).fit(images["train"])
    found = {split: extractor.transform_split(each, split, cache) for split, each in images.items()}
    mirrored = extractor.transform_split(images["train"], "train", cache, mirrored=True)
    return {split: values for split, (values, _) in (found | {"mirrored": mirrored}).items()}


def networks(images, labels, cache):
    specs = [registry.parse("deep", STUDY["deep"][name], name) for name in ("head", "tuned")]
    return [train(spec, images, labels, 3, 0, cache) for spec in specs]


@pytest.mark.parametrize("first", ["features", "networks"])
def test_each_image_passes_the_base_once_in_a_study(cache, computed, first):
    """Whoever comes first, and with the same results as computed apart."""
    images, labels, _ = splits(3, side=32, sizes=(40, 12, 9))
    apart = features(images, None), networks(images, labels, None)
    with open("params.yaml", "w", encoding="utf-8") as stream:
        yaml.safe_dump(STUDY, stream)
    computed.clear()
    if first == "features":
        sets = features(images, cache)
        trained = networks(images, labels, cache)
    else:
        trained = networks(images, labels, cache)
        sets = features(images, cache)
    assert sorted(computed) == ["test", "train", "train, mirrored", "validation"]
    for split, values in sets.items():
        np.testing.assert_array_equal(values, apart[0][split])
    for result, alone in zip(trained, apart[1], strict=True):
        assert learned(result).equals(learned(alone))
        np.testing.assert_array_equal(result.scores["test"], alone.scores["test"])
