"""Your own images: layouts, order, archives, and what can be wrong with them."""

from __future__ import annotations

import io
import itertools
import tarfile
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline.checks import StudyError, counted
from pipeline.data.image_folder import Spec
from pipeline.data.reading import archives
from pipeline.data.reading.image_files import read_images
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
    """Write files as a folder or as an archive, depending on the name, in the given order."""
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
def test_the_order_in_an_archive_does_not_matter(tmp_path, form, rng):
    files = list(tree().items())
    first = load(place(tmp_path / "a" / form, dict(files)))
    rng.shuffle(files)
    second = load(place(tmp_path / "b" / form, dict(files)))
    for field in ("images", "labels", "split", "image_names"):
        np.testing.assert_array_equal(getattr(first, field), getattr(second, field))


@pytest.mark.parametrize("form", ["data", "data.zip", "data.tar.xz"])
@pytest.mark.parametrize("around", ["mydata", "a/b", "train_and_test", "test"])
def test_a_folder_around_everything_is_ignored(tmp_path, form, around):
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


def test_gray_photographs_stay_as_they_are_unless_one_channel_is_wanted(tmp_path):
    """Equal channels are the same file read in gray; colors become their luma, which is said."""
    files = tree()
    gray = {name: cv2.cvtColor(pixels(n), cv2.COLOR_RGB2GRAY) for n, name in enumerate(files)}
    path = place(tmp_path / "gray", {name: encoded(each) for name, each in gray.items()})
    plain, one = load(path), load(path, channels="gray")
    assert plain.images.shape[1:] == (32, 32, 3)
    np.testing.assert_array_equal(one.images, plain.images[..., :1])
    for image, name in zip(one.images, one.image_names, strict=True):
        np.testing.assert_array_equal(image[..., 0], gray[name])
    assert any("with dataset.channels: gray, they are stored as one" in n for n in plain.notes)
    assert "stored in gray, with one channel" in one.notes
    colors = load(place(tmp_path / "colors", files), channels="gray")
    np.testing.assert_array_equal(colors.images, one.images)
    assert "stored in gray, with one channel; of 18 in color, the luma is used" in colors.notes
    assert not any("channel" in note for note in load(tmp_path / "colors").notes)
    again = read_images([tmp_path / "colors" / n for n in colors.image_names], **colors.decoding)
    np.testing.assert_array_equal(again, colors.images)
    channels = [Spec(name="image_folder", channels=each).image_channels for each in ("rgb", "gray")]
    assert channels == [3, 1]


