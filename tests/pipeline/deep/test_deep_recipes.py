"""Every network of every study takes three steps as it stands there, at its full width and size.

Where no GPU is at hand this is what is known of the recipes for one: they build, their options
agree, and three steps lead to finite scores. Nothing is compiled here; test_deep_contract.py trains
each architecture compiled.
"""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from recipe_steps import take_steps

from pipeline.commands.overlays import compose

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


@pytest.fixture(scope="module")
def process():
    """A process for these networks, some of which are large: it gives their memory back."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield pool


def test_three_steps(entry, process):
    found = process.submit(take_steps, entry, STEPS).result()
    assert found["finite"]
    assert found["epochs"] == found["phases"]
