"""Scores of corrupted images on disk."""

from pathlib import Path

import numpy as np
import pytest
from awkward_files import DAMAGES

from pipeline.checks import StudyError
from pipeline.storage.corrupted import (
    CorruptedCard,
    CorruptedScores,
    load_corrupted,
    save_corrupted,
    seal_corrupted,
)

pytestmark = pytest.mark.usefixtures("study_folder")
REMEDY = "dvc repro corrupt@svm"


def scores(rng) -> CorruptedScores:
    card = CorruptedCard("svm", 3, 0, ("fog", "contrast"), (1, 5), {"frost": "no photographs"})
    return CorruptedScores(
        card=card,
        ids=np.arange(40, 47),
        clean=rng.normal(size=(7, 3)).astype(np.float32),
        corrupted={
            name: rng.normal(size=(2, 7, 3)).astype(np.float32) for name in card.corruptions
        },
    )


def test_what_is_written_is_read(rng):
    written = scores(rng)
    save_corrupted(written)
    read = load_corrupted("svm", REMEDY)
    assert read.card == written.card
    np.testing.assert_array_equal(read.ids, written.ids)
    np.testing.assert_array_equal(read.clean, written.clean)
    assert list(read.corrupted) == ["fog", "contrast"]
    for name, values in written.corrupted.items():
        np.testing.assert_array_equal(read.corrupted[name], values)
    assert {path.name for path in Path("runs/_corrupted/svm").iterdir()} == {
        "scores.npz", "card.json", "manifest.json",
    }  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["scores.npz", "card.json"])
def test_a_missing_or_damaged_file_is_named_with_the_command(rng, name, damage):
    save_corrupted(scores(rng))
    DAMAGES[damage](Path("runs/_corrupted/svm") / name)
    with pytest.raises(StudyError) as caught:
        load_corrupted("svm", REMEDY)
    assert f"runs/_corrupted/svm/{name}" in str(caught.value)
    assert REMEDY in str(caught.value)


def test_a_card_of_something_else(rng):
    save_corrupted(scores(rng))
    Path("runs/_corrupted/svm/card.json").write_text('{"run": "svm"}', encoding="utf-8")
    seal_corrupted("svm", "")
    with pytest.raises(StudyError, match="has an unexpected format"):
        load_corrupted("svm", REMEDY)
