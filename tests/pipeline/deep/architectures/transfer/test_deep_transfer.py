"""A base with a head: options, phases, and that each phase starts where the previous one ended."""

import json
import zipfile

import keras
import numpy as np
import pytest
from deep_cases import colored_squares, deep_spec

from pipeline.checks import StudyError
from pipeline.deep.cost import leaf_layers
from pipeline.pretrained.base import load_base

SHALLOW = ("block2_conv1", "block1_conv2", "block2_pool", "block1_pool")
"""Layers of two blocks, not in order: frozen, at the boundary, and trained."""
IMAGES, LABELS = colored_squares(48, 3, 32, seed=0)


def transfer(**options):
    return deep_spec("transfer", **{"weights": "random", "image_size": 32, **options})


# --- the head ---------------------------------------------------------------------------------


def test_linear_head_by_default_sizes():
    network = transfer(hidden=0).network((1024,), 10)
    assert network.count_params() == 10 * (1024 + 1)


def test_hidden_layer():
    network = transfer(hidden=16, dropout=0.5).network((100,), 1)
    assert network.count_params() == 16 * 101 + 17
    assert network.get_layer("hidden_dropout").rate == 0.5


def test_hidden_layer_uses_the_layer_options():
    network = transfer(hidden=16, width=0.5, batch_norm=True, activation="tanh").network((100,), 3)
    assert network.get_layer("hidden").units == 8
    assert network.get_layer("hidden_bn")
    assert network.get_layer("hidden_tanh")


def test_l2_is_a_penalty_on_the_kernels_of_the_head():
    network = transfer(hidden=8, l2=0.01).network((20,), 3)
    kernels = [network.get_layer(name).kernel for name in ("hidden", "output")]
    expected = 0.01 * sum(float(np.square(np.asarray(kernel)).sum()) for kernel in kernels)
    assert float(sum(network.losses)) == pytest.approx(expected, rel=1e-5)
    assert transfer(hidden=8, l2=0).network((20,), 3).losses == []


# --- options ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"layers": ["block4_poll"]}, "did you mean 'block4_pool'"),
        ({"layers": []}, "at least one layer"),
        ({"layers": ["block5_pool", "block5_pool"]}, "at most once"),
        ({"image_size": 31}, "32"),
        ({"pooling": "mean"}, "average"),
        ({"crop": 4}, r"found crop: 4, .*expected only flip.*phase of `then` that unfreezes all"),
        (
            {"then": [{"unfreeze": 6}]},
            r"deep\.transfer: then\.0\.unfreeze: found 6; .*1 to 5",
        ),
        ({"then": [{"unfreeze": 1, "epohcs": 2}]}, r"then\.0\.epohcs: .*did you mean 'epochs'"),
        ({"then": [{"unfreeze": 1, "cutout": 8}]}, r"then\.0: found cutout: 8, .*unfreeze all"),
        (
            {"then": [{"unfreeze": 2}, {"unfreeze": 1}]},
            r"then\.1\.unfreeze: found 1; expected 2 to 5, or all: .*cannot freeze",
        ),
        (
            {"layers": ["block3_pool"], "then": [{"unfreeze": 4}]},
            r"found 4; expected 1 to 3, or all: `layers` uses 3 blocks",
        ),
        (
            {"then": [{"unfreeze": "all"}, {"unfreeze": 4}]},
            r"then\.1\.unfreeze: found 4; expected 5 to 5, or all",
        ),
        (
            {"schedule": "cosine", "then": [{"unfreeze": 1, "factor": 0.5}]},
            r"then\.0: found factor with schedule: cosine",
        ),
    ],
)
def test_wrong_options(option, message):
    with pytest.raises(StudyError, match=message):
        transfer(**option)


def test_the_check_finds_a_missing_file(tmp_path):
    spec = deep_spec("transfer", weights=str(tmp_path / "none.h5"))
    with pytest.raises(StudyError, match="there is no weights file"):
        spec.check_files()


