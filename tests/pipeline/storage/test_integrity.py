"""Manifests and seals: what is recognized as changed, and what is said of it."""

import hashlib
import json
from pathlib import Path

import pytest

from pipeline.checks import StudyError
from pipeline.storage import integrity
from pipeline.storage.integrity import extend_manifest, load_manifest, make_manifest, seal, unseal

pytestmark = pytest.mark.usefixtures("study_folder")
OF, REMEDY = {"run": "svm", "seed": 0}, "dvc repro train_classical@svm"
MANIFEST = Path("folder/manifest.json")


@pytest.fixture
def written():
    """A folder of two files with its manifest."""
    MANIFEST.parent.mkdir()
    for name in ("a.csv", "b.npz"):
        (MANIFEST.parent / name).write_bytes(name.encode() * 20)
    write(make_manifest(MANIFEST.parent, OF, integrity.files_below(MANIFEST.parent)))


def write(document):
    MANIFEST.write_text(json.dumps(document, indent=2), encoding="utf-8")


def test_the_digest_of_a_file_is_its_sha256():
    Path("a").write_bytes(b"abc")
    assert integrity.file_digest(Path("a")) == hashlib.sha256(b"abc").hexdigest()


def test_files_that_are_as_they_were_written_are_given(written):
    manifest = load_manifest(MANIFEST, OF, REMEDY)
    assert manifest.verify("a.csv") == Path("folder/a.csv")
    assert manifest.verify_size("b.npz") == Path("folder/b.npz")
    assert list(manifest.files) == ["a.csv", "b.npz"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a.csv" * 19, r"folder.a\.csv: found 95 bytes; expected 100\."),
        (b"b.csv" * 20, r"folder.a\.csv: found the SHA-256 [0-9a-f]{64}; expected [0-9a-f]{64}\."),
    ],
)
def test_a_changed_file_is_named_with_the_commands_that_mend_it(written, content, message):
    Path("folder/a.csv").write_bytes(content)
    with pytest.raises(StudyError, match=message) as caught:
        load_manifest(MANIFEST, OF, REMEDY).verify("a.csv")
    assert f"python -m pipeline.commands.mend folder/a.csv && {REMEDY}" in str(caught.value)


def test_a_file_that_is_not_in_the_manifest_is_refused(written):
    Path("folder/c.csv").touch()
    with pytest.raises(StudyError, match=r"folder.c\.csv: not listed in .*a\.csv, b\.npz"):
        load_manifest(MANIFEST, OF, REMEDY).verify("c.csv")


@pytest.mark.tried(
    "Damaged artifacts",
    "a manifest that was edited",
    "an error that names it",
)
@pytest.mark.parametrize(
    "change",
    [
        lambda document: document["of"].update(seed=1),
        lambda document: document["files"]["a.csv"].update(bytes=7),
        lambda document: document["files"].pop("a.csv"),
        lambda document: document.update(more=1),
        lambda document: document.update(seal="0" * 64),
    ],
)
def test_an_edited_manifest_does_not_have_its_checksum(written, change):
    document = json.loads(MANIFEST.read_text(encoding="utf-8"))
    change(document)
    write(document)
    with pytest.raises(StudyError, match=r"manifest\.json: found content that does not match"):
        load_manifest(MANIFEST, {}, REMEDY)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "found list; expected a JSON object"),
        ({"of": {}}, "found no 'seal'"),
        (seal({"of": {}}), "found the keys of; expected a manifest"),
        (seal({"of": {}, "files": {"a": [1]}}), "expected a manifest"),
        (seal({"of": {}, "files": {"a": {"bytes": "1", "sha256": ""}}}), "expected a manifest"),
        (seal({"of": OF | {"run": "net"}, "files": {}}), "files of run 'net'; expected run 'svm'"),
    ],
)
def test_another_document_is_no_manifest(written, document, message):
    write(document)
    with pytest.raises(StudyError, match=message) as caught:
        load_manifest(MANIFEST, OF, REMEDY)
    assert REMEDY in str(caught.value)


@pytest.mark.tried(
    "Damaged artifacts",
    "a folder of an earlier version of the project, without checksums",
    "an error with the command that regenerates it",
)
def test_a_folder_without_a_manifest_is_reported(written):
    MANIFEST.unlink()
    with pytest.raises(StudyError, match=f"earlier versions .* create it with: {REMEDY}"):
        load_manifest(MANIFEST, OF, REMEDY)


@pytest.mark.parametrize("depth", [500, 900, 950, 980, 990, 100_000])
def test_a_manifest_that_is_deeply_nested_is_refused(written, depth):
    text = '{"seal": "0", "of": ' + "[" * depth + "]" * depth + "}"
    MANIFEST.write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=r"manifest\.json: found"):
        load_manifest(MANIFEST, OF, REMEDY)


def test_a_manifest_grows_and_restarts_for_something_else(written):
    Path("folder/c").write_bytes(b"c")
    write(extend_manifest(MANIFEST, OF, [Path("folder/c")]))
    assert list(load_manifest(MANIFEST, OF, "").files) == ["a.csv", "b.npz", "c"]
    write(extend_manifest(MANIFEST, {"run": "net"}, [Path("folder/c")]))
    assert list(load_manifest(MANIFEST, {"run": "net"}, "").files) == ["c"]


def test_a_seal_does_not_depend_on_the_order_of_keys():
    content = {"b": [1.5, None], "a": "Straße"}
    turned = dict(reversed(seal(content).items()))
    assert unseal(turned, Path("x"), "") == content
    assert seal({"a": 1})["seal"] != seal({"a": 1.5})["seal"]
