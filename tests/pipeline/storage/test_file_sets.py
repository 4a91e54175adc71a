"""Files that change all at once, whenever the process that writes them is killed."""

import os
from contextlib import suppress
from pathlib import Path

import pytest
from awkward_files import contents

from pipeline.checks import StudyError
from pipeline.storage import file_sets

pytestmark = pytest.mark.usefixtures("study_folder")
FOLDER, OF, REMEDY = Path("report"), {"results": "study"}, "dvc repro evaluate"
NAMES = ("a.csv", "b.csv", "samples/1.png", "samples/small/2.jpg")


class Killed(BaseException):
    """Stands for signal 9: nothing that expects an error sees it."""


def write(text: str, names=NAMES) -> None:
    with file_sets.replacing(FOLDER, OF, owned=("samples",)) as incoming:
        for name in names:
            (incoming / name).parent.mkdir(parents=True, exist_ok=True)
            (incoming / name).write_text(f"{text} {name}", encoding="utf-8")


def test_a_set_replaces_the_one_before_and_leaves_other_files():
    write("old")
    (FOLDER / "index.html").touch()
    write("new", NAMES[:3])
    file_sets.verify(FOLDER, OF, REMEDY)
    assert sorted(contents(FOLDER)) == [
        f"report/{name}"
        for name in ("a.csv", "b.csv", "index.html", "manifest.json", "samples/1.png")
    ]
    assert (FOLDER / "a.csv").read_text(encoding="utf-8") == "new a.csv"


@pytest.mark.parametrize("interruption", [Killed, OSError, KeyboardInterrupt])
def test_a_set_that_is_not_complete_changes_nothing(interruption):
    write("old")
    before = contents(FOLDER)

    def write_half():
        with file_sets.replacing(FOLDER, OF) as incoming:
            (incoming / "a.csv").write_text("new", encoding="utf-8")
            raise interruption

    with pytest.raises(interruption):
        write_half()
    assert contents(FOLDER) == before


@pytest.mark.tried(
    "Kills",
    "a kill between any two of the moves with which new tables take the place of the old",
    "the report refuses the mixture; the next run replaces it",
)
def test_a_mixture_is_refused_and_the_next_run_replaces_it(monkeypatch, trials):
    move = os.replace
    for moves in range(len(NAMES) + 2):
        write("old")
        left = iter(range(moves))

        def replace(source, target, left=left):
            if Path(target).parent.name[0] != "." and next(left, None) is None:
                raise Killed
            move(source, target)

        with monkeypatch.context() as patch:
            patch.setattr(file_sets.os, "replace", replace)
            patch.setattr(file_sets.shutil, "rmtree", lambda *_, **__: None)  # nor is it tidied
            with suppress(Killed):
                write("new")
        if moves in (0, len(NAMES) + 1):  # none, or all with the manifest
            file_sets.verify(FOLDER, OF, REMEDY)
        else:
            with pytest.raises(StudyError, match=REMEDY):
                file_sets.verify(FOLDER, OF, REMEDY)
        write("newer")
        file_sets.verify(FOLDER, OF, REMEDY)
        assert len(contents(FOLDER)) == len(NAMES) + 1
    trials(len(NAMES) + 2)


def test_a_changed_file_is_refused():
    write("new")
    (FOLDER / "samples" / "1.png").write_text("old samples/1.png", encoding="utf-8")
    with pytest.raises(StudyError, match=r"samples.1\.png: found the SHA-256"):
        file_sets.verify(FOLDER, OF, REMEDY)


def test_two_sets_lie_in_one_folder():
    write("new")
    with file_sets.replacing(FOLDER, {"pictures": 1}, ("networks",), "networks.json"):
        pass
    file_sets.verify(FOLDER, OF, REMEDY)
    file_sets.verify(FOLDER, {"pictures": 1}, REMEDY, "networks.json")
    assert (FOLDER / "networks").is_dir(), "an output of DVC, also without a picture"