def test_phases_update_the_options_of_the_run():
    spec = transfer(
        epochs=9,
        schedule="step",
        milestones=[0.3],
        flip=True,
        then=[
            {"unfreeze": 1, "epochs": 4, "learning_rate": 1e-4, "milestones": [0.6]},
            {"unfreeze": "all", "schedule": "cosine", "warmup": 1, "crop": 4},
        ],
    )
    head, top, everything = spec.phases()
    assert (head.epochs, top.epochs, everything.epochs) == (9, 4, 9)
    assert (head.learning_rate, top.learning_rate, everything.learning_rate) == (5e-4, 1e-4, 5e-4)
    assert (head.milestones, top.milestones) == ((0.3,), (0.6,))
    assert (top.schedule, everything.schedule, everything.warmup) == ("step", "cosine", 1)
    assert [phase.flip for phase in spec.phases()] == [True] * 3
    assert (head.crop, top.crop, everything.crop) == (0, 0, 4)
    assert [phase.cut.unfrozen for phase in spec.phases()] == [0, 1, 5]
    assert all(phase.then == () for phase in spec.phases())


def test_options_dump_as_they_were_written():
    then = [{"unfreeze": 1, "epochs": 4}, {"unfreeze": "all", "learning_rate": 1e-5}]
    spec = transfer(then=then)
    dumped = json.loads(spec.model_dump_json(exclude_unset=True))
    assert dumped["then"] == then
    assert type(spec).model_validate(dumped) == spec


# --- networks ---------------------------------------------------------------------------------


def by_name(model):
    return {layer.name: layer for layer in leaf_layers(model)}


class Built:
    """One phase, built as in training; `model` maps pixels to scores."""

    def __init__(self, phase, images, n_outputs=3, before=None):
        keras.utils.set_random_seed(1)
        frozen = phase.frozen_base(7)
        self.base = frozen and frozen.model(images.shape[1:])
        self.inputs = images if self.base is None else self.base.predict(images, verbose=0)
        shape = self.inputs.shape[1:]
        preprocessing = phase.preprocessing(self.inputs)
        self.network = phase.network(shape, n_outputs)
        first = keras.Input(shape, dtype=str(self.inputs.dtype))
        trained = self.network(preprocessing(first) if preprocessing else first)
        self.trained = keras.Model(first, trained)
        if before is not None:
            known = by_name(before.trained)
            for name, layer in by_name(self.trained).items():
                if name in known:
                    layer.set_weights(known[name].get_weights())
        pixels = keras.Input(images.shape[1:])
        x = self.base(pixels) if self.base is not None else pixels
        self.model = keras.Model(pixels, self.trained(x))

    @property
    def outputs(self):
        return self.trained.predict(self.inputs, verbose=0)


@pytest.fixture(scope="module")
def phases():
    """Three untrained phases of a shallow network, each from the weights of the previous one."""
    spec = transfer(
        layers=SHALLOW,
        hidden=6,
        l2=0.01,
        then=[{"unfreeze": 1, "epochs": 1, "optimizer": "sgd"}, {"unfreeze": "all"}],
    )
    built = []
    for phase in spec.phases():
        built.append(Built(phase, IMAGES, before=built[-1] if built else None))
    return built


def test_a_phase_starts_where_the_previous_one_ended(phases):
    head, top, everything = (phase.outputs for phase in phases)
    assert np.ptp(head, axis=0).max() > 0.1  # the scores differ between images
    np.testing.assert_allclose(top, head, atol=2e-3)  # kept features are rounded to float16
    np.testing.assert_allclose(everything, head, atol=1e-5)


