"""What all tests share: a repeatable home for caches, and the checkout's place."""

from __future__ import annotations

import gc
import os
import tempfile
from pathlib import Path

WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
"""How many threads libraries use, which they read when they are imported."""

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if WORKERS > 1:  # each gets its share of the cores, and so do the processes that it starts
    for each in THREADS:
        os.environ.setdefault(each, str(max(1, (os.cpu_count() or 1) // WORKERS)))

if "PYTEST_XDIST_WORKER" not in os.environ:  # workers, and processes of tests, inherit it
    CACHES = tempfile.TemporaryDirectory(prefix="caches-of-tests-")
    # Where its verdict cannot be kept, `precision: auto` is float32: on every processor, tests
    # compare the same numbers.
    Path(CACHES.name, "classical-versus-deep", "bfloat16.json").mkdir(parents=True)
    os.environ["XDG_CACHE_HOME"] = CACHES.name

import numpy as np  # noqa: E402
import pytest  # noqa: E402

from pipeline.storage import stored_classes  # noqa: E402

pytest_plugins = ["tests.reliability"]

ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with slow tests first; xdist keeps this order with `--no-loadscope-reorder`."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish() -> None:
    """Keep the garbage collector from looking through imported modules again and again."""
    gc.freeze()


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def storable(request, monkeypatch) -> None:
    """Let objects of classes that a test file defines be stored, as if it were a method's file."""
    packages = (*stored_classes.PACKAGES, f"{request.module.__name__}.")
    monkeypatch.setattr(stored_classes, "PACKAGES", packages)


@pytest.fixture
def study_folder(tmp_path, monkeypatch) -> Path:
    """An empty folder as the working directory, where artifacts are read and written."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The splits whose base features were computed and not read from the cache."""
    from pipeline.pretrained import base_features  # imports Keras

    seen = []

    def counted(model, images, what):
        seen.append(what.removeprefix("VGG16, "))
        yield from compute(model, images, what)

    compute = base_features._batches
    monkeypatch.setattr(base_features, "_batches", counted)
    return seen
