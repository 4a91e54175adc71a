"""Where published files may be: in folders and archives that a person placed somewhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from pipeline.data.reading.archives import is_archive_name
from pipeline.data.reading.names import is_hidden


def wrappings(
    place: Path, names: Collection[str], is_official_name: Callable[[Path], bool]
) -> Iterator[Path]:
    """Yield each folder and archive that may contain published files, without opening any.

    Folders may be up to two levels below `place`, archives one. Links are followed: what they lead
    to is recognized by its checksums. Folders with some of the files come first; then archives,
    those with the right name first and then the smallest, since an archive can only be searched by
    reading it; then folders that have nothing but the right name.

    Args:
        place: a folder, or an archive, which is then the only one.
        names: names of the files.
        is_official_name: takes a path; returns whether it has the name of the published folder or
            archive.
    """
    if place.is_file():
        yield place
        return
    near = [place, *_folders(place)]
    folders = [*near, *(below for each in near[1:] for below in _folders(each))]
    full = [each for each in folders if any(os.path.isfile(each / name) for name in names)]
    archives = [
        path
        for folder in near
        for path in children(folder)
        if is_archive_name(path.name) and os.path.isfile(path)
    ]
    yield from full
    yield from sorted(
        archives, key=lambda path: (not is_official_name(path), path.stat().st_size, path)
    )
    yield from (each for each in folders[1:] if each not in full and is_official_name(each))


def children(folder: Path) -> list[Path]:
    """Return what a folder contains, sorted, without what is hidden."""
    try:
        return sorted(child for child in folder.iterdir() if not is_hidden(child.name))
    except OSError:  # no folder, or no permission: `check` reports it where it is `dataset.path`
        return []


def _folders(folder: Path) -> list[Path]:
    return [child for child in children(folder) if os.path.isdir(child)]
