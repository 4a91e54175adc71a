"""Real trainings, and from which epoch on they overfit."""

import numpy as np
from deep_cases import deep_spec, splits

from pipeline.analyses.learning_curves.onset import onset
from pipeline.deep.training.fitting import train


def test_few_images_without_regularization_are_memorized():
    """The squares are so faint that what is learned from 30 images is mostly their noise."""
    images, labels, _ = splits(3, side=12, sizes=(30, 60, 6))
    rng = np.random.default_rng(0)
    for split, pixels in images.items():
        noise = rng.integers(0, 255, pixels.shape)
        images[split] = (0.15 * pixels + 0.85 * noise).astype(np.uint8)
    spec = deep_spec("mlp", width=0.1, dropout=0, schedule="constant", epochs=14, batch_size=10,
                     learning_rate=5e-3)  # fmt: skip
    history = train(spec, images, labels, 3, seed=1).history.assign(run="net", seed=0)
    found = onset(history)
    losses = history[(history["metric"] == "loss") & (history["split"] == "validation")]
    assert losses["value"].idxmin() < losses.index[losses["x"] == found.epoch][0]
    assert (losses[losses["x"] >= found.epoch]["value"] > 1.04 * losses["value"].min()).all()
    assert found.last > 1.05 * found.lowest
    assert found.train_last < found.train_then


def test_what_generalizes_does_not_overfit(trained):
    _, result = trained
    assert onset(result.history.assign(run="net", seed=0)) is None
