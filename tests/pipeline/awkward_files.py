"""Names that a reader of CSV may take for something else, and what can happen to a file."""

from pathlib import Path

AWKWARD = ("NA", "null", "01", "1e5", "None", "nan", "True", "a, b", 'say "x"', "Straße 北", "-")
DIGITS = ("01", "1", "10", "9")
"""A column of these alone looks like numbers."""


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGES = {
    "missing": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "cut short": half,
    "another file": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256))),
}


def contents(folder: Path = Path()) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too, and what is in it."""
    return {
        path.as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if not path.is_dir()
    }