def encoded(gray: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(gray).save(stream, "PNG")
    return stream.getvalue()


def test_images_are_resized(tmp_path):
    files = {f"{c}/{n}.png": png(n, (40, 24)) for c in ("ant", "bee") for n in range(3)}
    place(tmp_path / "data", files)
    assert load(tmp_path / "data", size=16).images.shape == (6, 16, 16, 3)
    assert load(tmp_path / "data", size=48).images.shape == (6, 48, 48, 3)


@pytest.mark.parametrize("form", ["data", "data.zip", "data.tar"])
@pytest.mark.tried(
    "Own images",
    "text, PDF, video, archives, empty and hidden files among the images",
    "they are left out, counted and named by kind, on the terminal and on the page",
)
def test_other_files_are_left_out_and_counted(tmp_path, form):
    others = {
        "README.md": b"hello",
        "labels.csv": "a;b;ü\n".encode() * 400,
        "train/ant/utf16.txt": "hello".encode("utf-16"),
        "train/ant/nothing": b"",
        "paper.pdf": b"%PDF-1.7\x00",
        "train/ant/film.mp4": b"\0\0\0\x20ftypisom" + bytes(999),
        "train/bee/more.zip": b"PK\x03\x04" + bytes(999),
        "train/bee/weights.bin": bytes(range(256)) * 9,
        "train/.DS_Store": b"x",
        "Thumbs.db": b"x",
        "__MACOSX/train/ant/._0.png": b"x",
        "__MACOSX/train/ant/._1.png": b"x",
    }
    raw = load(place(tmp_path / form, tree() | others))
    assert len(raw.labels) == 18
    assert raw.skipped == ()
    assert counted(raw.left_out) == (
        "3 hidden or system files (Thumbs.db, __MACOSX, train/.DS_Store), "
        "3 text files (README.md, labels.csv, train/ant/utf16.txt), "
        "1 PDF file (paper.pdf), 1 archive (train/bee/more.zip), "
        "1 empty file (train/ant/nothing), 1 other file (train/bee/weights.bin), "
        "1 video (train/ant/film.mp4)"
    )


def test_only_some_of_many_files_are_named(tmp_path):
    notes = {f"train/ant/{n:03}.txt": b"1 0.5 0.5 1 1" for n in range(120)}
    raw = load(place(tmp_path / "data.zip", tree() | notes))
    assert counted(raw.left_out) == (
        "120 text files (train/ant/000.txt, train/ant/001.txt, train/ant/002.txt, "
        "train/ant/003.txt, train/ant/004.txt, ...)"
    )


@pytest.mark.tried(
    "Own images",
    "images whose names have no suffix, an unknown one or a wrong one, among others",
    "what is an image by content is read",
)
@pytest.mark.parametrize("form", ["data", "data.zip", "data.tar.gz"])
def test_images_are_recognized_by_content(tmp_path, form):
    image, files = Image.fromarray(pixels(1)), {}
    kinds = {"PNG": "", "JPEG": ".jpg_large", "BMP": ".image", "WEBP": ".txt", "GIF": ".dat"}
    kinds |= {"TIFF": ".png", "PPM": ".x", "AVIF": ".jpg"}
    for name, (kind, suffix) in itertools.product(("ant", "bee"), kinds.items()):
        stream = io.BytesIO()
        image.save(stream, kind)
        files[f"{name}/{kind}{suffix}"] = stream.getvalue()
    raw = load(place(tmp_path / form, files))
    assert raw.image_names.tolist() == sorted(files)
    assert (raw.skipped, raw.left_out) == ((), ())


@pytest.mark.tried(
    "Own images",
    "a class folder that holds nothing, text only, or images of a format that is not read",
    "an error that names the folder and the ways out",
)
@pytest.mark.parametrize("form", ["data", "data.zip"])
@pytest.mark.parametrize("around", ["", "mine/train/", "train/"])
@pytest.mark.parametrize("inside", ["notes.txt", "image.heic", "half.png", "deep/er/notes.txt"])
def test_a_class_without_a_readable_image_does_not_disappear(tmp_path, form, around, inside):
    files = {f"{around}{c}/{n}.png": png(n) for c in ("ant", "bee") for n in range(4)}
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    content = {"image.heic": heic, "half.png": png(0)[:99]}.get(inside, b"hello")
    path = place(tmp_path / form, files | {f"{around}cat/{inside}": content})
    with pytest.raises(StudyError, match="found no readable image in the class") as caught:
        load(path, unreadable=1)
    assert f"class folder {around}cat;" in str(caught.value)
    assert "dataset.classes: [ant, bee]" in str(caught.value)
    assert load(path, unreadable=1, classes=["ant", "bee"]).class_names == ("ant", "bee")


def test_an_empty_class_folder_does_not_disappear(tmp_path):
    place(tmp_path / "data", tree())
    (tmp_path / "data/test/dog").mkdir()
    with pytest.raises(StudyError, match="in the class folder test/dog;"):
        load(tmp_path / "data")
    (tmp_path / "data/test/dog").rename(tmp_path / "data/test/.dog")
    assert len(load(tmp_path / "data").labels) == 18


FOREIGN = {
    "HEIC image": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "JPEG 2000 image": b"\0\0\0\x0cjP  \r\n\x87\n",
    "DICOM image": bytes(128) + b"DICM" + bytes(500),
    "SVG drawing": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"></svg>',
    "camera raw image": b"II*\0" + bytes(200),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_images_in_unsupported_formats_are_unreadable(tmp_path, kind):
    name = "train/ant/x.nef" if kind == "camera raw image" else "train/ant/x"
    path = place(tmp_path / "data.zip", tree() | {name: FOREIGN[kind] + bytes(5000)})
    with pytest.raises(
        StudyError, match=rf"1 of 19 .* unreadable: {name} \({kind}, an unsupported format"
    ):
        load(path)
    assert load(path, unreadable=1).skipped == (f"{name} ({kind}, an unsupported format)",)


@pytest.mark.parametrize("form", ["data", "data.zip", "data.tar.gz"])
def test_large_files_that_are_not_images_are_not_read_whole(tmp_path, form, monkeypatch):
    files = tree() | {"train/ant/film.mp4": b"\0\0\0\x20ftypisom" + bytes(1 << 20)}
    given = []
    read = archives.read_files

    def watched(*arguments):
        for name, content in read(*arguments):
            given.append(len(content))
            yield name, content

    monkeypatch.setattr(archives, "read_files", watched)
    assert len(load(place(tmp_path / form, files)).labels) == 18
    assert max(given) < 10_000


BROKEN = {
    "train/ant/half.png": png(0)[:200],
    "train/bee/empty.jpg": b"",
    "train/bee/moving.gif": b"GIF89a",
}


@pytest.mark.parametrize("form", ["data", "data.zip", "data.tar.gz"])
def test_unreadable_files_are_counted_and_named(tmp_path, form):
    path = place(tmp_path / form, tree() | BROKEN)
    for allowed in (0, 2):
        with pytest.raises(StudyError, match="3 of 21 image files are unreadable") as caught:
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


def test_a_link_in_a_tar_without_the_name_of_an_image_is_counted(tmp_path):
    path = place(tmp_path / "data.tar", tree())
    with tarfile.open(path, "a") as archive:
        member = tarfile.TarInfo("train/ant/latest")
        member.type, member.linkname = tarfile.SYMTYPE, "0.png"
        archive.addfile(member)
    assert counted(load(path).left_out) == "1 link (train/ant/latest)"


def test_a_folder_of_images_without_any_suffix_is_found(tmp_path):
    files = {f"{c}/{n}": png(n) for c in ("ant", "bee") for n in range(2)}
    assert len(load(place(tmp_path / "data", files | {"a.txt": b"first"})).labels) == 4


@pytest.mark.tried(
    "Names",
    "é written as one character in one split and as two in the other",
    "one class, chosen by either spelling",
)
@pytest.mark.parametrize("form", ["data", "data.zip", "data.tar"])
def test_two_spellings_of_a_class_are_one(tmp_path, form):
    two, one = "cafe\u0301", "caf\u00e9"
    files = tree(("train",), (one, "ant")) | tree(("test",), (two, "ant"))
    raw = load(place(tmp_path / form, files), classes=[two, "ant"])
    assert raw.class_names == ("ant", one)
    assert sorted(set(raw.split)) == ["test", "train"]
    assert Spec(name="image_folder", classes=(two, "ant")).classes == (one, "ant")


@pytest.mark.tried(
    "Links",
    "a link in an archive in place of a class or split folder",
    "an error that names it",
)
@pytest.mark.parametrize("link", ["val", "train/dog"])
def test_a_link_in_a_tar_instead_of_a_folder_is_rejected(tmp_path, link):
    path = place(tmp_path / "data.tar", tree(("train",)))
    with tarfile.open(path, "a") as archive:
        member = tarfile.TarInfo(link)
        member.type, member.linkname = tarfile.SYMTYPE, "../elsewhere"
        archive.addfile(member)
    with pytest.raises(StudyError, match=rf"links where folders are expected: {link}\. .*--deref"):
        load(path)


def only(*names: str) -> dict[str, bytes]:
    return {name: png(0) for name in names}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "found no images"),
        ({"train/ant/notes.txt": b"x"}, "found no readable image"),
        (only("train/ant/1.png", "test/ant/1.png"), r"only one class \(ant\)"),
        (only("ant/1.png", "ant/2.png"), r"only one class \(ant\)"),
        (only("1.png", "2.png"), "expected <split>/<class>"),
        (tree() | only("loose.png"), "loose.png"),
        (tree() | only("train/loose.png"), "train/loose.png"),
        (tree() | only("train/ant/deep/1.png"), "train/ant/deep/1.png"),
        (only("ant/1.png", "bee/deep/1.png"), "bee/deep/1.png"),
        (tree(("train", "tests")), "tests.*did you mean 'test'"),
        (tree(("training", "testing")), "testing, training; did you mean 'test'"),
        (tree(("train", "val", "valid")), "one folder per split"),
        (tree(("test",)), "no train folder"),
        (tree(("val", "test")), "no train folder"),
        (
            tree() | only("train/dog/1.png"),
            r"different classes in test.*missing in test: dog; extra: none",
        ),
        (
            tree() | only("test/dog/1.png"),
            r"different classes in test.*missing in test: none; extra: dog",
        ),
        (tree(("a/train", "b/train")), "expected <split>/<class>"),
    ],
)
@pytest.mark.parametrize("form", ["data", "data.zip"])
def test_wrong_layouts_are_reported(tmp_path, form, files, message):
    path = place(tmp_path / form, files)
    if form == "data.zip":
        message = message.replace("found no images", "found no readable image")
    with pytest.raises(StudyError, match=message):
        load(path)


