"""Training input: the layers on the device, and training a network through them."""

import keras
import numpy as np
import pytest
from deep_cases import deep_spec

from pipeline.checks import StudyError
from pipeline.deep.input.augmentation import augment, draw
from pipeline.deep.input.training_input import StoredInputs, TrainingInput, mean_color

AUGMENTED = {"flip": True, "crop": 2, "cutout": 3}


@pytest.fixture
def images():
    values = np.random.default_rng(0).integers(0, 256, (48, 8, 8, 3)).astype(np.uint8)
    values.flags.writeable = False
    return values


@pytest.fixture
def labels():
    return np.arange(48) % 3


def spec_of(**options):
    return deep_spec("lenet5", batch_size=16, **options)


def passing_on(shape, dtype="float32", outputs=1):
    """A network that returns its input."""
    first = keras.Input(shape, dtype=dtype)
    found = [
        keras.layers.Reshape(shape, name=f"copy{index}", dtype="float32")(first)
        for index in range(outputs)
    ]
    return keras.Model(first, found[0] if outputs == 1 else found)


def classifier(shape):
    first = keras.Input(shape, dtype="uint8" if len(shape) == 3 else "float32")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(first))
    return keras.Model(first, keras.layers.Dense(3, activation="softmax", dtype="float32")(x))


def seen_in_epoch(source, network, epoch):
    source.batches.start_epoch(epoch)
    model = source.model(network)
    return [
        keras.ops.convert_to_numpy(keras.ops.cast(model(source.batches[index][0]), "float32"))
        for index in range(len(source.batches))
    ]


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("on_device", [False, True])
@pytest.mark.parametrize("network_dtype", ["float32", "uint8"])
def test_images_are_augmented_as_drawn(images, labels, on_device, policy, network_dtype):
    spec, before = spec_of(**AUGMENTED), keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        source = TrainingInput(images, labels, spec, seed=4, on_device=on_device)
        found = seen_in_epoch(source, passing_on((8, 8, 3), network_dtype), epoch=2)
    finally:
        keras.config.set_dtype_policy(before)
    draws = draw(spec, 48, (8, 8, 3), seed=4, epoch=2)
    rows = [source.batches[index][1] for index in range(3)]
    order = np.random.default_rng((4, 2)).permutation(48)
    for batch, positions in enumerate(np.split(order, 3)):
        mine = np.sort(positions)
        assert np.array_equal(rows[batch], labels[mine])
        drawn = {name: values[mine] for name, values in draws.items()}
        want = augment(images[mine], drawn, spec, mean_color(images))
        np.testing.assert_array_equal(found[batch], want)


def test_without_augmentation_images_are_unchanged(images, labels):
    for on_device in (False, True):
        source = TrainingInput(images, labels, spec_of(), seed=0, on_device=on_device)
        found = seen_in_epoch(source, passing_on((8, 8, 3)), epoch=0)
        rows = np.split(np.random.default_rng((0, 0)).permutation(48), 3)
        for batch, mine in zip(found, rows, strict=True):
            np.testing.assert_array_equal(batch, images[np.sort(mine)])


@pytest.mark.parametrize("on_device", [False, True])
def test_flipped_rows_use_the_mirrored_features(labels, on_device):
    features = np.random.default_rng(0).normal(size=(48, 5)).astype(np.float32)
    source = TrainingInput(
        features, labels, spec_of(flip=True), 0, mirrored=-features, on_device=on_device
    )
    found = np.concatenate(seen_in_epoch(source, passing_on((5,)), epoch=1))
    order = np.random.default_rng((0, 1)).permutation(48)
    rows = np.concatenate([np.sort(part) for part in np.split(order, 3)])
    flip = draw(spec_of(flip=True), 48, (5,), seed=0, epoch=1)["flip"][rows]
    np.testing.assert_array_equal(found, features[rows] * np.where(flip, -1, 1)[:, None])


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("on_device", [False, True])
def test_training_updates_the_network_but_not_the_images(images, labels, on_device, jit):
    network = classifier((8, 8, 3))
    n_weights, n_parameters = len(network.weights), network.count_params()
    source = TrainingInput(images, labels, spec_of(**AUGMENTED), 0, on_device=on_device)
    model = source.model(network)
    optimizer = keras.optimizers.SGD(0.1, weight_decay=0.1, use_ema=True)
    model.compile(optimizer, loss="sparse_categorical_crossentropy", jit_compile=jit)
    before = network.get_weights()
    model.fit(source.batches, verbose=0, shuffle=False)
    assert all((now != then).any() for now, then in zip(network.get_weights(), before, strict=True))
    assert len(network.weights) == n_weights
    assert network.count_params() == n_parameters
    assert [id(each) for each in model.trainable_weights] == [
        id(each) for each in network.trainable_weights
    ]
    if on_device:
        stored = next(layer for layer in model.layers if isinstance(layer, StoredInputs))
        kept = keras.ops.convert_to_numpy(keras.ops.cast(stored.values, "float32"))
        np.testing.assert_array_equal(kept, images)


