"""Your own images, as ``<split>/<class>/<image>`` in a folder or an archive.

See `pipeline.data.reading.layout` for other layouts, and `pipeline.data.reading.decoding` for how
gray, transparent and rotated images are read. Archives are not unpacked.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from pipeline.channels import GRAY, RGB
from pipeline.checks import StudyError, counted, escaped, listing
from pipeline.data.glance import glance
from pipeline.data.groups import Groups, depth_below_class, group_images, read_groups
from pipeline.data.reading import archives
from pipeline.data.reading.archive_limits import HEAD
from pipeline.data.reading.decoding import Decoded, Picture, decode_files
from pipeline.data.reading.file_facts import noted
from pipeline.data.reading.file_kinds import IMAGES, is_read_whole, kind_of
from pipeline.data.reading.fitting import FILL, Channels, Fit, Target
from pipeline.data.reading.folders import check_source, folder_files
from pipeline.data.reading.layout import LAYOUT, SPLIT_FOLDERS, Placed, lay_out
from pipeline.data.reading.left_out import Others, check_folders, check_links, hidden_paths
from pipeline.data.reading.names import is_hidden
from pipeline.data.reading.own_size import CAP, own_size
from pipeline.data.reading.value_ranges import profile_notes, range_notes, used_range
from pipeline.data.spec import MOST_IMAGES, DatasetSpec, Outlook, Part, RawDataset
from pipeline.folds import LEAST_FOLDS
from pipeline.storage.file_facts import FileFacts
from pipeline.storage.scratch import ImageStore
from pipeline.storage.source import Source, SourceFile
from pipeline.storage.splits import SPLITS


def _ascending(values: tuple[float, float]) -> tuple[float, float]:
    if not values[0] < values[1]:
        raise ValueError("expected the value of black, then a higher value of white")
    return values


Number = Annotated[float, Field(ge=-1e9, le=1e9)]
ValueRange = Annotated[tuple[Number, Number], AfterValidator(_ascending)]


Tolerated = (
    Annotated[int, Field(strict=True, ge=0, le=MOST_IMAGES)]
    | Annotated[float, Field(strict=True, ge=0, le=0.5)]
)
"""A number of files, or a fraction of all image files."""


class Spec(DatasetSpec):
    """Images in class folders: a folder, .zip, .tar, .tar.gz, .tar.xz or .tar.bz2."""

    size: Annotated[int, Field(ge=8, le=512)] | None = None
    """Side of the stored square images in pixels. null: the images' own size, the median of their
    shorter sides, at least 8 and at most 256."""
    fit: Fit = "crop"
    """How an image becomes a square: crop, its center square; pad, all of it, with bars of gray
    (`fill`); squash, all of it, with its aspect ratio changed."""
    fill: Annotated[int, Field(strict=True, ge=0, le=255)] = FILL
    """Gray level of the bars that `fit: pad` adds, from black (0) to white (255)."""
    channels: Channels = "rgb"
    """rgb: images are stored with three channels, which are equal in gray ones; gray: with one,
    which is the luma of colors. Features and networks then have one channel to learn from."""
    test: Part = 0.2
    """A count or a fraction of the training images to test on if there is no test folder."""
    unreadable: Tolerated = 0
    """How many image files may be unreadable, as a count or a fraction (0.01); they are left out,
    and counted and named in the dataset's card."""
    value_range: ValueRange | Literal["full"] | None = None
    """The values that become black and white in gray images with more than 8 bits: [0, 4095] for 12
    bits. Values beyond are clipped. ``full`` is everything that a file can hold. So is the default,
    but then images that use less than a fourth of it are rejected."""
    value_range_8_bits: ValueRange | Literal["full"] | None = None
    """The same for images with 8 bits, gray and color, which `value_range` does not affect: [0, 1]
    for masks of 0 and 1. By default, a set that uses less than a sixteenth of 0 to 255 is
    rejected."""

    groups: Groups | None = None
    """What tells which images belong together and are never divided among splits or folds: a part
    of the file name, a level of folders, or a CSV file; see `pipeline.data.groups`."""
    near_duplicates: Literal["group", "keep"] = "group"
    """Whether copies and near-duplicates are groups too, where splits or folds are made here."""
    folds: Annotated[int, Field(strict=True, ge=LEAST_FOLDS, le=20)] | None = None
    """Cross-validation with so many folds, in place of the splits: every image is tested once."""

    @model_validator(mode="after")
    def _fill_is_used(self) -> Self:
        if self.fill != FILL and self.fit != "pad":
            raise ValueError(
                f"found fill: {self.fill} with fit: {self.fit}; it belongs to fit: pad. Drop it, "
                "or change fit"
            )
        return self

    @property
    def image_channels(self) -> int:
        """One channel with ``channels: gray``, else three."""
        return GRAY if self.channels == "gray" else RGB

    @property
    def fold_count(self) -> int | None:
        """Number of folds for cross-validation; None without it."""
        return self.folds

    @property
    def joins_near_duplicates(self) -> bool:
        """Whether copies and near-duplicates among the images are groups where splits are made."""
        return self.near_duplicates == "group"

    def files_read(self) -> tuple[Path, ...]:
        """Return the CSV file of the groups."""
        return (Path(self.groups.csv),) if self.groups and self.groups.csv else ()

    @property
    def test_part(self) -> Part:
        """Part of the training images to test on if there is no test folder."""
        return self.test

    def check_files(self) -> None:
        """Check `path`; links to folders are rejected, because images would be read there."""
        check_source(Path(self.path), linked_folders=False)
        for file in self.files_read():
            read_groups(file)

    def fetch(self) -> Source:
        """Find the folder or archive (see `DatasetSpec.fetch`)."""
        path = locate(Path(self.path))
        digest, size = archives.digest_of(path, _every)
        kind = "images in the folder" if path.is_dir() else "images in the archive"
        hidden = len(hidden_paths(path)) if path.is_dir() else 0
        description = f"{kind} {escaped(path.name)}"
        file = SourceFile(path.name, path.as_posix(), digest, size)
        return Source(self.name, (file,), description, hidden)

    def outlook(self) -> Outlook | None:
        """Count the images by their names; None if that takes long, or if something is wrong."""
        try:
            path = locate(Path(self.path))
            found = glance(path)
            placed = self._placed(found.names, path) if found else {}
        except (StudyError, RuntimeError, *archives.DAMAGE):
            return None  # `fetch` and `prepare` say what is wrong
        used = [
            (split, name)
            for split, name, _ in placed.values()
            if self.classes is None or name in self.classes
        ]
        if found is None or not used:
            return None
        sizes = self._split_sizes(Counter(split for split, _ in used))
        return Outlook(sizes, len({name for _, name in used}), self.size or found.size)

    def _placed(self, names: Sequence[str], path: Path) -> Placed:
        return lay_out(names, str(path), lambda splits: depth_below_class(self.groups, splits))

    def _split_sizes(self, counts: Counter[str]) -> dict[str, int]:
        """Return about how many images each split will have."""
        if self.folds:
            return dict.fromkeys(SPLITS, counts.total())  # each split holds all images
        sizes = {split: counts[split] for split in SPLITS}
        for split, part in (("test", self.test), ("validation", self.validation)):
            if not sizes[split]:
                wanted = round(part * sizes["train"]) if isinstance(part, float) else part
                sizes[split] = min(wanted, sizes["train"])
                sizes["train"] -= sizes[split]
        return {split: min(n, self.limit or n) for split, n in sizes.items()}

    def load(self, source: Source) -> RawDataset:
        """Decode all images in one pass over the folder or archive, after one for their size."""
        path, by = source.files[0].located(), self.groups
        target = Target(self.size or own_size(path), self.fit, self.fill, self.channels)
        others = Others(path)
        given = (self.value_range, self.value_range_8_bits)
        ranges = [each if isinstance(each, tuple) else None for each in given]
        files = others.filtered(archives.read_files(path, others.shown, is_read_whole))
        facts: dict[str, FileFacts] = {}
        store = ImageStore((target.size, target.size, self.image_channels))
        decoded = decode_files(noted(files, facts), target, *ranges)
        images = dict(_kept_in(store, decoded))
        problems = others.problems | {k: why for k, why in images.items() if isinstance(why, str)}
        lines = sorted(f"{name} ({why})" for name, why in problems.items())
        self._check_unreadable(lines, len(images) + len(others.problems), path)
        pictures = {name: each for name, each in images.items() if isinstance(each, Picture)}
        del images
        if not pictures:
            found = counted(others.records())
            contents = f" (it contains {found})" if found else ""
            raise StudyError(f"{path}: found no readable image{contents}; expected {LAYOUT}")
        placed = self._placed(list(pictures), path)
        check_links(placed, others.links, path)
        check_folders(placed, [*others.names, *problems], self.classes, path)
        notes = range_notes([*pictures.values()], *given, str(path))
        notes += (self._said_of(target), *profile_notes(pictures.values()))
        notes += self._channel_notes(pictures)
        decoding: dict[str, Any] = {"size": target.size, "value_range": self.value_range}
        decoding |= {"fit": target.fit, "fill": target.fill}
        if self.channels == "gray":
            decoding["channels"] = self.channels
        grouped = group_images(by, [name for _, _, name in placed.values()]) if by else None
        if ranges[0] is not None:
            decoding["held"] = used_range(pictures.values())
        if ranges[1] is not None:
            decoding["value_range_8_bits"] = ranges[1]
        raw = _assemble(pictures, store, placed, decoding, tuple(lines), others, notes, facts)
        if grouped is None:
            return raw
        return replace(raw, groups=grouped.groups, notes=(*raw.notes, *grouped.notes))

    def _check_unreadable(self, problems: Sequence[str], n: int, path: Path) -> None:
        part = isinstance(self.unreadable, float)
        allowed = math.floor(self.unreadable * n + 1e-9) if part else self.unreadable
        if len(problems) > allowed:
            most = f"{allowed} ({self.unreadable:g} of them)" if part else f"{allowed}"
            raise StudyError(
                f"{path}: {len(problems)} of {n} image files are unreadable: "
                f"{listing(problems, 8)}; expected at most {most}. Repair or remove "
                f"them, or allow them with dataset.unreadable: {len(problems)}"
            )

    def _channel_notes(self, pictures: Mapping[str, Picture]) -> tuple[str, ...]:
        """Return the sentence on colors and gray, if one is needed."""
        n, colored = len(pictures), sum(each.colored for each in pictures.values())
        if self.channels == "gray":
            of_colors = f"; of {colored:,} in color, the luma is used" if colored else ""
            return (f"stored in gray, with one channel{of_colors}",)
        if colored:
            return ()
        return (
            f"all {n:,} images are gray and stored as three equal channels; with dataset.channels: "
            "gray, they are stored as one",
        )

    def _said_of(self, target: Target) -> str:
        """Return the sentence on how the images became squares."""
        bars = f", with bars of gray ({target.fill} of 255),"
        how = {
            "crop": "the center square of each image",
            "pad": f"the whole of each image{bars}",
            "squash": "the whole of each image, with its aspect ratio changed,",
        }[target.fit]
        why = "" if self.size else (
            f"; dataset.size is null, so this is the median of their shorter sides, at most {CAP}"
        )  # fmt: skip
        return f"{how} is stored as {target.size} x {target.size} pixels{why}"