def test_a_missing_path_is_reported():
    with pytest.raises(StudyError, match="there is no not/here"):
        load("not/here")


@pytest.mark.parametrize("form", ["data.zip", "data.tar", "data.tar.gz", "data.tar.xz"])
def test_a_truncated_archive_is_reported_and_kept(tmp_path, form):
    path = place(tmp_path / form, tree())
    content = path.read_bytes()
    # A tar ends in up to 10 KiB of zeros, which it does not need; the others end in checksums.
    content = content[: len(content) // 2] if form == "data.tar" else content[:-50]
    path.write_bytes(content)
    with pytest.raises(StudyError, match="damaged or truncated"):
        load(path)
    assert path.read_bytes() == content


def test_fetch_reports_another_file(tmp_path):
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


def test_a_split_folder_takes_precedence_over_an_archive(tmp_path):
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


def test_a_folder_without_images_is_reported(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(StudyError, match=r"it contains: notes\.txt"):
        load(tmp_path)


def test_the_source_is_recorded(tmp_path):
    spec = Spec(name="image_folder", path=str(tmp_path / "data"))
    place(tmp_path / "data", tree())
    first = spec.fetch()
    sources = [first]
    for name, content in {
        "train/ant/0.png": png(99),
        "README.md": b"left out, and counted",
        "train/ant/without-a-suffix": png(98),
        ".hidden": b"counted",
    }.items():
        (tmp_path / "data" / name).write_bytes(content)
        assert spec.fetch() not in sources, name
        sources.append(spec.fetch())
    (tmp_path / "data/.hidden").write_bytes(b"what is in it is not looked at")
    assert spec.fetch() == sources[-1]
    assert str(tmp_path) not in first.description
    odd = place(tmp_path / "data\x1b[2J.zip", tree())
    assert Spec(name="image_folder", path=str(odd)).fetch().description.endswith(r"data\x1b[2J.zip")


def test_data_that_are_gone_are_reported(tmp_path):
    path = place(tmp_path / "data.zip", tree())
    spec = Spec(name="image_folder", path=str(path))
    source = spec.fetch()
    path.unlink()
    with pytest.raises(StudyError, match="dvc repro --force fetch"):
        spec.load(source)


def deep(values, kind="PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.asarray(values)).save(stream, kind)
    return stream.getvalue()


def grays(high: int, dtype=np.uint16, kind="PNG") -> dict[str, bytes]:
    """Return images with one row as bright as `high` and the rest far darker."""
    rng = np.random.default_rng(0)
    images = {
        f"{c}/{n}.png": rng.integers(0, high // 3, (16, 16)) for c in ("ant", "bee") for n in (1, 2)
    }
    for values in images.values():
        values[3] = high
    return {name: deep(values.astype(dtype), kind) for name, values in images.items()}


@pytest.mark.tried(
    "Images",
    "12-bit gray in files of 16 bits, and other sets that use a sliver of their range",
    "an error with the range that was found and the option to stretch it",
)
@pytest.mark.parametrize(
    ("files", "message"),
    [
        (grays(4095), r"16-bit gray with values from 0 to 4,095, in a range of 0 to 65,535, .* 16 "
         r"of 256 levels.* dataset.value_range: \[0, 4095\], or set dataset.value_range: full"),
        (grays(16_383), r"dataset.value_range: \[0, 16383\]"),
        (grays(1000, np.float32, "TIFF"), r"floating-point gray with values from 0 to 1,000; such "
         r"files do not state which values are black and white.*value_range: \[0, 1023\]"),
        ({f"{c}/1": deep(np.array([[0.1, 0.9]] * 2, np.float32), "TIFF") for c in ("ant", "bee")},
         r"value_range: \[0, 1\]"),
        (grays(70_000, np.int32, "TIFF"), r"signed 32-bit gray .*value_range: \[0, 131071\]"),
        ({f"{c}/1.png": cv2.imencode(".png", np.full((4, 4, 3), 4095, np.uint16))[1].tobytes()
          for c in ("ant", "bee")}, "16-bit color .* Convert them to 8 bits"),
    ],
)  # fmt: skip
def test_a_small_part_of_a_range_is_rejected(tmp_path, files, message):
    with pytest.raises(StudyError, match=message):
        load(place(tmp_path / "data.zip", files | {"ant/8-bit.png": png(1)}))


def test_a_range_is_stretched(tmp_path):
    path = place(tmp_path / "data", grays(4095) | {"ant/3.png": png(1)})
    raw = load(path, size=16, value_range=[0, 4095])
    stored = np.asarray(Image.open(path / "bee/2.png")).astype(float)
    found = raw.images[raw.image_names.tolist().index("bee/2.png")]
    np.testing.assert_array_equal(found[..., 0], np.rint(stored * 255 / 4095))
    assert found.max() == 255
    assert raw.notes[0] == (
        "4 images of 16-bit gray with values from 0 to 4,095: 0 became black and 4,095 white"
    )
    assert load(path, value_range=[100, 2000]).notes[0].endswith("; values beyond are clipped")


def test_a_range_can_be_intended(tmp_path):
    raw = load(place(tmp_path / "data", grays(4095)), value_range="full")
    assert raw.images.max() <= 15
    said = "4 images of 16-bit gray with values from 0 to 4,095: 65,535 is white"
    assert raw.notes[0] == said
    assert "65,535 is white" in load(place(tmp_path / "wide", grays(40_000))).notes[0]


def test_original_sides_are_recorded(tmp_path):
    files = {f"{c}/{n}.png": png(n, (40 + n, 24)) for c in ("ant", "bee") for n in range(3)}
    raw = load(place(tmp_path / "data", files | {"ant/9.png": png(1, (12, 99))}), size=16)
    assert raw.original_sides.tolist() == [24, 24, 24, 12, 24, 24, 24]


@pytest.mark.tried(
    "Names",
    "folders on a disk whose names write é as two characters, as macOS does",
    "they are read; one without an image is named",
)
def test_folders_in_the_decomposed_spelling_are_read(tmp_path):
    decomposed = "cafe\u0301"
    files = {name.replace("cat", decomposed): content for name, content in tree(("",)).items()}
    files = {f"Fotos {decomposed}/{name.lstrip('/')}": content for name, content in files.items()}
    assert "caf\xe9" in load(place(tmp_path / "data", files)).class_names
    (tmp_path / "data" / f"Fotos {decomposed}" / f"empty {decomposed}").mkdir()
    with pytest.raises(StudyError, match="no readable image in the class folder"):
        load(tmp_path / "data")


def test_a_loose_image_next_to_class_folders_is_named(tmp_path):
    files = tree(("",), ("ant", "bee")) | {"loose.png": png(1)}
    files = {name.lstrip("/"): content for name, content in files.items()}
    with pytest.raises(StudyError, match=r"loose\.png next to the folders ant, bee; .* Move it"):
        load(place(tmp_path / "data", files))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "~/pictures"}, "expected a path without ~, such as /"),
        ({"path": "x", "classes": [1e3, "cat"]}, "write it in quotes"),
        ({"path": "x", "classes": [True, "cat"]}, "write it in quotes"),
    ],
)
def test_values_that_yaml_or_the_shell_would_change(options, message):
    with pytest.raises(ValueError, match=message):
        Spec(name="image_folder", **options)


