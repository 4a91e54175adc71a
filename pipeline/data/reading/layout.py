"""Which split and class an image belongs to, by the folders that contain it.

The splits are called ``train``, ``val`` (``valid``, ``validation``) and ``test``; the last two may
be missing. Without split folders, ``<class>/<image>``, all images are training images, from which
the other splits are taken. A single folder around everything is ignored. Classes and images are
ordered by name, so the order in an archive or on a disk does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from pipeline.checks import StudyError, did_you_mean, in_message, listing
from pipeline.storage.splits import SPLITS

SPLIT_FOLDERS = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
LAYOUT = "<split>/<class>/<image>, with splits train, val and test, or <class>/<image>"

Parts = tuple[str, ...]
"""The parts of a path: ``("train", "cat", "1.png")``, or ``("cat", "1.png")``."""
Placed = dict[str, tuple[str, str, str]]
"""Path of an image -> its split, its class, and its path without any folder around everything."""


def lay_out(
    names: Sequence[str], where: str, depth_below_class: Callable[[bool], int] = lambda splits: 0
) -> Placed:
    """Find the split and class of each image.

    Args:
        names: the paths of all images.
        where: the archive or folder, for messages.
        depth_below_class: how many folders lie between an image and the folder of its class, given
            whether there are folders of splits.

    Returns:
        Their places, sorted by path without any folder around everything.

    Raises:
        StudyError: if the folders are not laid out as expected.
    """
    parts = {name: PurePosixPath(name).parts for name in names}
    while _is_wrapped(list(parts.values())):
        parts = {name: below[1:] for name, below in parts.items()}
    tops = sorted({below[0] for below in parts.values()})
    splits = {top: SPLIT_FOLDERS[top.lower()] for top in tops if top.lower() in SPLIT_FOLDERS}
    below_class = depth_below_class(bool(splits))
    level = 1 if splits else 0
    depth = level + 2 + below_class
    stray = next((name for name, below in parts.items() if len(below) != depth), None)
    if stray or (splits and len(splits) < len(tops)):
        if below_class and stray and not (splits and len(splits) < len(tops)):
            raise StudyError(
                f"{where}: found {in_message(stray)}; expected every image below {depth - 1} "
                "folders, as dataset.groups says. Move it, or tell groups by file names or a CSV "
                "file"
            )
        loose = any(below[0] in splits and len(below) == 2 for below in parts.values())
        way_out = _way_out(tops, splits) if loose else ""
        folders = sorted({below[0] for below in parts.values() if len(below) > 1})
        raise StudyError(_stray_message(where, stray, tops, splits, folders) + way_out)
    if len(set(splits.values())) < len(splits):
        raise StudyError(f"{where}: found {listing(splits)}; expected one folder per split")
    if splits and "train" not in splits.values():
        raise StudyError(f"{where}: found {listing(tops)}, but no train folder; expected {LAYOUT}")
    ordered = sorted(names, key=lambda name: parts[name])
    placed = {
        name: (splits.get(parts[name][0], "train"), parts[name][level], "/".join(parts[name]))
        for name in ordered
    }
    _check_classes(placed, where)
    return placed


def _is_wrapped(paths: Sequence[Parts]) -> bool:
    """Return whether all images are in one folder that is neither a split nor a class."""
    if len({below[0] for below in paths}) != 1 or min(map(len, paths)) < 3:
        return False
    if paths[0][0].lower() not in SPLIT_FOLDERS:
        return True
    return min(map(len, paths)) > 3 and all(below[1].lower() in SPLIT_FOLDERS for below in paths)


def _stray_message(
    where: str,
    stray: str | None,
    tops: Sequence[str],
    splits: dict[str, str],
    folders: Sequence[str],
) -> str:
    others = [top for top in tops if top not in splits]
    remedy = ""
    if splits and others:
        found = f"the folders {listing(others)} next to {listing(splits)}"
    else:
        neighbors = f" next to the folders {listing(folders)}" if folders and not splits else ""
        found = in_message(stray) + neighbors
        remedy = ". Move it into the folder of its class, or elsewhere"
    hints = (did_you_mean(top.lower(), SPLIT_FOLDERS) for top in others)
    hint = next((hint for hint in hints if hint), ";") if len(tops) <= len(SPLITS) else ";"
    return f"{where}: found {found}{hint} expected {LAYOUT}{remedy}"


def _way_out(tops: Sequence[str], splits: dict[str, str]) -> str:
    """Return how a class can have the name of a split, for people with pictures of trains."""
    first = next(iter(splits))
    others = next((f"train/{in_message(top)}, " for top in tops if top not in splits), "")
    return (
        f". If {first} is a class and not a split, move all class folders into one folder called "
        f"train: {others}train/{first}"
    )


def _check_classes(placed: Placed, where: str) -> None:
    _check_twins(sorted({name for _, name, _ in placed.values()}), where)
    classes: dict[str, set[str]] = {}
    for split, name, _ in placed.values():
        classes.setdefault(split, set()).add(name)
    for split, names in classes.items():
        missing, extra = sorted(classes["train"] - names), sorted(names - classes["train"])
        if missing or extra:
            raise StudyError(
                f"{where}: found different classes in {split} and train (missing in {split}: "
                f"{listing(missing)}; extra: {listing(extra)}); expected the same class folders, "
                "each containing images, in every split"
            )
    if len(classes["train"]) < 2:
        raise StudyError(
            f"{where}: found only one class ({listing(classes['train'])}); expected at least two "
            f"class folders, as {LAYOUT}"
        )


def _check_twins(names: Sequence[str], where: str) -> None:
    """Reject classes whose names differ only in case or outer spaces, in any splits.

    Single letters may differ in case: they are classes of handwriting.
    """
    seen: dict[str, str] = {}
    for name in names:
        key = name.strip() if len(name) == 1 else name.strip().casefold()
        if key in seen:
            raise StudyError(
                f"{where}: found the classes {seen[key]!r} and {name!r}, which differ only in case "
                "or spaces; expected more distinct names. Rename one of the folders, or merge them"
            )
        seen[key] = name
