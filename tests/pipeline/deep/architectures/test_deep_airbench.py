"""The network of airbench94: its sizes, its whitening layer and its initial weights."""

import keras
import numpy as np
import pytest
from deep_cases import deep_spec, splits
from network_cases import activation_layers, build, layers_of, penalties, shapes, trainable

from pipeline.checks import StudyError
from pipeline.deep.architectures.airbench import partial_identity, whitening_kernels


def airbench(side=32, **options):
    """A network with shapes but no weights."""
    return build("airbench", (side, side, 3), **options)


@pytest.fixture(scope="module")
def images():
    """Smooth noise, so that neighboring pixels and colors are correlated."""
    noise = np.random.default_rng(0).normal(size=(400, 18, 18, 3))
    smooth = noise[:, :-2, :-2] + noise[:, 1:-1, :-2] + noise[:, 1:-1, 1:-1] + noise[:, 2:, 2:]
    smooth += smooth.mean(axis=-1, keepdims=True)
    pixels = np.clip(128 + 30 * smooth, 0, 255).astype(np.uint8)
    pixels.flags.writeable = False
    return pixels


def test_trained_parameters():
    network = airbench()
    convolutions = 24 * 64 + 64 * 64 + 64 * 256 + 3 * 256 * 256
    offsets = 2 * (64 + 256 + 256)
    assert trainable(network) == 9 * convolutions + offsets + 257 * 10 == 1_971_338
    assert network.get_layer("whitening").count_params() == 2 * 2 * 3 * 24


def test_shapes_on_32_pixels():
    expected = {
        "whitening": (31, 31, 24),
        "group1_conv1": (31, 31, 64),
        "group1_pool": (15, 15, 64),
        "group2_pool": (7, 7, 256),
        "group3_pool": (3, 3, 256),
        "group3_conv2": (3, 3, 256),
        "pool": (256,),
        "output": (10,),
    }
    assert shapes(airbench(), *expected) == expected


def test_pooling_precedes_normalization_and_activation():
    names = [layer.name for layer in airbench().layers if layer.name.startswith("group2")]
    assert names == [
        "group2_conv1",
        "group2_pool",
        "group2_conv1_bn",
        "group2_conv1_gelu",
        "group2_conv2",
        "group2_conv2_bn",
        "group2_conv2_gelu",
    ]


@pytest.mark.parametrize(("patch", "side"), [(2, 9), (3, 10)])
def test_smallest_images(patch, side):
    spec = deep_spec("airbench", patch=patch, width=0.1)
    assert spec.smallest_side() == side
    assert spec.network((side, side, 3), 10).output_shape == (None, 10)
    with pytest.raises(StudyError, match=f"expected at least {side}×{side}"):
        spec.check_size((side - 1, 40, 3))
    with pytest.raises(ValueError, match="would be zero or negative"):
        spec.network((side - 1, side - 1, 3), 10)


@pytest.mark.parametrize("patch", [2, 3])
def test_whitened_patches_of_the_training_images_are_uncorrelated(images, patch):
    spec = deep_spec("airbench", patch=patch, width=0.1)
    network = spec.network(images.shape[1:], 10)
    spec.initialize(network, images)
    standardized = spec.preprocessing(images)(images)
    responses = np.asarray(network.get_layer("whitening")(standardized))
    n = 3 * patch**2
    assert responses.shape[-1] == 2 * n
    np.testing.assert_allclose(responses[..., n:], -responses[..., :n], atol=1e-5)
    covariance = np.cov(responses[..., :n].reshape(-1, n), rowvar=False)
    np.testing.assert_allclose(covariance, np.eye(n), atol=0.05)


def test_kernels_are_principal_components_by_decreasing_variance(images):
    from sklearn.decomposition import PCA

    pixels = images[:50].astype(np.float32) / 50
    kernels = whitening_kernels(pixels, 2)
    assert kernels.shape == (2, 2, 3, 24)
    assert kernels.dtype == np.float32
    patches = np.concatenate(
        [
            pixels[:, row : row + 2, column : column + 2].reshape(len(pixels), -1)
            for row in range(15)
            for column in range(15)
        ]
    )
    pca = PCA().fit(patches.astype(np.float64))
    found = kernels.reshape(12, 24)[:, :12].T
    lengths = np.linalg.norm(found, axis=1)
    np.testing.assert_allclose(lengths, (pca.explained_variance_ + 5e-4) ** -0.5, rtol=1e-4)
    cosines = np.abs(np.sum(found * pca.components_, axis=1)) / lengths
    np.testing.assert_allclose(cosines, 1, atol=1e-3)


def test_flat_images_give_finite_kernels():
    assert np.isfinite(whitening_kernels(np.zeros((3, 9, 9, 3), np.float32), 2)).all()