@pytest.mark.parametrize("form", ["data", "data.zip", "data.tar.gz"])
def test_the_default_size_is_the_median_of_the_shorter_sides(tmp_path, form):
    sides = [(20, 90), (31, 24), (40, 40), (12, 13), (26, 300)]
    files = {f"{c}/{n}.png": png(n, size) for c in ("ant", "bee") for n, size in enumerate(sides)}
    raw = load(place(tmp_path / form, files | {"ant/note.txt": b"hello", "bee/x.png": b"no"}),
               unreadable=1)  # fmt: skip
    assert raw.images.shape[1:] == (24, 24, 3)
    assert raw.decoding["size"] == 24
    assert "24 x 24 pixels; dataset.size is null" in raw.notes[-1]


@pytest.mark.parametrize(("side", "size"), [(5, 8), (300, 256)])
def test_the_default_size_has_bounds(tmp_path, side, size):
    files = {f"{c}/{n}.png": png(n, (side, side)) for c in ("ant", "bee") for n in range(2)}
    assert load(place(tmp_path / "data", files)).images.shape[1:] == (size, size, 3)


@pytest.mark.parametrize("fit", ["crop", "pad", "squash"])
def test_files_are_read_later_as_those_of_the_study(tmp_path, fit):
    files = {f"{c}/{n}.png": png(n, (20 + n, 45)) for c in ("ant", "bee") for n in range(3)}
    path = place(tmp_path / "data", files)
    raw = load(path, fit=fit)
    again = read_images([path / name for name in raw.image_names], **raw.decoding)
    np.testing.assert_array_equal(again, raw.images)


