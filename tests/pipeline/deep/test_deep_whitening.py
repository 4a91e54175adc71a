"""The whitening layer: uncorrelated responses, in every network, and what of it is trained."""

import numpy as np
import pytest
from deep_cases import deep_spec, splits

from pipeline.checks import StudyError
from pipeline.deep import whitening
from pipeline.deep.whitening import whitening_kernels

NETWORKS = ["mlp", "lenet5", "alexnet", "googlenet", "resnet", "vgg16"]


@pytest.fixture(scope="module")
def images():
    """Smooth noise, so that neighboring pixels and colors are correlated."""
    noise = np.random.default_rng(0).normal(size=(400, 18, 18, 3))
    smooth = noise[:, :-2, :-2] + noise[:, 1:-1, :-2] + noise[:, 1:-1, 1:-1] + noise[:, 2:, 2:]
    smooth += smooth.mean(axis=-1, keepdims=True)
    pixels = np.clip(128 + 30 * smooth, 0, 255).astype(np.uint8)
    pixels.flags.writeable = False
    return pixels


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
    monkeypatch.setattr(whitening, "POSITIONS", 16 * 16 * 40)
    spec = deep_spec("airbench", width=0.1)
    networks = [spec.network((16, 16, 3), 10) for _ in range(2)]
    spec.initialize(networks[0], images)
    spec.initialize(networks[1], images[np.linspace(0, 399, 40).astype(int)])
    first, second = (network.get_layer("whitening").get_weights()[0] for network in networks)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("method", NETWORKS)
def test_every_network_on_pixels_can_start_with_it(images, method):
    """It keeps height and width, so that the network behind it is as large as before."""
    large = np.kron(images[:4], np.ones((1, 2, 2, 1), np.uint8))
    spec = deep_spec(method, width=0.05, whitening=True)
    network = spec.network(large.shape[1:], 10)
    assert network.get_layer("whitening").output.shape[1:] == (32, 32, 24)
    spec.initialize(network, large)
    kernel, bias = network.get_layer("whitening").get_weights()
    half = kernel.shape[-1] // 2
    np.testing.assert_array_equal(kernel[..., half:], -kernel[..., :half])
    assert not bias.any()


def test_it_is_fitted_on_what_it_reads(images):
    """Enlarged images are smoother: their patches have other principal components."""
    spec = deep_spec("alexnet", width=0.05, whitening=True, image_size=32)
    network = spec.network(images.shape[1:], 10)
    spec.initialize(network, images)
    enlarged = network.get_layer("resize")(spec.preprocessing(images)(images))
    expected = whitening_kernels(np.asarray(enlarged), 2)
    kernel = network.get_layer("whitening").get_weights()[0]
    np.testing.assert_allclose(np.abs(kernel[..., :6]), np.abs(expected[..., :6]), rtol=1e-2)


@pytest.mark.parametrize("epochs", [0, 1])
def test_training_changes_its_bias_alone(epochs):
    images, labels, _ = splits(3, side=16, sizes=(60, 6, 3))
    spec = deep_spec("airbench", width=0.1, whitening_bias_epochs=epochs)
    network = spec.network((16, 16, 3), 3)
    spec.initialize(network, images["train"])
    names = ("whitening", "group1_conv1", "output")
    before = {name: network.get_layer(name).get_weights() for name in names}
    network.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    network.fit(images["train"] / 255, labels["train"], batch_size=30, epochs=1, verbose=0)
    moved = {
        name: [
            bool((new != old).any())
            for new, old in zip(network.get_layer(name).get_weights(), before[name], strict=True)
        ]
        for name in names
    }
    assert moved == {
        "whitening": [False, True][: 1 + epochs],
        "group1_conv1": [True],
        "output": [True],
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patch": 3}, "found patch, but no whitening"),
        ({"whitening": True, "activation": "maxout"}, "another activation"),
    ],
)
def test_options_that_contradict_each_other(options, message):
    with pytest.raises(StudyError, match=message):
        deep_spec("lenet5", **options)


def test_features_of_a_frozen_base_are_not_whitened():
    with pytest.raises(StudyError, match="whitening"):
        deep_spec("transfer", weights="random", whitening=True)
