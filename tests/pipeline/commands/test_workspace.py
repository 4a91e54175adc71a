"""Overlays, and the folder that a study gets of its own."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from dvc.utils.serialize import parse_yaml

from pipeline.checks import StudyError
from pipeline.commands import dvc_command, workspace
from pipeline.commands.workspace import create, main
from pipeline.config.params import load_params
from pipeline.config.yaml_files import read_yaml

PARAMS = """\
# A comment that is not part of the study.
seed: 0
dataset: {name: photos, path: data/incoming, limit: 50}
features:
  hog: {method: hog, cell: 8, signed: true}
classical:
  svm: {method: linear_svm, features: [hog], C: 0.001}
  rbf: {method: rbf_svm, features: [hog], scaling: unit, weights: [1.0]}
deep:
  lenet5: {method: lenet5, epochs: 20}
  vgg: {method: transfer, weights: imagenet}
not_run: {}
corrupt: {}
"""


# --- the folder -----------------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path):
    """A checkout in small: what `create` copies and links, with two overlays."""
    root = tmp_path / "checkout"
    for folder in ("pipeline", "stages", "studies", ".dvc/plots", "data/incoming"):
        (root / folder).mkdir(parents=True)
    for name, text in {
        "params.yaml": PARAMS,
        "dvc.yaml": "stages: {}\n",
        ".dvcignore": ".venv\n",
        ".dvc/config": "[core]\n    analytics = false\n",
        ".dvc/plots/bars.json": "{}",
        "pipeline/__init__.py": '"""The library."""\n',
        "stages/__init__.py": '"""The stages."""\n',
        "studies/tiny.yaml": "deep: {lenet5: {epochs: 2}, vgg: null}\n",
        "studies/other.yaml": "seed: 7\n",
        "data/incoming/README.md": "Place data here.\n",
    }.items():
        (root / name).write_text(text, encoding="utf-8")
    return root


def state(folder: Path) -> dict[str, object]:
    """What each file holds and when it was written; where each link leads, not what is behind."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name, status = path.relative_to(folder).as_posix(), path.lstat()
        if path.is_symlink():
            found[name] = (os.readlink(path), status.st_mtime_ns, status.st_ino)
        elif path.is_file():
            found[name] = (path.read_bytes(), status.st_mtime_ns, status.st_ino)
    return found


def params_of(folder: Path) -> dict:
    return yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))