def test_data_on_the_device_gives_the_same_training(images, labels):
    weights = []
    for on_device in (False, True):
        keras.utils.set_random_seed(0)
        network = classifier((8, 8, 3))
        source = TrainingInput(images, labels, spec_of(**AUGMENTED), 0, on_device=on_device)
        model = source.model(network)
        loss = "sparse_categorical_crossentropy"
        model.compile(keras.optimizers.SGD(0.1), loss=loss, jit_compile=False)
        model.fit(source.batches, verbose=0, shuffle=False)
        weights.append(network.get_weights()[0])
    np.testing.assert_allclose(weights[1], weights[0], rtol=1e-5, atol=1e-7)


def test_each_of_several_outputs_gets_the_labels(images, labels):
    first = keras.Input((8, 8, 3), dtype="uint8")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(first))
    heads = [keras.layers.Dense(3, activation="softmax", name=f"head{i}")(x) for i in range(2)]
    network = keras.Model(first, heads)
    source = TrainingInput(images, labels, spec_of(flip=True), 0)
    model = source.model(network)
    loss = "sparse_categorical_crossentropy"
    model.compile("sgd", loss=[loss, loss], loss_weights=[1.0, 0.3], jit_compile=False)
    before = network.get_weights()
    model.fit(source.batches, verbose=0, shuffle=False)
    assert all((now != then).any() for now, then in zip(network.get_weights(), before, strict=True))


def test_mean_color_is_a_pixel_color():
    values = np.random.default_rng(1).integers(0, 256, (40, 5, 6, 3)).astype(np.uint8)
    mean = values.reshape(-1, 3).mean(axis=0)
    assert mean_color(values).tolist() == np.rint(mean).tolist()
    np.testing.assert_allclose(mean_color(values / 255), mean / 255, rtol=1e-6)


def test_mean_color_of_many_blocks(monkeypatch):
    values = np.random.default_rng(1).integers(0, 256, (41, 4, 4, 3)).astype(np.uint8)
    whole = mean_color(values)
    monkeypatch.setattr("pipeline.deep.input.training_input.BLOCK_VALUES", 100)
    assert np.array_equal(mean_color(values), whole)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"crop": 2}, ["crop: 2", "needs pixels", "Drop it"]),
        ({"shift": 0.1}, ["shift: 0.1", "needs pixels"]),
        ({"cutout": 4, "flip": True}, ["cutout: 4", "needs pixels"]),
        ({"flip": True}, ["flip", "mirrored"]),
    ],
    ids=str,
)
def test_augmentations_that_need_pixels_are_rejected(labels, options, words):
    with pytest.raises(StudyError) as error:
        TrainingInput(np.zeros((48, 5), np.float32), labels, spec_of(**options), 0)
    assert all(word in str(error.value) for word in words)


@pytest.mark.parametrize("option", ["crop", "cutout"])
def test_crop_and_cutout_must_be_smaller_than_the_image(images, labels, option):
    with pytest.raises(StudyError, match=rf"{option}: 8 .*8×8 pixels; expected less than 8"):
        TrainingInput(images, labels, spec_of(**{option: 8}), 0)
