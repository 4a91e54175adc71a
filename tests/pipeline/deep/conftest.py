"""Networks that are trained once for several tests."""

import pytest
import tensorflow as tf
from deep_cases import deep_spec, splits
from network_cases import forget


@pytest.fixture(scope="session")
def three_classes():
    return splits(3)


@pytest.fixture(scope="session")
def trained(three_classes):
    """LeNet-5 on three classes; (spec, result)."""
    from pipeline.deep.training.fitting import train

    images, labels, _ = three_classes
    spec = deep_spec("lenet5", epochs=6, batch_size=20, learning_rate=3e-3, dropout=0.1)
    return spec, train(spec, images, labels, 3, seed=1)


@pytest.fixture
def eager():
    """Nothing is compiled: for a deep network that takes longer than the few steps of a test."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(autouse=True)
def unchecked(request, monkeypatch):
    """Skips the checks before training, which compile a copy of the network.

    They still run in session fixtures, and in tests that are marked `checked`.
    """
    if "checked" in request.keywords or "preflight" in request.module.__name__:
        return
    from pipeline.deep.training import fitting

    monkeypatch.setattr(fitting, "preflight", lambda *_: {})


@pytest.fixture(autouse=True, scope="module")
def forgotten():
    """Frees the networks of a file afterward."""
    yield
    forget()