def _every(name: str) -> bool:
    """Accept every file that is not hidden: `prepare` also counts files that are not images."""
    return True


def locate(path: Path) -> Path:
    """Return the one archive or image folder at `path` or in it.

    Raises:
        StudyError: if there is none, or more than one.
    """
    if not path.exists():
        raise StudyError(f"dataset.path: there is no {path}; expected a folder or an archive")
    if not path.is_dir():
        archives.archive_kind(path)
        return path
    found = sorted(child for child in path.iterdir() if not is_hidden(child.name))
    if any(child.is_dir() and child.name.lower() in SPLIT_FOLDERS for child in found):
        return path
    packed = [child for child in found if child.is_file() and archives.is_archive_name(child.name)]
    image = _first_image(path)
    if packed and (image or len(packed) > 1):
        sets = [*packed, *([f"{image} and other images"] if image else [])]
        raise StudyError(
            f"dataset.path: found several sets of images in {path}: {listing(sets)}; expected "
            "one. Set dataset.path to the one to use"
        )
    if not packed and not image:
        raise StudyError(
            f"dataset.path: found no images in {path} (it contains: "
            f"{listing(child.name for child in found)}); expected an archive, or {LAYOUT}, as "
            f"{listing(IMAGES)}"
        )
    return locate(packed[0]) if packed else path


