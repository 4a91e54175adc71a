import json
import shutil
import subprocess

import pytest
import yaml

from pipeline.analyses.tables import load_results, save_results
from pipeline.checks import StudyError
from pipeline.commands import publish as module
from pipeline.commands.publish import publish, refresh, render, without_place
from pipeline.page.summary import headline
from pipeline.storage.results import CELL_PICTURES, MANIFESTS
from tests.pipeline.synthetic_study import CASES, written


def test_readme_is_rewritten_between_the_marks_alone(tmp_path):
    readme = tmp_path / "README.md"
    marks = "<!-- results of x: begin -->{}<!-- results of x: end -->"
    readme.write_text(f"before\n{marks.format('old')}\nafter\n", encoding="utf-8")
    for text in ("| new |\n", "| newer |"):
        refresh(readme, "x", text)
        expected = marks.format(f"\n{text.strip()}\n")
        assert readme.read_text(encoding="utf-8") == f"before\n{expected}\nafter\n"


@pytest.mark.parametrize("text", ["no marks", "<!-- results of x: begin --> and no end"])
def test_readme_without_both_marks_is_left_alone(tmp_path, text):
    readme = tmp_path / "README.md"
    readme.write_text(text, encoding="utf-8")
    refresh(readme, "x", "table")
    assert readme.read_text(encoding="utf-8") == text


