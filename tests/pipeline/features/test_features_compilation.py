"""The compiled loops of extractors: their cache, their types, and threads."""

from pathlib import Path

import numpy as np
import pytest
from feature_images import noise
from numba.core import types
from threadpoolctl import threadpool_limits

from pipeline.features import compilation
from pipeline.features.hog import compiled_blocks, compiled_votes, orientation_bins
from pipeline.features.hog.hog import Spec
from pipeline.features.symmetric_patches import compiled_pooling
from pipeline.fingerprints.modules import Code

MODULES = (compiled_blocks, compiled_votes, compiled_pooling)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_a_file_with_compiled_functions_imports_nothing_else_of_the_project(module):
    """numba compiles again after an edit of the file itself, and of no other file."""
    code = Code({})
    imported = {name for name in code[module.__name__].imported if name.startswith("pipeline")}
    assert {name for name in imported if code.has(name)} == {compilation.__name__}


def test_all_files_with_compiled_functions_are_tested():
    folder = Path(compilation.__file__).parent
    using = {
        path.stem
        for path in folder.rglob("*.py")
        if "import compiled, inlined" in path.read_text(encoding="utf-8")
    }
    assert using == {module.__name__.rpartition(".")[2] for module in MODULES}


def test_repeated_constants_are_those_of_the_tables():
    for name in ("NEAR", "AXIS", "BIN", "HALF"):
        assert getattr(compiled_votes, name) == getattr(orientation_bins, name)


@compilation.compiled(types.float64[::1])
def _doubled(numbers):
    return numbers * 2


def test_other_types_are_an_error_not_a_second_version():
    np.testing.assert_array_equal(_doubled(np.ones(3)), [2, 2, 2])
    with pytest.raises(TypeError, match="No matching definition"):
        _doubled(np.ones(3, dtype=np.int8))


def test_without_a_writable_folder_each_process_compiles(monkeypatch):
    njit = compilation.numba.njit

    def without_folders(*, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(**options)

    monkeypatch.setattr(compilation.numba, "njit", without_folders)
    half = compilation.compiled(types.float64)(lambda number: number / 2)
    assert half(3.0) == 1.5


@pytest.mark.parametrize("convention", ["skimage", "dalal_triggs"])
@pytest.mark.parametrize("transform_sqrt", [False, True])
def test_the_number_of_threads_does_not_change_a_bit(convention, transform_sqrt):
    extractor = Spec(convention=convention, transform_sqrt=transform_sqrt).build(seed=0)
    images = noise(600)
    found = []
    for threads in (1, 2, 3):
        with threadpool_limits(threads):
            found.append(extractor.transform(images))
    for each in found[1:]:
        np.testing.assert_array_equal(each, found[0])


@pytest.mark.parametrize("convention", ["skimage", "dalal_triggs"])
@pytest.mark.parametrize("channel", ["gray", "strongest"])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 2), (3, 1), (5, 3)])
def test_images_of_any_size(convention, channel, size):
    spec = Spec(convention=convention, channel=channel, cell=1, block=1, orientations=3)
    features = spec.build(seed=0).transform(noise(4, *size))
    assert features.shape == (4, size[0] * size[1] * 3)
    assert np.isfinite(features).all()
    assert features.any() == (max(size) > 2)