def _first_image(folder: Path) -> str | None:
    """Return the first file in a folder that is an image by its name, or else by its content."""
    names = folder_files(folder)
    if named := next((name for name in names if kind_of(name, b"").image), None):
        return named
    for name in names:
        with (folder / name).open("rb") as stream:
            if kind_of(name, stream.read(HEAD)).image:
                return name
    return None


def _kept_in(
    store: ImageStore, decoded: Iterable[tuple[str, Decoded]]
) -> Iterator[tuple[str, Decoded]]:
    """Put the pixels of images into the store as they arrive; yield what else is known of them."""
    for name, found in decoded:
        if isinstance(found, Picture):
            store.add(name, found.pixels)
            yield name, replace(found, pixels=_NO_PIXELS)
        else:
            yield name, found


_NO_PIXELS = np.empty((0, 0, 3), dtype=np.uint8)


def _assemble(
    pictures: dict[str, Picture],
    store: ImageStore,
    placed: Placed,
    decoding: dict[str, Any],
    skipped: tuple[str, ...],
    others: Others,
    notes: tuple[str, ...],
    facts: dict[str, FileFacts],
) -> RawDataset:
    """Gather the images in order."""
    pixels = np.empty((len(placed), *store.shape), dtype=np.uint8)
    sides = np.array([pictures[name].side for name in placed], dtype=np.int64)
    for index, name in enumerate(placed):
        pixels[index] = store.read(name)
    splits, classes, names = (np.array(column) for column in zip(*placed.values(), strict=True))
    class_names, labels = np.unique(classes, return_inverse=True)
    return RawDataset(
        images=pixels,
        labels=labels.astype(np.int64),
        class_names=tuple(map(str, class_names)),
        split=splits.astype("<U10"),
        image_names=names,
        skipped=skipped,
        left_out=others.records(),
        original_sides=sides,
        notes=notes,
        file_facts=[facts[name] for name in placed],
        decoding=decoding,
    )
