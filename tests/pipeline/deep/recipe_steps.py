"""Three steps of a recipe, taken in a process of their own."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any


def take_steps(entry: dict[str, Any], steps: int) -> dict[str, Any]:
    """Train a recipe for a few eager steps, without the checks before a training.

    Returns:
        Whether all scores of the test images are finite, the epochs that were run, and the phases.
    """
    import numpy as np
    import tensorflow as tf
    from deep_cases import splits
    from network_cases import forget

    from pipeline import inference
    from pipeline.config import registry
    from pipeline.deep.training import fitting

    tf.config.run_functions_eagerly(True)
    inference.ACTIVATION_BYTES = 2**24  # fewer images at once
    fitting.preflight = lambda *_: {}
    spec = registry.parse("deep", entry, "deep.recipe")
    images, labels, _ = splits(10, side=32, sizes=(steps * entry["batch_size"], 2, 2))
    labels = {split: np.asarray(values) for split, values in labels.items()}
    with tempfile.TemporaryDirectory() as folder:
        result = fitting.train(spec, images, labels, 10, seed=0, cache_folder=Path(folder))
    found = {
        "finite": bool(np.isfinite(result.scores["test"]).all()),
        "epochs": result.notes["epochs_run"],
        "phases": len(spec.phases()),
    }
    del result
    forget()
    return found