def test_gray_bars_belong_to_padding(tmp_path):
    with pytest.raises(ValueError, match="fill: 9 with fit: crop; it belongs to fit: pad"):
        Spec(name="image_folder", fill=9)
    raw = load(place(tmp_path / "data", tree() | {"train/ant/x.png": png(1, (32, 64))}),
               fit="pad", fill=9)  # fmt: skip
    padded = raw.images[raw.image_names.tolist().index("train/ant/x.png")]
    assert (padded[[*range(8), *range(24, 32)]] == 9).all()
    assert (padded[8:24] != 9).any()


@pytest.mark.parametrize(
    ("unreadable", "most"), [(1, "1"), (0.05, r"1 \(0.05 of them\)"), (0, "0")]
)
def test_unreadable_images_are_allowed_as_a_count_or_a_fraction(tmp_path, unreadable, most):
    files = tree(count=6) | {"train/ant/x.gif": b"GIF89a" + bytes(9), "train/bee/y.jpg": b"text"}
    path = place(tmp_path / "data", files)
    with pytest.raises(StudyError, match=f"2 of 38 image files are unreadable: .*at most {most}"):
        load(path, unreadable=unreadable)
    raw = load(path, unreadable=2 if isinstance(unreadable, int) else 0.06)
    assert (len(raw.skipped), len(raw.images)) == (2, 36)


