"""Figures as files."""

from __future__ import annotations

import io

import altair as alt
import numpy as np
import pandas as pd
import vl_convert
from PIL import Image

from pipeline.page import rendering


def test_a_png_in_few_colors_looks_the_same():
    table = pd.DataFrame({"x": np.arange(40) % 8, "y": np.arange(40) // 8, "z": np.arange(40)})
    chart = (
        alt.Chart(table).mark_rect().encode(x="x:O", y="y:O", color="z:Q").properties(title="All")
    )
    plain = vl_convert.vegalite_to_png(chart.to_dict(), scale=2)

    small = rendering.with_palette(plain)

    assert len(small) < len(plain) / 2
    before, after = (
        np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), int) for png in (plain, small)
    )
    assert before.shape == after.shape
    assert abs(before - after).max() <= 8
