"""The layout of pictures on the page."""

from __future__ import annotations

import pandas as pd
import pytest
from synthetic_study import NORMAL, made_up

from pipeline.reporting.galleries import KINDS, MOST_SETS, feature_gallery, sure_runs
from pipeline.storage.pictures import FEATURES


def table(*rows):
    return pd.DataFrame(rows, columns=list(FEATURES.names))


def original(id_, name="cat"):
    return ("", "", 48, "original", id_, name, f"features/{id_}.png", f"image {id_}")


def drawn(features, id_, kind="image"):
    path = f"features/{features}/{id_}.png"
    return (features, "method", 1600, kind, id_, "cat", path, f"{features} of {id_}")


def test_a_row_an_image_and_a_column_a_set():
    found = feature_gallery(
        table(original(4), original(7), drawn("hog", 4), drawn("hog", 7), drawn("lbp", 7),
              drawn("patches", -1, "learnt"))
    )  # fmt: skip
    assert [name for name, _ in found.sets] == ["hog", "lbp"]
    assert found.sets[0][1] == "method, 1,600 numbers"
    first, second = found.rows
    assert first.original.image == "features/4.png"
    assert [each and each.caption for each in first.seen] == ["hog of 4", None]
    assert [each and each.caption for each in second.seen] == ["hog of 7", "lbp of 7"]
    assert [name for name, _, _ in found.learnt] == ["patches"]
    assert len(found.paths) == 6
    assert "features/patches/-1.png" in found.paths


def test_without_any_set_there_is_no_gallery():
    assert feature_gallery(table(original(4))) is None
    assert feature_gallery(table()) is None


def test_learnt_pictures_alone_need_no_originals():
    found = feature_gallery(table(original(4), drawn("patches", -1, "learnt")))
    assert found.rows == ()
    assert found.paths == ["features/patches/-1.png"]


def test_the_page_stays_small():
    rows = [drawn(f"set{index}", 4) for index in range(MOST_SETS + 3)]
    found = feature_gallery(table(original(4), *rows))
    assert len(found.sets) == MOST_SETS
    assert found.left_out == 3


@pytest.fixture(scope="module")
def results():
    return made_up(NORMAL)[0]


def test_sure_images_of_each_familys_best(results):
    found = sure_runs(results)
    assert {each.family: each.run for each in found} == results.study["families_best"]
    for run in found:
        assert [title for title, _ in run.kinds] == list(KINDS.values())
        right, wrong, _ = (images for _, images in run.kinds)
        assert all(image.correct for image in right)
        assert not any(image.correct for image in wrong)
        shares = [float(image.confidence.rstrip("\u202f%")) for image in right]
        assert shares == sorted(shares, reverse=True)


def test_kinds_without_an_image_are_left_out(results):
    certainty = results.tables["certainty"]
    results = made_up(NORMAL[:1])[0]
    results.tables["certainty"] = certainty[certainty["kind"] == "unsure"]
    assert {title for run in sure_runs(results) for title, _ in run.kinds} == {"Least sure"}
