"""What all tests share: a repeatable home for caches, and the checkout's place."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from pipeline.storage import stored_classes

pytest_plugins = ["tests.reliability"]

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ROOT = Path(__file__).resolve().parent.parent


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