def test_parameters_are_merged_and_say_where_they_are_from(checkout):
    folder = create("tiny", checkout)
    assert folder == checkout / "workspaces" / "tiny"
    expected = yaml.safe_load(PARAMS)
    expected["dataset"]["path"] = "../../data/incoming"
    expected["deep"] = {"lenet5": {"method": "lenet5", "epochs": 2}}
    assert params_of(folder) == expected
    assert list(params_of(folder)) == list(expected), "sections keep their order"
    head = (folder / "params.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert head.startswith("#")
    assert "studies/tiny.yaml" in head


@pytest.mark.tried(
    "params.yaml",
    "an overlay with classes called 1e3, 012, on and null",
    "the same names in the study's own params.yaml, as DVC reads it",
)
def test_names_that_look_like_numbers_stay_names(checkout):
    names = ["1e3", "012", "on", "null", "1:30", "0x1f", "~", "2020-01-01"]
    overlay = f"dataset: {{classes: {names}, title: '1e3', validation: 1e-3}}\n"
    (checkout / "studies/tiny.yaml").write_text(overlay, encoding="utf-8")
    folder = create("tiny", checkout)
    text = (folder / "params.yaml").read_text(encoding="utf-8")
    for document in (read_yaml(folder / "params.yaml"), parse_yaml(text, "params.yaml")):
        assert document["dataset"]["classes"] == names
        assert document["dataset"]["title"] == "1e3"
        assert document["dataset"]["validation"] == 0.001
    assert load_params(folder / "params.yaml").dataset.classes == tuple(names)


def test_the_later_of_several_overlays_is_laid_over_the_earlier(checkout):
    (checkout / "studies/other.yaml").write_text(
        "seed: 7\ndeep: {lenet5: {epochs: 3, width: 0.5}, vgg: {weights: v.h5}}\n", encoding="utf-8"
    )
    folder = create("other+tiny", checkout)
    assert folder == checkout / "workspaces" / "other+tiny"
    assert params_of(folder)["seed"] == 7
    expected = {"lenet5": {"method": "lenet5", "epochs": 2, "width": 0.5}}
    assert params_of(folder)["deep"] == expected
    head = (folder / "params.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert "params.yaml, studies/other.yaml, studies/tiny.yaml" in head
    assert params_of(create("tiny+other", checkout))["deep"]["lenet5"]["epochs"] == 3
    with pytest.raises(StudyError, match=r"unknown study 'tinny'; did you mean 'tiny'"):
        create("other+tinny", checkout)


def test_the_csv_file_of_groups_is_found_from_the_workspace(checkout):
    overlay = "dataset: {name: image_folder, groups: {csv: data/incoming/groups.csv}}\n"
    (checkout / "studies/tiny.yaml").write_text(overlay, encoding="utf-8")
    dataset = params_of(create("tiny", checkout))["dataset"]
    assert dataset["groups"] == {"csv": "../../data/incoming/groups.csv"}


def test_an_empty_overlay_changes_nothing(checkout):
    (checkout / "studies/tiny.yaml").write_text("{}\n", encoding="utf-8")
    expected = yaml.safe_load(PARAMS)
    expected["dataset"]["path"] = "../../data/incoming"
    assert params_of(create("tiny", checkout)) == expected


def test_an_overlay_may_name_the_runs_that_it_keeps(checkout):
    (checkout / "studies/tiny.yaml").write_text("only: [lenet5]\n", encoding="utf-8")
    found = params_of(create("tiny", checkout))
    expected = yaml.safe_load(PARAMS)
    assert found["deep"] == {"lenet5": expected["deep"]["lenet5"]}
    assert found["classical"] == found["features"] == {}
    assert list(found) == list(expected), "`only` itself is no section of params.yaml"


def test_a_file_of_an_earlier_version_gets_the_sections_that_it_lacks(root):
    earlier = "seed: 0\nablations: {a: {base: net}}\n"
    found = yaml.safe_load(workspace.with_later_sections(earlier))
    assert found["ablations"] == {"a": {"base": "net"}}
    assert found["sample_size"]["runs"] == {}
    assert workspace.with_later_sections(yaml.safe_dump(found)) == yaml.safe_dump(found)
    assert set(workspace.LATER_SECTIONS) <= set(read_yaml(root / "params.yaml"))


def test_code_is_linked_and_the_graph_copied(checkout):
    folder = create("tiny", checkout)
    for name in ("pipeline", "stages", ".dvc/plots"):
        link = folder / name
        assert link.is_symlink()
        assert link.resolve() == (checkout / name).resolve()
        assert not Path(os.readlink(link)).is_absolute(), "a checkout can be moved"
    for name in ("dvc.yaml", ".dvcignore"):
        assert not (folder / name).is_symlink()
        assert (folder / name).read_bytes() == (checkout / name).read_bytes()
    for name in ("data/features", "runs"):
        assert (folder / name).is_dir(), f"DVC depends on {name}, before anything is in it"


def test_downloads_serve_all_studies(checkout):
    first, second = create("tiny", checkout), create("other", checkout)
    (first / "data/downloads/archive.bin").write_bytes(b"downloaded once")
    assert (second / "data/downloads/archive.bin").read_bytes() == b"downloaded once"
    assert (checkout / "data/downloads/archive.bin").is_file()


def test_what_a_person_placed_serves_all_studies(checkout):
    """Also files that no path in params.yaml leads to, such as ImageNet's weights."""
    (checkout / "data/incoming/weights.h5").write_bytes(b"placed once")
    folder = create("tiny", checkout)
    assert (folder / "data/incoming/weights.h5").read_bytes() == b"placed once"
    assert os.path.samefile(folder / params_of(folder)["dataset"]["path"], folder / "data/incoming")


def test_what_a_person_placed_in_a_workspace_stays(checkout):
    placed = checkout / "workspaces/tiny/data/incoming/images.zip"
    placed.parent.mkdir(parents=True)
    placed.write_bytes(b"a person's")
    create("tiny", checkout)
    assert placed.read_bytes() == b"a person's"


def test_dvc_of_its_own_without_git(checkout):
    import configparser

    folder = create("tiny", checkout)
    config = configparser.ConfigParser()
    config.read_string((folder / ".dvc/config").read_text(encoding="utf-8"))
    assert dict(config["core"]) == {"analytics": "false", "no_scm": "true"}


REMOTE = """
['remote "store"']
    url = ../../../store
"""


def test_settings_of_a_workspaces_dvc_stay(checkout):
    """What `dvc remote add` and `dvc config` write there, in their own format."""
    import configparser

    config = create("tiny", checkout) / ".dvc/config"
    text = config.read_text(encoding="utf-8").replace("analytics = false", "analytics = true")
    text = text.replace("[core]", "[core]\n    remote = store").replace("no_scm = true\n", "\n")
    config.write_text(text + REMOTE, encoding="utf-8")
    create("tiny", checkout)
    found = configparser.ConfigParser()
    found.read(config)
    assert dict(found["core"]) == {"remote": "store", "analytics": "true", "no_scm": "true"}
    assert dict(found["'remote \"store\"'"]) == {"url": "../../../store"}


def test_a_remote_of_the_checkout_is_that_of_its_workspaces_too(checkout):
    shared = checkout / ".dvc/config"
    shared.write_text(shared.read_text(encoding="utf-8") + REMOTE, encoding="utf-8")
    folder = create("tiny", checkout)
    line = (folder / ".dvc/config").read_text(encoding="utf-8").rpartition("url = ")[2].strip()
    assert (folder / ".dvc" / line).resolve() == (checkout / ".dvc/../../../store").resolve()


@pytest.mark.tried(
    "Settings", "a workspace's .dvc/config that is no INI file", "an error that names it"
)
def test_settings_that_cannot_be_read(checkout):
    config = create("tiny", checkout) / ".dvc/config"
    config.write_text("remote = store\n", encoding="utf-8")
    with pytest.raises(StudyError, match=r"workspaces/tiny/.dvc/config cannot be read"):
        create("tiny", checkout)
    assert config.read_text(encoding="utf-8") == "remote = store\n"


@pytest.mark.parametrize(
    ("overlay", "place", "expected"),
    [
        ("dataset: {path: ../elsewhere/data}", ("dataset", "path"), "../../../elsewhere/data"),
        ("dataset: {path: data/x.zip}", ("dataset", "path"), "../../data/x.zip"),
        ("dataset: {path: /srv/data/x.zip}", ("dataset", "path"), "/srv/data/x.zip"),
        ("dataset: {path: photos.zip}", ("dataset", "path"), "../../photos.zip"),
        ("deep: {vgg: {weights: v.h5}}", ("deep", "vgg", "weights"), "../../v.h5"),
        ("deep: {vgg: {weights: models/v.h5}}", ("deep", "vgg", "weights"), "../../models/v.h5"),
        ("deep: {vgg: {weights: /srv/v.h5}}", ("deep", "vgg", "weights"), "/srv/v.h5"),
        ("deep: {vgg: {weights: random}}", ("deep", "vgg", "weights"), "random"),
        ("seed: 0", ("deep", "vgg", "weights"), "imagenet"),
        ("seed: 0", ("classical", "rbf", "weights"), [1.0]),
        ("dataset: {title: a/b}", ("dataset", "title"), "a/b"),
        ("not_run: {vgg: see docs/why.md}", ("not_run", "vgg"), "see docs/why.md"),
    ],
)
def test_relative_paths_lead_to_the_same_place(checkout, overlay, place, expected):
    (checkout / "studies/tiny.yaml").write_text(overlay, encoding="utf-8")
    folder = create("tiny", checkout)
    value = params_of(folder)
    for key in place:
        value = value[key]
    assert value == expected
    if isinstance(expected, str) and expected.startswith(".."):
        named = yaml.safe_load(overlay)
        for key in place:
            named = named[key]
        assert (folder / value).resolve() == (checkout / named).resolve()


def test_the_default_place_of_data_is_the_checkouts(checkout):
    folder = create("tiny", checkout)
    there = folder / params_of(folder)["dataset"]["path"]
    assert (there / "README.md").read_text(encoding="utf-8") == "Place data here.\n"


def test_unknown_study_is_named_with_those_that_exist(checkout):
    with pytest.raises(StudyError, match=r"unknown study 'tinny'; did you mean 'tiny'.*tiny"):
        create("tinny", checkout)
    assert not (checkout / "workspaces").exists()


def test_nothing_is_written_twice(checkout):
    folder = create("tiny", checkout)
    before = state(folder)
    (folder / "runs" / "kept.txt").write_text("a result", encoding="utf-8")
    create("tiny", checkout)
    after = state(folder)
    assert after.pop("runs/kept.txt")[0] == b"a result"
    assert after == before


def test_only_what_changed_is_rewritten(checkout):
    folder = create("tiny", checkout)
    before = state(folder)
    (checkout / "studies/tiny.yaml").write_text("seed: 5\n", encoding="utf-8")
    create("tiny", checkout)
    after = state(folder)
    assert params_of(folder)["seed"] == 5
    assert {name for name in before if before[name] != after[name]} == {"params.yaml"}
    assert set(after) == set(before)


def test_a_link_that_leads_elsewhere_is_mended(checkout):
    folder = create("tiny", checkout)
    (folder / "pipeline").unlink()
    (folder / "pipeline").symlink_to(checkout / "nowhere")
    create("tiny", checkout)
    assert (folder / "pipeline").resolve() == (checkout / "pipeline").resolve()


def test_the_checkout_stays_as_it_was(checkout):
    before = state(checkout)
    create("tiny", checkout)
    create("other", checkout)
    after = {
        name: value for name, value in state(checkout).items() if not name.startswith("workspaces/")
    }
    assert after == before


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def dvc(monkeypatch):
    """Record how DVC would be called, in place of calling it."""
    calls = []

    def call(folder, *arguments):
        calls.append(("dvc", *arguments, folder))
        return call.code

    call.code = 0
    monkeypatch.setattr(dvc_command, "run_dvc", call)
    monkeypatch.setattr(workspace, "verify_study", lambda params: calls.append("verified"))
    return SimpleNamespace(calls=calls, answer=call)


def test_study_runs_in_its_workspace(checkout, monkeypatch, capsys, dvc):
    monkeypatch.chdir(checkout)
    assert main(["run", "tiny"]) == 0
    assert dvc.calls == [("dvc", "repro", checkout / "workspaces/tiny"), "verified"]
    assert "workspaces/tiny/reports/study/index.html" in capsys.readouterr().out


def test_default_study_runs_in_the_checkout(checkout, monkeypatch, dvc):
    monkeypatch.chdir(checkout)
    before = state(checkout)
    assert main(["run"]) == 0
    assert dvc.calls == [("dvc", "repro", checkout), "verified"]
    assert state(checkout) == before


def test_failure_is_passed_on_and_no_report_is_promised(checkout, monkeypatch, capsys, dvc):
    monkeypatch.chdir(checkout)
    dvc.answer.code = 255
    assert main(["run", "tiny"]) == 255
    assert "index.html" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        ("features: {hog: {cel: 4}}", "features.hog.cel: unknown option; did you mean 'cell'"),
        ("dataset: {path: null}", "dataset.path: found nothing; expected"),
        ("deep: null", "deep: found nothing"),
        ("dataset: {name: cifar10}", "dataset.path: found nothing; expected"),
        ("seed: [", "is not YAML"),
        (
            "only: [svn, lenet5]",
            "unknown run in studies/tiny.yaml: only: 'svn'; did you mean 'svm'",
        ),
    ],
)
def test_mistakes_are_reported_before_dvc_is_called(
    checkout, monkeypatch, capsys, dvc, overlay, message
):
    monkeypatch.chdir(checkout)
    (checkout / "studies/tiny.yaml").write_text(overlay, encoding="utf-8")
    assert main(["run", "tiny"]) == 1
    assert message in capsys.readouterr().err
    assert not dvc.calls


