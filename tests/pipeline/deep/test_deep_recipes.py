"""Every network of every study takes three steps as it stands there, at its full width and size.

Where no GPU is at hand this is what is known of the recipes for one: they build, their options
agree, and three steps lead to finite scores.
"""

import numpy as np
from deep_cases import splits

from pipeline.commands.overlays import compose
from pipeline.config import registry
from pipeline.deep.training.fitting import train

STEPS, BATCH = 3, 4


def recipes(root):
    """What to train of all networks, by study and run; what is the same in several comes once."""
    found = {}
    studies = {path.stem: [path] for path in sorted((root / "studies").glob("*.yaml"))}
    for name, overlays in {"params": [], **studies}.items():
        for run, entry in compose(root, overlays).get("deep", {}).items():
            if (shortened := short(entry)) not in found.values():
                found[f"{name}-{run}"] = shortened
    return found


def pytest_generate_tests(metafunc):
    found = recipes(metafunc.config.rootpath)
    metafunc.parametrize("entry", list(found.values()), ids=list(found))


def short(entry):
    """The recipe with three steps in each phase, of small batches, from weights that are drawn."""
    entry = {**entry, "epochs": 1, "batch_size": BATCH, "seeds": None, "warmup": 0}
    if "weights" in entry:
        entry["weights"] = "random"
    if "then" in entry:
        entry["then"] = [{**phase, "epochs": 1} for phase in entry["then"]]
    return entry


def test_three_steps(entry, tmp_path):
    spec = registry.parse("deep", entry, "deep.recipe")
    images, labels, _ = splits(10, side=32, sizes=(BATCH * STEPS, 10, 4))
    labels = {split: np.asarray(values) for split, values in labels.items()}
    result = train(spec, images, labels, 10, seed=0, cache_folder=tmp_path)
    assert np.isfinite(result.scores["test"]).all()
    assert result.notes["epochs_run"] == len(spec.phases())