def test_whitening_uses_a_sample_of_many_images(monkeypatch, images):
    monkeypatch.setattr("pipeline.deep.architectures.airbench.WHITENING_POSITIONS", 16 * 16 * 40)
    spec = deep_spec("airbench", width=0.1)
    networks = [spec.network((16, 16, 3), 10) for _ in range(2)]
    spec.initialize(networks[0], images)
    spec.initialize(networks[1], images[np.linspace(0, 399, 40).astype(int)])
    first, second = (network.get_layer("whitening").get_weights()[0] for network in networks)
    np.testing.assert_array_equal(first, second)


def test_partial_identity_passes_channels_through():
    kernel = np.random.default_rng(0).normal(size=(3, 3, 4, 6)).astype(np.float32)
    found = partial_identity(kernel)
    images = np.random.default_rng(1).normal(size=(1, 5, 5, 4)).astype(np.float32)
    outputs = np.asarray(keras.ops.conv(images, found, padding="same"))
    np.testing.assert_array_equal(outputs[..., :4], images)
    np.testing.assert_array_equal(found[..., 4:], kernel[..., 4:])
    narrowing = partial_identity(np.ones((3, 3, 4, 2), np.float32))
    np.testing.assert_array_equal(np.argwhere(narrowing), [[1, 1, 0, 0], [1, 1, 1, 1]])


@pytest.mark.parametrize("batch_norm", [True, False])
def test_convolutions_start_as_the_identity(images, batch_norm):
    spec = deep_spec("airbench", width=0.1, batch_norm=batch_norm)
    network = spec.network(images.shape[1:], 10)
    spec.initialize(network, images)
    for name in ("group1_conv1", "group1_conv2", "group2_conv1", "group3_conv2"):
        kernel = network.get_layer(name).get_weights()[0]
        np.testing.assert_array_equal(kernel, partial_identity(kernel))


def test_training_does_not_change_the_whitening():
    images, labels, _ = splits(3, side=16, sizes=(60, 6, 3))
    spec = deep_spec("airbench", width=0.1)
    network = spec.network((16, 16, 3), 3)
    spec.initialize(network, images["train"])
    names = ("whitening", "group1_conv1", "output")
    before = {name: network.get_layer(name).get_weights()[0] for name in names}
    network.compile("sgd", "sparse_categorical_crossentropy", jit_compile=False)
    network.fit(images["train"] / 255, labels["train"], batch_size=30, epochs=1, verbose=0)
    moved = [
        name for name in names if (network.get_layer(name).get_weights()[0] != before[name]).any()
    ]
    assert moved == ["group1_conv1", "output"]


def test_logits_are_scaled_down():
    scale = airbench(9, width=0.1, logit_scale=0.25).get_layer("logit_scale")
    np.testing.assert_allclose(scale(np.array([[4.0, -8.0]])), [[1, -2]])
    assert airbench().get_layer("logit_scale").scale == pytest.approx(1 / 9)


def test_width_scales_the_filters_but_not_the_whitening():
    network = airbench(width=0.5)
    names = ("whitening", "group1_conv1", "group2_conv2", "group3_conv2")
    assert [network.get_layer(name).filters for name in names] == [24, 32, 128, 128]


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "elu", "leaky_relu", "prelu", "gelu"])
def test_activation_follows_each_layer(name):
    network = airbench(9, width=0.1, activation=name)
    assert len(activation_layers(network, name)) == 7


def test_maxout_is_rejected():
    with pytest.raises(StudyError, match=r"deep\.airbench\.activation: found 'maxout'"):
        deep_spec("airbench", activation="maxout")


def test_batch_normalization_has_no_trained_scale_and_can_be_left_out():
    layers = layers_of(airbench(), "BatchNormalization")
    assert [layer.scale for layer in layers] == [False] * 6
    network = airbench(9, width=0.1, batch_norm=False)
    assert layers_of(network, "BatchNormalization") == []
    assert all(network.get_layer(f"group{group}_conv1").use_bias for group in (1, 2, 3))


def test_dropout_precedes_the_output():
    assert layers_of(airbench(), "Dropout") == []
    (layer,) = layers_of(airbench(9, width=0.1, dropout=0.3), "Dropout")
    assert (layer.name, layer.rate) == ("dropout", 0.3)


def test_penalties_apply_only_to_trained_kernels():
    network = airbench(9, width=0.1, weight_decay=0.02, l1=0.5, l2=0.25)
    assert network.get_layer("whitening").kernel_regularizer is None
    assert penalties(network) == {None, (0.5, 0.26)}
    without = [layer.name for layer in network.layers if layer.losses == []]
    assert {"group1_conv1", "group3_conv2", "output"}.isdisjoint(without)
    decoupled = airbench(9, width=0.1, weight_decay=0.02, optimizer="adamw")
    assert penalties(decoupled) == {None}