def test_a_study_that_was_not_run_is_refused_before_anything_is_removed(tmp_path):
    kept = tmp_path / "reports" / "reference" / "x" / "summary.md"
    kept.parent.mkdir(parents=True)
    kept.write_text("of last time", encoding="utf-8")
    with pytest.raises(StudyError, match="run the study first"):
        publish(tmp_path / "workspaces" / "x", "x", tmp_path)
    assert kept.read_text(encoding="utf-8") == "of last time"


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """A workspace that was run, with a report of one read-only file, and a stubbed `dvc status`."""
    study = tmp_path / "workspaces" / "x"
    report = study / "reports" / "study" / "index.html"
    report.parent.mkdir(parents=True)
    report.write_text("new page", encoding="utf-8")
    report.chmod(0o444)
    (study / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n", encoding="utf-8")
    params = {"seed": 0, "dataset": {"name": "digits"}}
    (study / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    marks = "<!-- results of ref: begin -->\n<!-- results of ref: end -->\n"
    marks += "<!-- cost of ref: begin -->\n<!-- cost of ref: end -->\n"
    (tmp_path / "README.md").write_text(marks, encoding="utf-8")
    monkeypatch.setattr(module, "load_results", lambda folder: folder.name)
    monkeypatch.setattr(module, "headline", lambda results: f"table of {results}")
    monkeypatch.setattr(module, "answers", lambda results: {"cost": f"cost of {results}"})
    status = {"check": ["always changed"]}
    done = lambda *_, **__: subprocess.CompletedProcess([], 0, json.dumps(status))  # noqa: E731
    monkeypatch.setattr(module.subprocess, "run", done)
    return study, status


def test_a_finished_study_replaces_the_last_one(finished, tmp_path):
    study, _ = finished
    for _ in range(2):
        target = publish(study, "ref", tmp_path)
        (target / "of-last-time.csv").touch()
    target = publish(study, "ref", tmp_path)
    assert sorted(p.name for p in target.iterdir()) == ["dvc.lock", "index.html", "params.yaml"]
    assert (target / "index.html").stat().st_mode & 0o200, "a committed file can be written to"
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "table of ref" in readme
    assert "<!-- cost of ref: begin -->\ncost of ref\n<!-- cost of ref: end -->" in readme
    assert [p.name for p in target.parent.iterdir()] == ["ref"]


@pytest.mark.parametrize(
    "changed",
    [
        {"train_deep@a": [{"changed deps": {"params.yaml": "modified"}}]},
        {"check": [{"changed outs": {"data/code": "deleted"}}, "always changed"]},
    ],
)
def test_results_of_other_parameters_are_refused(finished, tmp_path, changed):
    study, status = finished
    status.update(changed)
    with pytest.raises(StudyError, match="do not match its parameters and this code"):
        publish(study, "ref", tmp_path)
    assert not (tmp_path / "reports").exists()


def test_pictures_that_the_page_holds_already_are_left_out(finished, tmp_path):
    study, _ = finished
    for name in (f"{CELL_PICTURES}/3.jpg", "samples/3.png"):
        picture = study / "reports" / "study" / name
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_bytes(b"a picture")
    target = publish(study, "ref", tmp_path)
    assert [path.name for path in (target / "samples").iterdir()] == ["3.png"]


def test_the_page_names_paths_as_the_published_parameters_do(finished, tmp_path, monkeypatch):
    """They are relative to the checkout; in the workspace, they were relative to that."""
    study, _ = finished
    monkeypatch.setattr(module, "load_results", load_results)
    monkeypatch.setattr(module, "headline", headline)
    source = study / "reports" / "study"
    (source / "index.html").unlink()
    save_results(written(source, drawn=False, **CASES["tiny"]), source)
    given = {"seed": 0, "dataset": {"name": "image_folder", "path": "../../../elsewhere/a.zip"}}
    (study / "params.yaml").write_text(yaml.safe_dump(given), encoding="utf-8")
    target = publish(study, "ref", tmp_path)
    params = yaml.safe_load((target / "params.yaml").read_text(encoding="utf-8"))
    assert params["dataset"]["path"] == "../elsewhere/a.zip"
    page = (target / "index.html").read_text(encoding="utf-8")
    assert "path: ../elsewhere/a.zip" in page
    assert "../../../elsewhere" not in page


def test_a_reference_is_rendered_again_from_its_own_results(finished, tmp_path, monkeypatch):
    study, _ = finished
    monkeypatch.setattr(module, "load_results", load_results)
    monkeypatch.setattr(module, "headline", headline)
    target = tmp_path / "reports" / "reference" / "ref"
    save_results(written(target, drawn=False, **CASES["tiny"]), target)
    shutil.copyfile(study / "params.yaml", target / "params.yaml")
    (target / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n", encoding="utf-8")
    (target / "index.html").write_text("an old page", encoding="utf-8")
    tables = {path.name: path.read_bytes() for path in (target / "tables").iterdir()}
    render("ref", tmp_path)
    assert "<h1" in (target / "index.html").read_text(encoding="utf-8")
    assert {path.name: path.read_bytes() for path in (target / "tables").iterdir()} == tables
    assert not [name for name in MANIFESTS if (target / name).exists()]
    with pytest.raises(StudyError, match="did you mean 'ref'"):
        render("re", tmp_path)


def test_pictures_behind_cells_are_taken_from_the_old_page(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "load_results", load_results)
    monkeypatch.setattr(module, "headline", headline)
    target = tmp_path / "reports" / "reference" / "ref"
    save_results(written(target, drawn=False, **CASES["tiny"]), target)
    shutil.copyfile(finished[0] / "params.yaml", target / "params.yaml")
    (target / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n", encoding="utf-8")
    shutil.rmtree(target / CELL_PICTURES)

    def behind_cells():
        page = (target / "index.html").read_text(encoding="utf-8")
        return page.partition('id="behind-cells">')[2].partition("</script>")[0]

    before = behind_cells()
    assert "data:image/jpeg" in before
    render("ref", tmp_path)
    assert behind_cells() == before
    assert not (target / CELL_PICTURES).exists()


def test_a_place_on_one_machine_is_not_published():
    parameters = {"seed": 0, "dataset": {"name": "image_folder", "path": "/home/me/photos.zip"}}
    lock = "- path: /home/me/photos.zip\n  md5: 1\nparams: {path: /home/me/photos.zip}\n"
    found, text = without_place(parameters, lock)
    assert found["dataset"]["path"] == "data/incoming/photos.zip"
    assert text.count("data/incoming/photos.zip") == 2
    assert "/home" not in text
    assert parameters["dataset"]["path"] == "/home/me/photos.zip"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((), ". default"),
        (("STUDY=depth",), "workspaces/depth depth"),
        (("STUDY=depth", "AS=deeper"), "workspaces/depth deeper"),
    ],
)
def test_make_names_a_reference_as_its_study(root, given, expected):
    """GNU make sets AS itself, to the name of the assembler."""
    command = ["make", "--dry-run", "--no-print-directory", "reference", *given]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].endswith(f"pipeline.commands.publish {expected}")
