"""A person's own images: layouts, orders, archives, and all that can be wrong with them."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.checks import StudyError
from pipeline.data.image_folder import Spec
from pipeline.data.splits import make_splits


def png(seed: int, size=(32, 32)) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def pixels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)


def tree(splits=("train", "test"), classes=("cat", "ant", "bee"), count=3) -> dict[str, bytes]:
    names = [f"{s}/{c}/{n}.png" for s in splits for c in classes for n in range(count)]
    return {name: png(seed) for seed, name in enumerate(names)}


def place(path: Path, files: dict[str, bytes]) -> Path:
    """Write files as a folder or, by the name, as an archive, in their given order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    elif ".t" in path.name:
        kind = {".gz": ":gz", ".tgz": ":gz", ".xz": ":xz", ".bz2": ":bz2"}.get(path.suffix, "")
        with tarfile.open(path, f"w{kind}") as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    else:
        path.mkdir(exist_ok=True)
        for name, content in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
    return path


def load(path, **options):
    spec = Spec(name="image_folder", path=str(path), **options)
    return spec.load(spec.fetch())


FORMS = ("data", "data.zip", "data.tar", "data.tar.gz", "data.tgz", "data.tar.xz", "data.tar.bz2")


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_give_the_same(tmp_path, form):
    files = tree()
    raw = load(place(tmp_path / form, files))
    assert raw.class_names == ("ant", "bee", "cat")
    assert raw.image_names.tolist() == sorted(files)
    seeds = {name: seed for seed, name in enumerate(files)}
    for image, label, split, name in zip(
        raw.images, raw.labels, raw.split, raw.image_names, strict=True
    ):
        np.testing.assert_array_equal(image, pixels(seeds[name]))
        assert str(name).startswith(f"{split}/{raw.class_names[label]}/")
    assert raw.labels.dtype == np.int64
    assert raw.split.dtype == np.dtype("<U10")


@pytest.mark.parametrize("form", ["data", "data.zip", "data.tar"])
def test_the_order_in_an_archive_changes_nothing(tmp_path, form, rng):
    files = list(tree().items())
    first = load(place(tmp_path / "a" / form, dict(files)))
    rng.shuffle(files)
    second = load(place(tmp_path / "b" / form, dict(files)))
    for field in ("images", "labels", "split", "image_names"):
        np.testing.assert_array_equal(getattr(first, field), getattr(second, field))


@pytest.mark.parametrize("form", ["data", "data.zip", "data.tar.xz"])
@pytest.mark.parametrize("around", ["mydata", "a/b", "train_and_test", "test"])
def test_folders_around_all_are_seen_through(tmp_path, form, around):
    files = tree()
    raw = load(place(tmp_path / form, {f"{around}/{n}": c for n, c in files.items()}))
    assert raw.image_names.tolist() == sorted(files)
    assert set(raw.split) == {"train", "test"}


@pytest.mark.parametrize("name", ["val", "valid", "validation", "Val", "VALID"])
def test_names_of_the_validation_split(tmp_path, name):
    raw = load(place(tmp_path / "data", tree(("train", name, "test"))))
    assert sorted(set(raw.split)) == ["test", "train", "validation"]
    assert (raw.split == "validation").sum() == 9


@pytest.mark.parametrize("around", ["", "mydata/"])
def test_classes_without_splits_are_training_images(tmp_path, around):
    files = {f"{around}{c}/{n}.png": png(n) for c in ("ant", "bee") for n in range(20)}
    raw = load(place(tmp_path / "data", files))
    assert set(raw.split) == {"train"}
    assert raw.image_names[0] == "ant/0.png"
    prepared = make_splits(raw, Spec(name="image_folder", test=0.25, validation=4), 0)
    assert {s: len(ids) for s, ids in prepared.ids.items()} == {
        "train": 26,
        "validation": 4,
        "test": 10,
    }


