"""Every network of every study takes three steps as it stands there, at its full width and size.

Where no GPU is at hand this is what is known of the recipes for one: they build, their options
agree, and three steps lead to finite scores. Nothing is compiled here; test_deep_contract.py trains
each architecture compiled.
"""

import numpy as np
import pytest
from deep_cases import splits
from network_cases import forget

from pipeline import inference
from pipeline.commands.overlays import compose
from pipeline.config import registry
from pipeline.deep.training.fitting import train

STEPS = 3
LARGE = "full"
"""The study of the largest networks. Their batches are smaller, to take less memory."""


def recipes(root):
    """What to train of all networks, by study and run; what is the same in several comes once."""
    found = {}
    studies = {path.stem: [path] for path in sorted((root / "studies").glob("*.yaml"))}
    for name, overlays in {"params": [], **studies}.items():
        for run, entry in compose(root, overlays).get("deep", {}).items():
            shortened = short(entry, 2 if name == LARGE else 4)
            if shortened not in found.values():
                found[f"{name}-{run}"] = shortened
    return found


def pytest_generate_tests(metafunc):
    found = recipes(metafunc.config.rootpath)
    metafunc.parametrize("entry", list(found.values()), ids=list(found))


def short(entry, batch_size):
    """The recipe with three steps of small batches, from random weights.

    A further phase keeps its batches, and so makes one step of all images.
    """
    entry = {**entry, "epochs": 1, "batch_size": batch_size, "seeds": None, "warmup": 0}
    if "weights" in entry:
        entry["weights"] = "random"
    if "then" in entry:
        entry["then"] = [{**phase, "epochs": 1} for phase in entry["then"]]
    return entry


@pytest.fixture(autouse=True)
def forgotten_at_once():
    """Frees each network before the next one: some are large."""
    yield
    forget()


@pytest.mark.usefixtures("eager")
def test_three_steps(entry, tmp_path, monkeypatch):
    monkeypatch.setattr(inference, "ACTIVATION_BYTES", 2**24)  # fewer images at once
    spec = registry.parse("deep", entry, "deep.recipe")
    images, labels, _ = splits(10, side=32, sizes=(STEPS * entry["batch_size"], 2, 2))
    labels = {split: np.asarray(values) for split, values in labels.items()}
    result = train(spec, images, labels, 10, seed=0, cache_folder=tmp_path)
    assert np.isfinite(result.scores["test"]).all()
    assert result.notes["epochs_run"] == len(spec.phases())