@pytest.mark.parametrize("wrong", [-1, 0.9, 1.0, True, "some"])
def test_other_shares_of_unreadable_images_are_refused(wrong):
    with pytest.raises(ValueError, match="unreadable"):
        Spec(name="image_folder", unreadable=wrong)


def test_wrong_endings_and_rubbish_of_systems_are_no_problem(tmp_path):
    stream = io.BytesIO()
    Image.fromarray(pixels(1)).save(stream, "GIF")
    files = tree() | {
        "train/ant/a gif.jpg": stream.getvalue(),
        "train/bee/no ending": png(77),
        "train/bee/.DS_Store": b"\0\0\0\1Bud1",
        "train/Thumbs.db": b"\xd0\xcf",
        "THUMBS.DB": b"\xd0\xcf",
        "train/ant/Desktop.ini": b"[.ShellClassInfo]",
        "__MACOSX/train/ant/._0.png": b"\0\5\x16\7",
        "train/cat/readme.txt": b"photographs of cats\n",
    }
    for form in ("data", "data.zip"):
        raw = load(place(tmp_path / form, files))
        assert len(raw.images) == len(tree()) + 2
        assert not raw.skipped


def test_what_was_done_with_color_profiles_is_said(tmp_path):
    stream = io.BytesIO()
    Image.fromarray(pixels(1)).save(stream, "PNG", icc_profile=b"rubbish")
    raw = load(place(tmp_path / "data", tree() | {"train/ant/x.png": stream.getvalue()}))
    assert raw.notes[-1].startswith("1 image with a color profile that is damaged")