def test_inputs_of_each_phase(phases):
    head, top, everything = (phase.inputs for phase in phases)
    assert (head.shape, head.dtype) == ((48, 128 + 64 + 128 + 64), np.float32)
    # block1_conv2's vector, and block1_pool's output, which also gives its vector.
    assert (top.shape, top.dtype) == ((48, 64 + 16 * 16 * 64), np.float16)
    assert everything is IMAGES


def test_what_each_phase_trains(phases):
    names = [
        sorted({variable.path.split("/")[-2] for variable in phase.trained.trainable_variables})
        for phase in phases
    ]
    head, block2 = ["hidden", "output"], ["block2_conv1", "block2_conv2"]
    assert names == [head, block2 + head, ["block1_conv1", "block1_conv2", *block2, *head]]


def test_trained_kernels_are_penalized_and_frozen_ones_not(phases):
    for phase, count in zip(phases, (2, 4, 6), strict=True):
        assert len(phase.trained.losses) == count


def test_training_changes_what_is_unfrozen_and_nothing_else(phases):
    built = Built(
        transfer(layers=SHALLOW, hidden=6, then=[{"unfreeze": 1}]).phases()[1],
        IMAGES,
        before=phases[0],
    )
    before = {name: layer.get_weights() for name, layer in by_name(built.model).items()}
    built.trained.compile(
        keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy", jit_compile=False
    )
    built.trained.train_on_batch(built.inputs, LABELS)
    after = {name: layer.get_weights() for name, layer in by_name(built.model).items()}
    changed = {
        name
        for name, weights in before.items()
        if any(not np.array_equal(a, b) for a, b in zip(weights, after[name], strict=True))
    }
    assert changed == {"hidden", "output", "block2_conv1", "block2_conv2"}


def test_the_model_of_a_later_phase_loads_and_predicts_the_same(phases, tmp_path):
    _, top, _ = phases
    top.model.save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), top.outputs, atol=1e-5)
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        config = archive.read("config.json").decode()
    assert '"registered_name": null' in config
    assert "pipeline" not in config


@pytest.mark.parametrize("pooling", ["max", "flatten"])
def test_other_poolings_give_the_same_features_in_both_phases(pooling):
    spec = transfer(layers=SHALLOW, pooling=pooling, hidden=0, then=[{"unfreeze": 1}])
    first, second = (Built(phase, IMAGES) for phase in spec.phases())
    network = second.network
    joined = keras.Model(network.inputs, network.get_layer("features").output)
    found = joined.predict(second.inputs, verbose=0)
    # Kept features are rounded to float16, which affects deeper sums.
    np.testing.assert_allclose(found, first.inputs, rtol=1e-3, atol=1e-3 * first.inputs.max())


def test_the_input_is_pixels_if_features_are_too_large():
    spec = transfer(image_size=112, then=[{"unfreeze": 1, "crop": 2}])
    _, top = spec.phases()
    assert top.frozen_base(0) is None
    network = top.network((32, 32, 3), 3)
    trainable = {layer.name for layer in network.layers if layer.trainable_variables}
    assert trainable == {"hidden", "output", *(f"block5_conv{index}" for index in (1, 2, 3))}
    drawn = load_base("vgg16").load_weights("random", 0, top.layers)["block1_conv1"][0]
    found = network.get_layer("block1_conv1").get_weights()[0]
    np.testing.assert_array_equal(found, drawn)


def test_precision_is_that_of_the_options():
    spec = transfer(
        layers=["block1_pool", "block2_pool"], precision="bfloat16", then=[{"unfreeze": 1}]
    )
    top = spec.phases()[1]
    base = top.frozen_base(0).model((32, 32, 3))
    network = top.network(base.output_shape[1:], 3)
    assert base.get_layer("block1_conv2").compute_dtype == "bfloat16"
    assert network.get_layer("block2_conv1").compute_dtype == "bfloat16"
    assert network.get_layer("block2_conv1").variable_dtype == "float32"
    assert network.get_layer("standardization").compute_dtype == "float32"
    assert base.outputs[0].dtype == "float16"
