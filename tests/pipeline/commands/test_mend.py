"""Damaged objects of DVC's cache go, whole ones stay, and nothing that a person has placed."""

import hashlib
from pathlib import Path

import pytest
from awkward_files import contents

from pipeline.checks import StudyError
from pipeline.commands import mend as module
from pipeline.commands.mend import main, mend

pytestmark = pytest.mark.usefixtures("study_folder")
CACHE = Path(".dvc/cache")
LABELS = Path("data/prepared/labels/test.npy")


def store(content: bytes, suffix: str = "") -> Path:
    name = hashlib.md5(content).hexdigest() + suffix
    path = CACHE / "files" / "md5" / name[:2] / name[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o444)
    return path


def place(path: Path, content: bytes = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.tried(
    "Damaged artifacts",
    "objects of DVC's cache whose content no longer has the hash they are named after",
    "`python -m pipeline.commands.mend` removes them and the named files, and nothing else",
)
def test_damaged_objects_and_the_named_files_are_removed():
    damaged = [store(b"labels"), store(b'[{"md5": "a"}]', ".dir")]
    whole = [store(b"images"), store(b"[]", ".dir"), place(CACHE / "runs/ab/abc/x", b"no object")]
    for path in damaged:
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    place(LABELS, b"labelx")
    table = place(Path("reports/study/accuracy.csv"))
    other = place(Path("data/prepared/labels/train.npy"))
    assert set(mend([LABELS, table], CACHE)) == {*damaged, LABELS, table}
    assert set(contents()) == {path.as_posix() for path in (*whole, other)}
    assert mend([LABELS], CACHE) == []


def test_a_file_that_is_not_here_is_reported(monkeypatch, capsys):
    """The command was given in another folder than the study's: DVC must not run there."""
    monkeypatch.setattr(module, "_cache", lambda: CACHE)
    assert main([str(LABELS)]) == 1
    assert "run this command in the study's folder" in capsys.readouterr().err
    place(LABELS)
    assert main([str(LABELS)]) == 0
    assert main([]) == 0


@pytest.mark.parametrize(
    "path",
    [
        "params.yaml",
        "data/incoming/mine.zip",
        "data/downloads/cifar-10-python.tar.gz",
        "data/../params.yaml",
        "runs",
        "reports/reference/cifar10/accuracy.csv",
    ],
)
def test_what_no_stage_has_made_for_another_stays(path):
    if Path(path).name == "runs":
        Path(path).mkdir()
    else:
        place(Path(path))
    store(b"x").chmod(0o644)
    before = contents()
    with pytest.raises(StudyError, match="expected a file that a stage wrote"):
        mend([Path(path)], CACHE)
    assert contents() == before
