"""From somebody's images to a params.yaml that fits into the time."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.checks import StudyError
from pipeline.commands.compare.__main__ import main, seconds_of, workspace_name
from pipeline.commands.compare.candidates import CANDIDATES
from pipeline.commands.compare.choice import NEEDED, choose, document
from pipeline.commands.compare.params_text import params_text
from pipeline.commands.compare.speeds import Speeds
from pipeline.commands.compare.survey import Survey, survey
from pipeline.config.params import load_params

SPEEDS = Speeds(base_pixel=1.5e-7, flops=1e11)


def images(n=300, classes=("ant", "bee"), imbalance=1, side=180, splits=("train",)):
    counts = {name: n // len(classes) for name in classes}
    counts[classes[0]] *= imbalance
    return Survey(Path("/photos"), counts, dict.fromkeys(splits, n), side, 0.002)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("20m", 1200), ("1.5h", 5400), ("20", 1200), ("5 min", 300)]
)
def test_times_are_read(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5m", "0m", "5 days"])
def test_other_times_are_refused(text):
    with pytest.raises(StudyError, match="expected a time such as 90s"):
        seconds_of(text)


def test_the_workspace_is_named_after_the_images():
    assert workspace_name(Path("/home/me/My photos (2).tar.gz")) == "My-photos-2"
    assert workspace_name(Path("/home/me/фото")) == "images"
    with pytest.raises(StudyError, match="such as my-photos"):
        workspace_name(Path("/x"), "my photos")


def test_more_time_buys_more_runs_and_the_needed_ones_come_first():
    chosen = [choose(images(), SPEEDS, budget) for budget in (120, 900, 36_000)]
    names = [[each.name for each in one.runs] for one in chosen]
    assert set(NEEDED) <= set(names[0])
    assert len(names[0]) < len(names[1]) <= len(names[2]) == len(CANDIDATES)
    for one, budget in zip(chosen, (120, 900, 36_000), strict=True):
        assert one.total <= budget
        assert set(one.left_out) == {each.name for each in CANDIDATES} - {e.name for e in one.runs}


@pytest.mark.parametrize(
    ("found", "folds"),
    [
        (images(999), 10),
        (images(1_999), 5),
        (images(2_000), None),
        (images(500, splits=("train", "test")), None),  # somebody has chosen test images
    ],
)
def test_few_images_without_a_test_folder_are_cross_validated(found, folds):
    assert choose(found, SPEEDS, 900).folds == folds


def test_many_images_are_limited_where_time_is_short_and_little_time_is_refused():
    many = choose(images(60_000), SPEEDS, 900)
    assert many.limit is not None
    assert many.limit < 60_000
    assert many.total <= 900
    with pytest.raises(StudyError, match=r"a budget of 0.5 minutes.*BUDGET=30m"):
        choose(images(2_000_000), SPEEDS, 30)


@pytest.mark.parametrize(
    "found",
    [images(), images(5_000, side=1200), images(imbalance=3), images(60_000), images(side=20)],
)
def test_what_is_written_is_a_valid_study(found, tmp_path):
    chosen = choose(found, SPEEDS, 3_600)
    path = tmp_path / "params.yaml"
    path.write_text(params_text(chosen, found, 3_600, "make compare"), encoding="utf-8")
    params = load_params(path)
    assert [run.name for run in params.roster] == [
        run.name for kind in ("classical", "deep") for run in chosen.runs if run.kind == kind
    ]
    assert params.dataset.size == min(256, found.shorter_side)
    entries = document(chosen, found)
    weighted = [each["balance"] for kind in ("classical", "deep")
                for each in entries[kind].values() if "balance" in each]  # fmt: skip
    assert bool(weighted) == (found.imbalance > 1.5)


def write_images(folder, rng):
    for name, n in (("ant", 3), ("bee", 4)):
        (folder / "photos" / name).mkdir(parents=True)
        for index in range(n):
            pixels = rng.integers(0, 256, (40, 60 + index, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "photos" / name / f"{index}.png")
    (folder / "photos" / "bee" / "notes.txt").write_text("seven images")


def test_a_survey_counts_images_and_measures_them(tmp_path, rng):
    write_images(tmp_path, rng)
    found = survey(tmp_path / "photos")
    assert found.classes == {"ant": 3, "bee": 4}
    assert found.splits == {"train": 7}
    assert found.shorter_side == 40
    assert 0 < found.decode_seconds < 10


def test_a_plan_is_written_and_kept_after_an_edit(tmp_path, rng, monkeypatch, capsys):
    write_images(tmp_path, rng)
    monkeypatch.setattr("pipeline.commands.compare.__main__.measure", lambda: SPEEDS)
    monkeypatch.setattr("pipeline.commands.workspace.populate", _only_params)
    monkeypatch.chdir(tmp_path)
    assert main(["photos", "--plan"]) == 0
    path = tmp_path / "workspaces" / "photos" / "params.yaml"
    edited = path.read_text() + "# mine\n"
    path.write_text(edited)
    assert main(["photos", "--plan"]) == 0
    assert path.read_text() == edited
    assert "as it is" in capsys.readouterr().out
    assert main(["photos", "--plan", "--again"]) == 0
    assert "# mine" not in path.read_text()
    (tmp_path / "others").mkdir()
    assert main(["others", "--plan", "--name", "photos"]) == 1
    assert "is about" in capsys.readouterr().err


def _only_params(folder, root, params):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(params)


def test_a_folder_without_images_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert main(["empty"]) == 1
    assert "found no images" in capsys.readouterr().err