@pytest.mark.parametrize("splits", [("train",), ("train", "test"), ("train", "val", "test")])
@pytest.mark.parametrize("options", [{}, {"limit": 4}, {"classes": ["ant", "cat"], "test": 2}])
def test_the_outlook_is_what_prepare_makes(tmp_path, splits, options):
    path = place(tmp_path / "data.zip", tree(splits, count=10))
    spec = Spec(name="image_folder", path=str(path), **options)
    found, raw = spec.outlook(), spec.load(spec.fetch())
    prepared = make_splits(raw, spec, 0)
    assert found is not None
    for split, ids in prepared.ids.items():  # each class is rounded by itself there
        assert abs(found.sizes[split] - len(ids)) <= found.n_classes
    assert found.n_classes == len(prepared.class_names)
    assert (found.side, found.side, 3) == raw.images.shape[1:]


@pytest.mark.parametrize(
    "files", [{"a/b.txt": b"hello"}, {"loose.png": png(1), "cat/1.png": png(2)}, {}]
)
def test_without_an_outlook_the_stages_say_what_is_wrong(tmp_path, files):
    assert Spec(name="image_folder", path=str(place(tmp_path / "data", files))).outlook() is None
    assert Spec(name="image_folder", path=str(tmp_path / "missing")).outlook() is None


def test_a_damaged_archive_has_no_outlook(tmp_path):
    path = place(tmp_path / "data.zip", tree())
    path.write_bytes(path.read_bytes()[:-30])
    assert Spec(name="image_folder", path=str(path)).outlook() is None


def test_groups_by_folders_below_those_of_the_classes(tmp_path):
    """Levels are counted without a folder around everything."""
    flat = {f"wrap/{c}/p{n % 2}/{n}.png": png(n) for c in ("ant", "bee") for n in range(4)}
    raw = load(place(tmp_path / "flat.zip", flat), groups={"folder": 2})
    assert raw.class_names == ("ant", "bee")
    assert [raw.class_names[label] for label in raw.labels] == ["ant"] * 4 + ["bee"] * 4
    assert raw.groups.tolist() == [0, 0, 1, 1, 0, 0, 1, 1]
    split = {f"{s}/{c}/p{n}/{n}.png": png(n) for s in ("train", "test") for c in ("ant", "bee")
             for n in range(3)}  # fmt: skip
    raw = load(place(tmp_path / "split", split), groups={"folder": 3})
    assert raw.groups.tolist() == [0, 1, 2] * 4
    with pytest.raises(StudyError, match="level of the classes"):
        load(tmp_path / "split", groups={"folder": 2})
    with pytest.raises(StudyError, match="expected every image below 2 folders"):
        load(place(tmp_path / "mixed", flat | {"wrap/ant/8.png": png(8)}), groups={"folder": 2})
