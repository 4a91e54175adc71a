"""Find or download the images, and record what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pipeline.checks import escaped
from pipeline.config.entries import load_entry
from pipeline.storage.source import save_source
from stages import run

if TYPE_CHECKING:
    from pipeline.data.spec import DatasetSpec


def main() -> None:
    """Write data/source.json."""
    spec, _ = load_entry("dataset")
    source = cast("DatasetSpec", spec).fetch()
    save_source(source)
    for file in source.files:
        found = escaped(file.path or file.name)
        print(f"{source.name}: {found}, SHA-256 {file.sha256}")


if __name__ == "__main__":
    run(main)
