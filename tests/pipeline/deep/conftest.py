"""Networks that are trained once for several tests."""

import pytest
from deep_cases import deep_spec, splits


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


@pytest.fixture(autouse=True)
def unchecked(request, monkeypatch):
    """Skips the checks before training, which compile a copy of the network.

    They still run in session fixtures, and in tests that are marked `checked`.
    """
    if "checked" in request.keywords or "preflight" in request.module.__name__:
        return
    from pipeline.deep.training import fitting

    monkeypatch.setattr(fitting, "preflight", lambda *_: {})
