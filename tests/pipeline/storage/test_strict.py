"""What is read has the types that it should have, or is refused by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest

from pipeline.checks import StudyError
from pipeline.storage.strict import check_array, check_table, read_dtypes, read_record

PATH, REMEDY = Path("data/x"), "dvc repro x"


@dataclass(frozen=True)
class Record:
    name: str
    shape: tuple[int, int]
    share: float
    kind: Literal["a", "b"] = "a"


RIGHT = {"name": "n", "shape": [1, 2], "share": 1, "kind": "b"}


def test_lists_become_tuples_and_integers_are_numbers():
    assert read_record(Record, RIGHT, PATH, REMEDY) == Record("n", (1, 2), 1.0, "b")


@pytest.mark.tried(
    "Damaged artifacts",
    "a record with a field that is missing, unknown or of another type",
    "an error that names the file, the field and the command that regenerates it",
)
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "found list; expected an object"),
        ({**RIGHT, "name": ["n"]}, r"name: found \['n'\]"),
        ({**RIGHT, "name": 3}, "name: found 3"),
        ({**RIGHT, "shape": [1, 2, 3]}, "shape"),
        ({**RIGHT, "shape": [1, "2"]}, r"shape\.1: found '2'"),
        ({**RIGHT, "share": "1"}, "share: found '1'"),
        ({**RIGHT, "share": True}, "share: found True"),
        ({**RIGHT, "kind": "c"}, "kind: found 'c'"),
        ({**RIGHT, "more": 1}, "unknown: 'more'"),
        ({key: RIGHT[key] for key in ("name", "shape", "share")}, "missing: 'kind'"),
    ],
)
def test_a_record_of_another_kind_is_refused(values, message):
    with pytest.raises(StudyError, match=message) as caught:
        read_record(Record, values, PATH, REMEDY)
    assert str(caught.value).startswith(f"{PATH} has an unexpected format (")
    assert str(caught.value).endswith(f"regenerate it with: {REMEDY}")


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 3), np.dtype(">f4")),
        np.zeros((4, 3), np.float64),
        np.zeros((4, 3), np.int32),
        np.zeros((4, 2), np.float32),
        np.zeros(4, np.float32),
    ],
    ids=str,
)
def test_an_array_of_another_dtype_or_shape_is_refused(array):
    with pytest.raises(StudyError, match=r"scores: found shape .*; expected \(any, 3\) and <f4"):
        check_array(array, np.float32, (None, 3), PATH, REMEDY, "scores")


def test_a_right_array_is_given_back():
    array = np.zeros((0, 3), np.float32)
    assert check_array(array, np.float32, (None, 3), PATH, REMEDY) is array


KINDS = {"name": "text", "id": "integer", "share": "number", "mirrored": "flag"}


def read(text: str) -> pd.DataFrame:
    import io

    table = pd.read_csv(io.StringIO(text), dtype=read_dtypes(KINDS))
    return check_table(table, KINDS, PATH, REMEDY)


def test_a_right_table_is_given_back():
    table = read("name,id,share,mirrored\n01,3,0.5,True\n02,4,1,False\n")
    assert table["name"].tolist() == ["01", "02"]
    assert table["mirrored"].dtype == bool


def test_a_table_without_rows_has_the_right_dtypes():
    table = read("name,id,share,mirrored\n")
    assert [table[name].dtype.kind for name in ("id", "share", "mirrored")] == ["i", "f", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "name,id,share\n01,3,0.5\n",
        "id,name,share,mirrored\n3,01,0.5,True\n",
        "name,id,share,mirrored,more\n01,3,0.5,True,1\n",
        "name,id,share,mirrored\n01,3.5,0.5,True\n",
        "name,id,share,mirrored\n01,3,0.\x1b5,True\n",
        "name,id,share,mirrored\n01,3,True,True\n",
        "name,id,share,mirrored\n01,3,0.5,perhaps\n",
        "name,id,share,mirrored\n01,,0.5,True\n",
    ],
)
def test_a_table_of_another_kind_is_refused(text):
    with pytest.raises(StudyError, match=REMEDY):
        read(text)
