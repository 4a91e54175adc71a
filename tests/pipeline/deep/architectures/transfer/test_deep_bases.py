"""Requirements for networks on every base in pipeline/pretrained, including future ones.

The first two blocks of each base, with random weights and small images.
"""

import keras
import numpy as np
import pytest
from deep_cases import deep_spec, splits

from pipeline.deep.cost import leaf_layers, multiply_adds
from pipeline.deep.explain.grad_cam import grad_cam
from pipeline.deep.training.checkpoint import Checkpoint
from pipeline.deep.training.fitting import train
from pipeline.pretrained.base import base_names, load_base
from pipeline.storage.stored_models import load_network

pytestmark = pytest.mark.slow

IMAGES, LABELS, _ = splits(3, side=32, sizes=(30, 9, 8))


def spec_on(name, **options):
    layers = [block[-1] for block in load_base(name).blocks[:2]]
    given = {"base": name, "weights": "random", "image_size": 32, "layers": layers, "hidden": 0}
    training = {"batch_size": 15, "epochs": 1}
    return deep_spec("transfer", **given | training | options)


TUNED = {"then": [{"unfreeze": 1, "epochs": 2, "learning_rate": 1e-3}]}


def weights_of(model):
    return {layer.name: layer.get_weights() for layer in leaf_layers(model)}


def learning(layers):
    """Those that can be trained: batch normalizations stay as in inference."""
    return {layer for layer in layers if "batchnormalization" not in layer}


@pytest.fixture(scope="module", params=[*base_names(), "mobilenet_v3_small"])
def name(request):
    return request.param


@pytest.fixture(scope="module")
def tuned(name):
    return train(spec_on(name, **TUNED), IMAGES, LABELS, 3, seed=0)


def test_a_frozen_run_is_the_features_and_a_head(name):
    spec = spec_on(name)
    model = train(spec, IMAGES, LABELS, 3, seed=0).model
    assert {variable.path.split("/")[-2] for variable in model.trainable_variables} == {"output"}
    base = spec.frozen_base(0)
    features = base.model((32, 32, 3)).predict(IMAGES["test"], verbose=0)
    head = weights_of(model)
    normalization = next(layer for layer in leaf_layers(model) if layer.name == "standardization")
    scaled = keras.ops.convert_to_numpy(normalization(features))
    kernel, bias = head["output"]
    scores = keras.ops.convert_to_numpy(keras.ops.softmax(scaled @ kernel + bias))
    found = model.predict(IMAGES["test"], verbose=0)
    np.testing.assert_allclose(found, scores, atol=1e-4)


def test_fine_tuning_changes_the_top_block_and_nothing_else_of_the_base(name, tuned):
    base = load_base(name)
    drawn = base.load_weights("random", 0, [base.blocks[1][-1]])
    below = base.load_weights("random", 0, [base.blocks[0][-1]])
    found = weights_of(tuned.model)
    changed = {
        layer
        for layer, values in drawn.items()
        if any(not np.array_equal(a, b) for a, b in zip(values, found[layer], strict=True))
    }
    assert changed == learning(drawn.keys() - below.keys())
    assert [phase["epochs"] for phase in tuned.notes["phases"]] == [1, 2]


def test_the_phase_starts_where_the_previous_one_ended(name):
    """With a step of almost nothing, the scores stay; kept features are rounded to float16."""
    still = {"then": [{"unfreeze": 1, "epochs": 1, "learning_rate": 1e-10}]}
    scores = [train(spec_on(name, **o), IMAGES, LABELS, 3, 0).scores for o in ({}, still)]
    np.testing.assert_allclose(scores[1]["test"], scores[0]["test"], atol=5e-3)


def test_the_stored_model_predicts_the_same_from_pixels(tuned, tmp_path):
    tuned.model.save(tmp_path / "model.keras")
    model = load_network(tmp_path / "model.keras", "train it")
    found = model.predict(IMAGES["test"], verbose=0)
    np.testing.assert_allclose(found, tuned.scores["test"], atol=1e-5)


def test_all_layers_are_counted(tuned):
    assert tuned.notes["multiply_adds"] == multiply_adds(tuned.model) > 0


def test_grad_cam_reads_the_deepest_maps(name, tuned):
    layer = tuned.notes["grad_cam_layer"]
    assert layer in load_base(name).blocks[1]
    evidence = grad_cam(tuned.model, IMAGES["test"][:2], layer)
    assert evidence.maps.shape == (2, *load_base(name).output_shape(layer, 32)[:2])


def test_all_blocks_can_be_trained_from_pixels(name):
    spec = spec_on(name, then=[{"unfreeze": "all", "epochs": 1, "crop": 2}])
    result = train(spec, IMAGES, LABELS, 3, seed=0)
    assert len(result.scores["test"]) == 8
    trained = {variable.path.split("/")[-2] for variable in result.model.trainable_variables}
    base = load_base(name)
    drawn = base.load_weights("random", 0, [base.blocks[1][-1]])
    assert trained == learning({"output", *drawn})


class Stopping(Checkpoint):
    """Ends the training after the first epoch of the second phase."""

    def keep(self, history, model, best):
        super().keep(history, model, best)
        if len(history.epochs) == 2:
            raise KeyboardInterrupt


def test_an_interrupted_fine_tuning_resumes(name, tuned, tmp_path):
    path = tmp_path / "state.npz"
    with pytest.raises(KeyboardInterrupt):
        train(spec_on(name, **TUNED), IMAGES, LABELS, 3, seed=0, checkpoint=Stopping(path))
    again = train(spec_on(name, **TUNED), IMAGES, LABELS, 3, seed=0, checkpoint=Checkpoint(path))
    np.testing.assert_array_equal(again.scores["test"], tuned.scores["test"])
