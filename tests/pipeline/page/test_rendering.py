"""Figures as files."""

from __future__ import annotations

import io

import altair as alt
import numpy as np
import pandas as pd
import psutil
import pytest
import vl_convert
from PIL import Image

from pipeline.checks import StudyError
from pipeline.page import conversion


def test_a_png_in_few_colors_looks_the_same():
    table = pd.DataFrame({"x": np.arange(40) % 8, "y": np.arange(40) // 8, "z": np.arange(40)})
    chart = (
        alt.Chart(table).mark_rect().encode(x="x:O", y="y:O", color="z:Q").properties(title="All")
    )
    plain = vl_convert.vegalite_to_png(chart.to_dict(), scale=2)

    small = conversion.with_palette(plain)

    assert len(small) < len(plain) / 2
    before, after = (
        np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), int) for png in (plain, small)
    )
    assert before.shape == after.shape
    assert abs(before - after).max() <= 8


def test_a_conversion_in_the_second_process_equals_one_in_this():
    empty = '<svg xmlns="http://www.w3.org/2000/svg" width="2" height="1"><!-- é --></svg>'
    with conversion.beside() as ask:
        assert ask(conversion.png, empty).result() == conversion.png(empty)


def test_a_conversion_that_fails_shows_its_traceback(capfd):
    with conversion.beside() as ask, pytest.raises(RuntimeError, match="png failed"):
        ask(conversion.png, "<svg").result()
    assert "Traceback" in capfd.readouterr().err


def test_a_second_process_that_was_killed_is_named():
    before = psutil.Process().children()
    with conversion.beside() as ask:
        (started,) = set(psutil.Process().children()) - set(before)
        started.kill()
        with pytest.raises(StudyError, match=r"signal 9 in `png`.*run the same command"):
            ask(conversion.png, "<svg/>").result()
