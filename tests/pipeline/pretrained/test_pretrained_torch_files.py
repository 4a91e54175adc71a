"""Files of tensors: strides and dtypes, damaged files, and files that would run code."""

import hashlib
import os
import pickle
import struct
import sys
from collections import OrderedDict
from types import ModuleType

import numpy as np
import pytest

from pipeline.checks import StudyError
from pipeline.pretrained.torch_files import MAGIC_NUMBER, PROTOCOL, read_tensors

SYSTEM = {"protocol_version": PROTOCOL, "little_endian": True}
STORAGES = {"<f4": "FloatStorage", "<f2": "HalfStorage", "<i8": "LongStorage"}


class Tensor:
    """A view of a storage, pickled as PyTorch would."""

    def __init__(self, storage, shape, strides, offset=0):
        self.arguments = storage, offset, shape, strides, False, OrderedDict()

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.arguments


class Storage:
    def __init__(self, key, values):
        self.key, self.values = key, values


class _Pickler(pickle._Pickler):
    def persistent_id(self, each):
        if isinstance(each, Storage):
            kind = getattr(sys.modules["torch"], STORAGES[each.values.dtype.str])
            return "storage", kind, each.key, "cpu", each.values.size, None
        return None


@pytest.fixture
def torch_names(monkeypatch):
    """Importable names as in PyTorch, so that Python's pickler can write them."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    torch._utils = utils
    for name in STORAGES.values():
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2(*arguments):
        raise AssertionError(arguments)

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


@pytest.fixture
def write(tmp_path, torch_names):
    """Write a file of tensors; return its path and checksum."""

    def write(tensors, storages=(), replaced=(), cut=0):
        path = tmp_path / "weights.pth"
        parts = [MAGIC_NUMBER, PROTOCOL, SYSTEM, tensors, [each.key for each in storages]]
        for index, other in dict(replaced).items():
            parts[index] = other
        with path.open("wb") as stream:
            for part in parts:
                _Pickler(stream, 2).dump(part)
            for each in storages:
                stream.write(struct.pack("<q", each.values.size) + each.values.tobytes())
            stream.truncate(stream.tell() - cut)
        return path, hashlib.sha256(path.read_bytes()).hexdigest()

    return write


@pytest.fixture
def floats():
    return Storage("7", np.arange(24, dtype="<f4"))


def test_views_of_storages_of_every_dtype(write, floats):
    whole, half = Storage("3", np.array([2**40])), Storage("5", np.arange(3, dtype="<f2"))
    tensors = OrderedDict(
        plain=Tensor(floats, (4, 6), (6, 1)),
        transposed=Tensor(floats, (6, 4), (1, 6)),
        part=Tensor(floats, (2, 3), (12, 2), offset=7),
        count=Tensor(whole, (), ()),
        half=Tensor(half, (3,), (1,)),
    )
    found = read_tensors(*write(tensors, [half, floats, whole]), "")
    table = floats.values.reshape(4, 6)
    assert list(found) == list(tensors)
    np.testing.assert_array_equal(found["plain"], table)
    np.testing.assert_array_equal(found["transposed"], table.T)
    np.testing.assert_array_equal(found["part"], [[7, 9, 11], [19, 21, 23]])
    assert found["count"].shape == ()
    assert found["count"] == 2**40
    assert (found["half"].dtype, found["plain"].dtype) == (np.float16, np.float32)
    assert all(each.flags.c_contiguous for each in found.values())


def test_another_file_is_refused_before_it_is_unpickled(write, tmp_path):
    path, digest = write({}, replaced={0: Hostile(tmp_path / "ran")})
    with pytest.raises(StudyError, match=f"SHA-256 {digest}; expected {'0' * 64}. Install it"):
        read_tensors(path, "0" * 64, "Install it")
    with pytest.raises(StudyError, match=r"there is no weights file .*none\.pth. Install it"):
        read_tensors(tmp_path / "none.pth", digest, "Install it")


class Hostile:
    """Runs a command when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("part", range(5))
def test_a_file_that_would_run_code(write, tmp_path, part):
    """Even with the right checksum. The test can fail: Python's own unpickler runs the command."""
    hostile = Hostile(tmp_path / "ran")
    with pytest.raises(StudyError, match=r"found \w+\.system, which is not part of a tensor"):
        read_tensors(*write({}, replaced={part: hostile}), "")
    assert not (tmp_path / "ran").exists()
    pickle.loads(pickle.dumps(hostile))
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ((25,), (1,), 0),
        ((4, 6), (6, 1), 1),
        ((3,), (-1,), 5),
        ((2,), (1,), -1),
        ((5, 5), (5, 1), 0),
    ],
)
def test_a_tensor_beyond_its_storage(write, floats, shape, strides, offset):
    with pytest.raises(StudyError, match="beyond the 24 values of its storage"):
        read_tensors(*write({"x": Tensor(floats, shape, strides, offset)}, [floats]), "")


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({0: 5}, "found the magic number 5"),
        ({1: 1002}, "protocol 1002"),
        ({2: {"little_endian": False}}, "expected .*little-endian"),
        ({3: {"epoch": 3}}, "found epoch; expected tensors alone"),
        ({3: [1, 2]}, "is not a file of tensors"),
        ({4: ["7", "8"]}, "found 2 storages; expected 1"),
    ],
)
def test_other_contents(write, floats, replaced, message):
    tensors = {"x": Tensor(floats, (24,), (1,))}
    with pytest.raises(StudyError, match=message):
        read_tensors(*write(tensors, [floats], replaced), "")


def test_a_file_that_ends_early(write, floats):
    with pytest.raises(StudyError, match="found 24 values in 95 bytes; expected 24 of 4"):
        read_tensors(*write({"x": Tensor(floats, (24,), (1,))}, [floats], cut=1), "")


@pytest.mark.parametrize("content", [b"", b"PK\3\4 a file of a later version", b"<html>"])
def test_another_kind_of_file(tmp_path, content):
    path = tmp_path / "other.pth"
    path.write_bytes(content)
    with pytest.raises(StudyError, match=r"other\.pth is not a file of tensors"):
        read_tensors(path, hashlib.sha256(content).hexdigest(), "")
