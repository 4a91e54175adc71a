"""How numbers and names are written."""

from __future__ import annotations

from typing import get_args

import pytest

from pipeline.page import formats
from pipeline.storage.columns import Format


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.12345, "0.123"), (2.345, "2.35"), (94.06, "94.1"), (312.4, "312"), (16384.2, "16,384"),
     (0.0, "0"), (0.00004, "0.000040"), (float("nan"), "–")],
)  # fmt: skip
def test_quantity(value, text):
    assert formats.quantity(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.843, "0.843 s"), (94.06, "94 s"), (312, "312 s"), (1500, "25 min"), (11100, "3 h 05 min")],
)
def test_duration(seconds, text):
    assert formats.duration(seconds) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [(1e-9, "p < 0.001"), (0.00123, "p = 0.0012"), (0.0524, "p = 0.052"), (1.0, "p = 1.00")],
)
def test_p_value(p, text):
    assert formats.p_value(p) == text


def test_points_and_percent():
    assert formats.points(-0.0123) == "\u22121.2"
    assert formats.points(-0.0001) == "0.0"
    assert formats.percent(0.8013) == "80.1%"


@pytest.mark.parametrize(
    ("format_", "value", "text"),
    [
        ("text", "hog+color", "hog+color"),
        ("number", -0.25, "\u22120.25"),
        ("percent", 0.5, "50.0%"),
        ("points", 0.5, "50.0"),
        ("count", 61706.0, "61,706"),
        ("quantity", 94.06, "94.1"),
        ("decimal", 0.71239, "0.712"),
        ("p_value", 1e-9, "p < 0.001"),
        ("yes_no", False, "no"),
        *((each, float("nan"), formats.MISSING) for each in formats.FORMATS),
    ],
)
def test_values_of_columns(format_, value, text):
    assert formats.formatted(value, format_) == text


def test_every_format_of_a_column_has_a_function():
    assert set(formats.FORMATS) == set(get_args(Format))