def test_a_missing_test_split_is_taken_from_training(tmp_path):
    raw = load(place(tmp_path / "data", tree(("train", "val"), count=10)))
    prepared = make_splits(raw, Spec(name="image_folder"), 0)
    assert len(prepared.ids["test"]) == 6
    assert set(raw.split[prepared.ids["test"]]) == {"train"}
    assert set(raw.split[prepared.ids["validation"]]) == {"validation"}


def test_every_suffix_is_read_in_any_case(tmp_path):
    files = tree(classes=("ant",)) | tree(classes=("bee",))
    image = Image.fromarray(pixels(1))
    kinds = {"PNG": "png", "jpg": "jpeg", "JPEG": "jpeg", "Bmp": "bmp", "webp": "webp"}
    for suffix, kind in kinds.items():
        stream = io.BytesIO()
        image.save(stream, kind)
        files[f"train/ant/x.{suffix}"] = stream.getvalue()
    raw = load(place(tmp_path / "data.zip", files))
    assert {f"train/ant/x.{suffix}" for suffix in kinds} <= set(raw.image_names)


def test_images_are_resized(tmp_path):
    files = {f"{c}/{n}.png": png(n, (40, 24)) for c in ("ant", "bee") for n in range(3)}
    place(tmp_path / "data", files)
    assert load(tmp_path / "data", size=16).images.shape == (6, 16, 16, 3)
    assert load(tmp_path / "data", size=48).images.shape == (6, 48, 48, 3)


@pytest.mark.parametrize("form", ["data", "data.zip", "data.tar"])
def test_other_files_are_ignored(tmp_path, form):
    others = ("README.md", "labels.csv", "train/.DS_Store", "__MACOSX/train/ant/._0.png")
    files = tree() | dict.fromkeys(others, b"x")
    assert len(load(place(tmp_path / form, files)).labels) == 18


BROKEN = {
    "train/ant/half.png": png(0)[:200],
    "train/bee/empty.jpg": b"",
    "train/bee/moving.gif": b"GIF89a",
}


@pytest.mark.parametrize("form", ["data", "data.zip", "data.tar.gz"])
def test_unreadable_files_are_counted_and_named(tmp_path, form):
    path = place(tmp_path / form, tree() | BROKEN)
    for allowed in (0, 2):
        with pytest.raises(StudyError, match="found 3 unreadable of 21") as caught:
            load(path, unreadable=allowed)
        assert all(name in str(caught.value) for name in BROKEN)
        assert "dataset.unreadable: 3" in str(caught.value)
    raw = load(path, unreadable=3)
    assert len(raw.labels) == 18
    assert [line.split(" ")[0] for line in raw.skipped] == sorted(BROKEN)


def test_a_link_in_a_tar_is_unreadable(tmp_path):
    path = place(tmp_path / "data.tar", tree())
    with tarfile.open(path, "a") as archive:
        member = tarfile.TarInfo("train/ant/link.png")
        member.type, member.linkname = tarfile.SYMTYPE, "0.png"
        archive.addfile(member)
    with pytest.raises(StudyError, match=r"train/ant/link\.png \(a link"):
        load(path)


