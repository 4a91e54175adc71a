"""The stage as a whole, and what `evaluate` says of a file that is none of its own."""

import numpy as np
import pandas as pd
import pytest

from pipeline.checks import StudyError
from pipeline.storage import near_duplicates
from pipeline.storage.files import save_json, save_text
from pipeline.storage.splits import PREPARED, SPLITS, save_split
from stages import duplicates

pytestmark = pytest.mark.usefixtures("study_folder")


def test_it_finds_copies_by_pixels_alone(rng, capsys):
    images = rng.integers(0, 256, (30, 16, 16, 3)).astype(np.uint8)
    images[4] = images[22] = images[3]
    images[12] = images[25][:, ::-1]
    parts = {"train": slice(0, 10), "validation": slice(10, 20), "test": slice(20, 30)}
    for split, part in parts.items():
        ids = np.arange(100, 130)[part]
        save_split(split, images[part], np.zeros(10), ids)
        (PREPARED / "labels" / f"{split}.npy").unlink()  # it needs none
    duplicates.main()
    found = near_duplicates.load_duplicates()
    assert found.pairs.drop(columns="similarity").to_numpy().tolist() == [
        [122, 103, "train", "exact", False],
        [125, 112, "validation", "alike", True],
    ]
    assert found.pairs["mirrored"].dtype == bool
    assert found.copies.to_numpy().tolist() == [
        [104, "train", 103, "train"], [122, "test", 103, "train"]
    ]  # fmt: skip
    assert found.check.tells
    reported = capsys.readouterr().out
    assert "1 of 10 test images (10.00%) are exact copies" in reported
    assert "1 more look alike" in reported


def test_none_is_an_empty_table(rng):
    for split in SPLITS:
        images = rng.integers(0, 256, (5, 16, 16, 3)).astype(np.uint8)
        save_split(split, images, np.zeros(5), np.arange(5))
    duplicates.main()
    found = near_duplicates.load_duplicates()
    assert found.pairs.empty
    assert found.copies.empty


def test_a_missing_file_is_named_with_its_remedy():
    with pytest.raises(StudyError, match=r"no data.duplicates\.csv.*dvc repro duplicates"):
        near_duplicates.load_duplicates()


def test_another_table_is_refused():
    columns = (near_duplicates.DUPLICATE_COLUMNS, near_duplicates.COPY_COLUMNS)
    pairs, copies = (pd.DataFrame(columns=list(each)) for each in columns)
    check = near_duplicates.SimilarityCheck(1.0, 1, 1, 1, 1)
    near_duplicates.save_duplicates(near_duplicates.Duplicates(pairs, copies, check))
    save_text(near_duplicates.DUPLICATES, "id,name\n1,a\n")
    near_duplicates.seal_duplicates("")
    with pytest.raises(StudyError, match=r"columns id, name; expected test_id.*repro duplicates"):
        near_duplicates.load_duplicates()
    near_duplicates.save_duplicates(near_duplicates.Duplicates(pairs, copies, check))
    save_json(near_duplicates.LIKENESS, {"threshold": 1})
    near_duplicates.seal_duplicates("")
    with pytest.raises(StudyError, match=r"likeness.json has an unexpected.*repro duplicates"):
        near_duplicates.load_duplicates()