def refuse(number):
    """An operating system that refuses whatever is written."""

    def write(*arguments, **options):
        raise OSError(number, os.strerror(number), "params.yaml")

    return write


@pytest.mark.tried("Overlays", "a folder, or a file in Latin-1", "an error that names it")
@pytest.mark.parametrize("what", ["folder", "latin-1"])
def test_an_overlay_that_cannot_be_read(checkout, monkeypatch, capsys, dvc, what):
    monkeypatch.chdir(checkout)
    overlay = checkout / "studies/tiny.yaml"
    overlay.unlink()
    if what == "folder":
        overlay.mkdir()
    else:
        overlay.write_bytes("dataset: {title: Caf\u00e9}\n".encode("latin-1"))
    assert main(["run", "tiny"]) == 1
    reported = capsys.readouterr().err
    assert reported.startswith("error: ")
    assert str(overlay) in reported
    assert len(reported.splitlines()) == 1
    assert not dvc.calls


@pytest.mark.tried(
    "Disk", "a study in a folder that is read-only, full or of another user", "one line says so"
)
@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EROFS, "read-only"),
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "no permission"),
    ],
)
@pytest.mark.parametrize("when", ["create", "run"])
def test_a_folder_that_cannot_be_written(checkout, monkeypatch, capsys, dvc, number, message, when):
    monkeypatch.chdir(checkout)
    if when == "create":
        monkeypatch.setattr(workspace, "save_text", refuse(number))
    else:
        monkeypatch.setattr(workspace.tempfile, "TemporaryFile", refuse(number))
    assert main(["run", "tiny"]) == 1
    reported = capsys.readouterr().err
    assert message in reported
    assert len(reported.splitlines()) == 1
    assert not dvc.calls


def test_create_makes_the_folder_and_runs_nothing(checkout, monkeypatch, capsys, dvc):
    monkeypatch.chdir(checkout)
    assert main(["create", "tiny"]) == 0
    assert capsys.readouterr().out.strip() == "workspaces/tiny"
    assert params_of(checkout / "workspaces/tiny")
    assert not dvc.calls


@pytest.mark.parametrize("arguments", [[], ["walk"], ["create"], ["run", "tiny", "other"]])
def test_usage(arguments, capsys):
    assert main(arguments) == 2
    assert "usage" in capsys.readouterr().err