def only(*names: str) -> dict[str, bytes]:
    return {name: png(0) for name in names}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "found no images"),
        ({"train/ant/notes.txt": b"x"}, "found no image"),
        (only("train/ant/1.png", "test/ant/1.png"), r"one class only \(ant\)"),
        (only("ant/1.png", "ant/2.png"), r"one class only \(ant\)"),
        (only("1.png", "2.png"), "expected <split>/<class>"),
        (tree() | only("loose.png"), "loose.png"),
        (tree() | only("train/loose.png"), "train/loose.png"),
        (tree() | only("train/ant/deep/1.png"), "train/ant/deep/1.png"),
        (only("ant/1.png", "bee/deep/1.png"), "bee/deep/1.png"),
        (tree(("train", "tests")), "tests.*did you mean 'test'"),
        (tree(("training", "testing")), "testing, training; did you mean 'test'"),
        (tree(("train", "val", "valid")), "one folder for each split"),
        (tree(("test",)), "no train folder"),
        (tree(("val", "test")), "no train folder"),
        (tree() | only("train/dog/1.png"), r"other classes in test.*lacking: dog; added: none"),
        (tree() | only("test/dog/1.png"), r"other classes in test.*lacking: none; added: dog"),
        (tree(("a/train", "b/train")), "expected <split>/<class>"),
    ],
)
@pytest.mark.parametrize("form", ["data", "data.zip"])
def test_wrong_layouts_are_said(tmp_path, form, files, message):
    path = place(tmp_path / form, files)
    if form == "data.zip":
        message = message.replace("found no images", "found no image that can be read")
    with pytest.raises(StudyError, match=message):
        load(path)


def test_a_path_that_leads_nowhere_is_said():
    with pytest.raises(StudyError, match="there is no not/here"):
        load("not/here")


@pytest.mark.parametrize("form", ["data.zip", "data.tar", "data.tar.gz", "data.tar.xz"])
def test_a_truncated_archive_is_said_and_kept(tmp_path, form):
    path = place(tmp_path / form, tree())
    content = path.read_bytes()
    # A tar ends in up to 10 KiB of zeros, without which it is whole; the others in checksums.
    content = content[: len(content) // 2] if form == "data.tar" else content[:-50]
    path.write_bytes(content)
    with pytest.raises(StudyError, match="damaged or cut short"):
        load(path)
    assert path.read_bytes() == content


def test_another_file_is_said_by_fetch(tmp_path):
    (tmp_path / "data.zip").write_bytes(b"Rar!\x1a\x07\x00")
    with pytest.raises(StudyError, match="a RAR archive"):
        Spec(name="image_folder", path=str(tmp_path / "data.zip")).fetch()


@pytest.mark.parametrize("form", ["mydata", "mydata.zip", "mydata.tar.xz", "."])
def test_the_one_set_in_a_folder_is_found(tmp_path, form):
    incoming = tmp_path / "incoming"
    place(incoming / form, tree())
    (incoming / "README.md").write_text("put your data here")
    (incoming / ".gitignore").write_text("*")
    assert len(load(incoming).labels) == 18


def test_a_split_folder_wins_over_an_archive_beside_it(tmp_path):
    place(tmp_path / "data", tree())
    place(tmp_path / "data/mydata.zip", tree(count=5))
    assert len(load(tmp_path / "data").labels) == 18


@pytest.mark.parametrize(
    "forms", [("a.zip", "b.zip"), ("a.zip", "b"), ("a", "b"), ("cifar-10-python.tar.gz", "b")]
)
def test_several_sets_in_a_folder_are_ambiguous(tmp_path, forms):
    for form in forms:
        place(tmp_path / "incoming" / form, tree())
    with pytest.raises(StudyError) as caught:
        load(tmp_path / "incoming")
    assert all(form in str(caught.value) for form in forms)


def test_a_folder_of_other_things_is_said(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(StudyError, match=r"it holds: notes\.txt"):
        load(tmp_path)


def test_the_source_is_recorded(tmp_path):
    spec = Spec(name="image_folder", path=str(tmp_path / "data"))
    place(tmp_path / "data", tree())
    first = spec.fetch()
    (tmp_path / "data/README.md").write_text("not an image")
    assert spec.fetch() == first
    (tmp_path / "data/train/ant/0.png").write_bytes(png(99))
    assert spec.fetch().sha256 != first.sha256
    assert str(tmp_path) not in first.description


def test_data_that_have_gone_are_said(tmp_path):
    path = place(tmp_path / "data.zip", tree())
    spec = Spec(name="image_folder", path=str(path))
    source = spec.fetch()
    path.unlink()
    with pytest.raises(StudyError, match="dvc repro --force fetch"):
        spec.load(source)
