"""The layout of the pictures of features."""

from __future__ import annotations

import pandas as pd

from pipeline.analyses.features_seen.view import MOST_SETS, feature_gallery
from pipeline.storage.pictures import FEATURES


def table(*rows):
    return pd.DataFrame(rows, columns=list(FEATURES.names))


def original(id_, name="cat"):
    return ("", "", 48, "original", id_, name, f"features/{id_}.png", f"image {id_}")


def drawn(features, id_, kind="image"):
    path = f"features/{features}/{id_}.png"
    return (features, "method", 1600, kind, id_, "cat", path, f"{features} of {id_}")


def test_a_row_per_image_and_a_column_per_set():
    found = feature_gallery(
        table(original(4), original(7), drawn("hog", 4), drawn("hog", 7), drawn("lbp", 7),
              drawn("patches", -1, "learned"))
    )  # fmt: skip
    assert [name for name, _ in found.sets] == ["hog", "lbp"]
    assert found.sets[0][1] == "method, 1,600 features"
    first, second = found.rows
    assert first.original.image == "features/4.png"
    assert [each and each.caption for each in first.seen] == ["hog of 4", None]
    assert [each and each.caption for each in second.seen] == ["hog of 7", "lbp of 7"]
    assert [name for name, _, _ in found.learned] == ["patches"]
    assert len(found.paths) == 6
    assert "features/patches/-1.png" in found.paths


def test_without_any_set_there_is_no_gallery():
    assert feature_gallery(table(original(4))) is None
    assert feature_gallery(table()) is None


def test_learned_pictures_alone_need_no_originals():
    found = feature_gallery(table(original(4), drawn("patches", -1, "learned")))
    assert found.rows == ()
    assert found.paths == ["features/patches/-1.png"]


def test_the_page_stays_small():
    rows = [drawn(f"set{index}", 4) for index in range(MOST_SETS + 3)]
    found = feature_gallery(table(original(4), *rows))
    assert len(found.sets) == MOST_SETS
    assert found.left_out == 3
