"""What people point `make compare` at: from a plan to prepared images, or to a clear error."""

import numpy as np
import pytest
from PIL import Image

from pipeline.commands.compare.__main__ import main
from pipeline.commands.compare.speeds import Speeds
from pipeline.storage.splits import load_dataset_card
from stages import fetch, prepare

pytestmark = pytest.mark.usefixtures("study_folder")


@pytest.fixture(autouse=True)
def known_speeds(monkeypatch):
    monkeypatch.setattr("pipeline.commands.compare.__main__.measure", lambda: Speeds(1.5e-7, 1e11))
    monkeypatch.setattr("pipeline.commands.workspace.populate", _only_params)


def _only_params(folder, root, params):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(params, encoding="utf-8")


def write(folder, rng, counts, size=(20, 16), suffix="png"):
    for name, n in counts.items():
        (folder / name).mkdir(parents=True)
        for index in range(n):
            pixels = rng.integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index}.{suffix}")


def prepared(monkeypatch, study_folder, budget="15m"):
    assert main(["photos", "--plan", "--budget", budget]) == 0
    monkeypatch.chdir(study_folder / "workspaces" / "photos")
    fetch.main()
    prepare.main()
    return load_dataset_card()


def refused(capsys):
    assert main(["photos", "--plan"]) == 1
    return capsys.readouterr().err


def test_a_class_with_one_image_is_left_out_and_named(study_folder, rng, monkeypatch):
    write(study_folder / "photos", rng, {"ant": 9, "bee": 9, "yeti": 1})
    card = prepared(monkeypatch, study_folder)
    assert card.class_names == ("ant", "bee")
    assert card.sizes["test"] == 18
    assert [each["names"] for each in card.left_out] == [["yeti"]]


def test_one_class_is_refused(study_folder, rng, capsys):
    write(study_folder / "photos", rng, {"ant": 9})
    assert "found only one class (ant); expected at least two" in refused(capsys)


def test_two_images_in_all_are_refused(study_folder, rng, capsys):
    write(study_folder / "photos", rng, {"ant": 1, "bee": 1})
    assert "ant (1), bee (1); expected at least two classes with at least 3" in refused(capsys)


def test_500_classes_are_all_used(study_folder, rng, monkeypatch):
    write(study_folder / "photos", rng, {f"c{k:03}": 3 for k in range(500)}, (8, 8))
    card = prepared(monkeypatch, study_folder, "3h")
    assert len(card.class_names) == 500
    assert card.sizes["test"] == 1500


def test_images_of_5_pixels_are_enlarged(study_folder, rng, monkeypatch):
    write(study_folder / "photos", rng, {"ant": 6, "bee": 6}, (5, 40))
    card = prepared(monkeypatch, study_folder)
    assert card.image_shape == (8, 8, 3)
    assert card.original_sides["largest"] == 5


def test_30_megapixels_are_cut_to_256(study_folder, rng, monkeypatch):
    write(study_folder / "photos", rng, {"ant": 3, "bee": 3}, (64, 48))
    for name in ("ant", "bee"):
        Image.new("RGB", (6500, 4700), "olive").save(study_folder / "photos" / name / "large.jpg")
        for index in range(5):
            Image.new("RGB", (700, 600), (90, 60 + index, 0)).save(
                study_folder / "photos" / name / f"m{index}.jpg"
            )
    card = prepared(monkeypatch, study_folder)
    assert card.image_shape == (256, 256, 3)
    assert card.original_sides["largest"] == 4700


@pytest.mark.parametrize("names", [("кот", "собака"), ("猫", "犬"), ("قطة", "كلب"), ("a b", "ü")])
def test_names_in_any_script_are_classes(study_folder, rng, monkeypatch, names):
    write(study_folder / "photos", rng, dict.fromkeys(names, 6))
    assert set(prepared(monkeypatch, study_folder).class_names) == set(names)


def test_a_file_that_is_no_archive_is_refused(study_folder, capsys):
    (study_folder / "photos").write_bytes(b"GIF89a nothing")
    assert "is not a supported archive; expected a folder, or an archive" in refused(capsys)


def test_up_to_a_hundredth_of_unreadable_files_is_left_out(study_folder, rng, monkeypatch):
    write(study_folder / "photos", rng, {"ant": 60, "bee": 60}, (10, 10))
    (study_folder / "photos" / "ant" / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    card = prepared(monkeypatch, study_folder)
    assert len(card.skipped) == 1
    assert "broken.jpg" in card.skipped[0]
    assert card.sizes["test"] == 120
