"""Objects on disk: what comes back is the same to the bit, and what is hostile is not opened."""

import copy
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from pipeline.checks import StudyError
from pipeline.classical.run.calibration import SigmoidCalibrator
from pipeline.classical.run.training import PixelClassifier
from pipeline.config import registry
from pipeline.storage import integrity
from pipeline.storage.features import FEATURES, load_extractor
from pipeline.storage.files import save_json
from pipeline.storage.object_files import load_object, save_object
from pipeline.storage.runs import model_file, seal_run
from pipeline.storage.stored_models import load_stored_model

REMEDY = "dvc repro make@it"


class Anything:
    """Keeps one value."""

    def __init__(self, value):
        self.value = value

    def get(self):
        return self.value


@pytest.fixture
def path(tmp_path):
    return tmp_path / "object.npz"


def refused(path, able_to="transform"):
    with pytest.raises(StudyError) as caught:
        load_object(path, able_to, REMEDY)
    reported = str(caught.value)
    assert path.name in reported
    assert REMEDY in reported
    assert "\n" not in reported
    assert len(reported) < 600
    return reported


def same(found, expected):
    assert type(found) is type(expected)
    if isinstance(expected, np.ndarray):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        assert found.flags.f_contiguous == expected.flags.f_contiguous
        assert found.tobytes() == expected.tobytes()
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        same(list(found.values()), list(expected.values()))
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for mine, theirs in zip(found, expected, strict=True):
            same(mine, theirs)
    else:
        assert repr(found) == repr(expected)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [True, 1, -0.0, 0.1, float("inf"), float("nan"), 10**30, "é\ud800", ""],
        {"a": (1, (2, [])), 3: {}, ("b", 4): ["x"]},
        [np.float64(0.1), np.int64(3), np.bool_(True), np.float32("nan")],
        np.arange(24.0).reshape(2, 3, 4)[:, ::-1],
        np.asfortranarray(np.arange(12, dtype=np.int8).reshape(3, 4)),
        [np.zeros((0, 5), np.float32), np.array(3.5), np.array(["a", "bcd"]), np.array([True])],
    ],
    ids=["none", "plain", "nested", "numbers", "view", "by column", "odd arrays"],
)
def test_values_come_back_as_they_were(storable, path, value):
    save_object(path, Anything(value))
    same(load_object(path, "get", REMEDY).value, value)


@pytest.mark.parametrize(
    "value", [print, Path("x"), {1, 2}, np.array([None]), 1j, slice(3)], ids=lambda v: repr(v)[:12]
)
def test_what_cannot_be_stored_is_reported_when_it_is_stored(storable, path, value):
    with pytest.raises(TypeError, match="stored"):
        save_object(path, Anything(value))


def test_a_name_with_an_underscore_in_front_is_a_cache(storable, path):
    full = Anything(3)
    full._network = print
    save_object(path, full)
    assert vars(load_object(path, "get", REMEDY)) == {"value": 3}


@pytest.mark.parametrize("shape", [{}, {"scaling": "unit"}, {"scaling": "none"}, {"pca": 5}])
def test_a_whole_run_predicts_the_same_to_the_bit(path, rng, shape):
    images = rng.integers(0, 256, (60, 4, 4, 3), dtype=np.uint8)
    labels = np.arange(60) % 3
    extractor = registry.parse("features", {"method": "raw"}, "x").build(0).fit(images)
    features = extractor.transform(images)
    entry = {"method": "linear_svm", "features": ["a"], **shape}
    spec = registry.parse("classical", entry, "x")
    model = spec.build(0, [features.shape[1]]).fit(features, labels)
    calibrator = SigmoidCalibrator().fit(model.decision_function(features), labels)
    run = PixelClassifier((extractor,), model, ("a", "b", "c"), calibrator)
    save_object(path, run)
    copy = load_object(path, "scores", REMEDY)
    assert copy.scores(images).tobytes() == run.scores(images).tobytes()
    assert copy.probabilities(images).tobytes() == run.probabilities(images).tobytes()
    assert copy.class_names == run.class_names
    first = path.read_bytes()
    save_object(path, copy)
    assert path.read_bytes() == first


def test_equal_options_give_equal_bytes_in_every_process(path):
    """The order of a set of strings is another one in each process; a checksum must not be."""
    code = (
        "import sys; from pathlib import Path; from pipeline.config import registry; "
        "from pipeline.storage.object_files import save_object; "
        "entry = {'method': 'hog', 'cell': 4, 'signed': True, 'orientations': 18, 'block': 2}; "
        "made = registry.parse('features', entry, 'features.x').build(0); "
        "save_object(Path(sys.argv[1]), made)"
    )
    found = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", code, str(path)], env=environment, check=True)
        found.add(path.read_bytes())
    assert len(found) == 1
    spec = load_object(path, "transform", REMEDY).spec
    assert spec.model_fields_set == {"method", "cell", "signed", "orientations", "block"}
    assert spec.cell == 4


# --- pickles --------------------------------------------------------------------------------------


class Canary:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.fixture
def canary(tmp_path):
    return tmp_path / "code has run"


@pytest.mark.tried(
    "Stored models",
    "a pickle that runs code as the model or extractor of a study, under its old name or the new",
    "it is not opened; an error that names the command that regenerates the file",
)
@pytest.mark.parametrize("suffix", [".joblib", ".npz"])
def test_a_pickle_is_not_opened(study_folder, canary, suffix):
    content = pickle.dumps(Canary(canary))
    extractor = FEATURES / "hog" / "extractor"
    model = model_file("svm", 0, "classical")
    for path in (extractor.with_suffix(suffix), model.with_suffix(suffix)):
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    files = integrity.files_below(extractor.parent)  # whoever is hostile writes checksums as well
    manifest = integrity.make_manifest(extractor.parent, {"features": "hog"}, files)
    save_json(extractor.with_name("manifest.json"), manifest)
    seal_run("svm", 0, "")
    with pytest.raises(StudyError) as first:
        load_extractor("hog")
    with pytest.raises(StudyError) as second:
        load_stored_model("svm", 0, "classical")
    assert not canary.exists()
    for reported, remedy in ((first, "featurize@hog"), (second, "train_classical@svm")):
        assert f"dvc repro {remedy}" in str(reported.value)
        assert suffix in str(reported.value)
    assert ("earlier version" in str(second.value)) == (suffix == ".joblib")


# --- hostile archives -----------------------------------------------------------------------------


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def write(path, code, arrays=(), compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("object.json", json.dumps({"format": 1, "object": code}))
        for index, content in enumerate(arrays):
            archive.writestr(f"{index}.npy", content)


def named(name, **attributes):
    return {"object": name, "attributes": attributes}


HOG = "pipeline.features.hog.hog.Hog"
SCALER = {"mean_": 0, "var_": 1, "scale_": 1, "n_features_in_": 1, "n_samples_seen_": 1}
HOSTILE_CODE = [
    named("os.system", command="touch x"),
    named("builtins.eval"),
    named("subprocess.Popen", args=["touch", "x"]),
    named("canary_of_a_test.Class"),
    named("pipeline.commands.workspace.main"),
    named("pipeline.features.hog.hog.np.memmap"),
    named("pipeline.features.hog.hog.Extractor"),
    named("pipeline.features.hog.hog.__builtins__"),
    named("pipeline.features...os.system"),
    named("sklearn.utils._testing.TempMemmap"),
    named("sklearn.pipeline.Pipeline", steps=[], memory="a folder of pickles"),
    named("sklearn.preprocessing.FunctionTransformer", func="os.system"),
    named("sklearn.preprocessing.StandardScaler", **SCALER, transform=1),
    named(HOG, spec=None, transform="os.system"),
    named(HOG, spec=None, __class__="os.system"),
    named(HOG, spec=None, multiply_adds=3),
    named(HOG, wrong=3),
    {"options": "pipeline.features.hog.hog.Spec", "given": ["cell"], "values": {"cell": 10**12}},
    {"options": "pipeline.features.hog.hog.Spec", "given": [], "values": {"cell": 4}},
    {"options": HOG, "given": [], "values": {}},
    {"options": "pydantic.BaseModel", "given": [], "values": {}},
    {"call": "os.system", "arguments": ["touch x"]},
    {"array": 0},
    {"tuple": 3},
    {"dict": [[[], 1]]},
    [[1, 2], {}],
    "os.system",
    None,
]


@pytest.mark.tried(
    "Stored models",
    "a model file whose JSON names other classes, functions, or attributes in front of methods",
    "nothing is imported or called; an error that names the file and the command",
)
def test_nothing_is_made_but_of_known_classes(path, tmp_path, monkeypatch, canary, trials):
    monkeypatch.syspath_prepend(tmp_path)
    code = f"open({str(canary)!r}, 'w').close()\nclass Class: pass\n"
    (tmp_path / "canary_of_a_test.py").write_text(code)
    for each in HOSTILE_CODE:
        write(path, each)
        refused(path)
    assert not canary.exists()
    assert "canary_of_a_test" not in sys.modules
    deep = '{"format": 1, "object": ' + 100_000 * "[" + 100_000 * "]" + "}"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("object.json", deep)
    assert "RecursionError" in refused(path)
    trials(len(HOSTILE_CODE) + 1)


def absurd(shape, content=b"\0" * 8, descr="'<f8'"):
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


HOSTILE_ARRAYS = {
    "objects, which are a pickle": npy(np.array([{"a": 1}], dtype=object)),
    "exabytes in a header": absurd("(1000000000, 1000000000)"),
    "one number more than there are": absurd("(2,)"),
    "one number fewer than there are": absurd("(0,)"),
    "negative sides": absurd("(-1, -1)"),
    "code for a shape": absurd("__import__('os').getpid()"),
    "records": absurd("(1,)", descr="[('a', '<f8')]"),
    "bytes the other way around": absurd("(1,)", descr="'>f8'"),
    "a long header": b"\x93NUMPY\x02\x00" + (1 << 31).to_bytes(4, "little"),
    "nothing": b"",
}


@pytest.mark.tried(
    "Stored models",
    "a model file with pickled, absurdly large, short or overlapping arrays, or compressed ones",
    "an error that names the file and the command; no memory is taken",
)
def test_arrays_are_what_they_say(path, trials):
    code = named("pipeline.classical.run.calibration.SigmoidCalibrator", slope_={"array": 0})
    write(path, code, [npy(np.zeros(3))])
    load_object(path, "predict_proba", REMEDY)  # else all of these would be refused for nothing
    for content in HOSTILE_ARRAYS.values():
        write(path, code, [content])
        refused(path, "predict_proba")
    bomb = npy(np.zeros(1 << 22))
    write(path, code, [bomb], zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    assert "compressed" in refused(path, "predict_proba")
    with zipfile.ZipFile(path, "w") as archive:  # nine members, stored once
        archive.writestr("object.json", "{}")
        archive.writestr("0.npy", bytes(3000))
        for index in range(1, 9):
            archive.filelist.append(copy.copy(archive.infolist()[-1]))
            archive.filelist[-1].filename = f"{index}.npy"
    assert "overlap" in refused(path, "predict_proba")
    twice = named(code["object"], slope_={"array": 0}, intercept_={"array": 0})
    write(path, twice, [npy(np.zeros(3))])
    refused(path, "predict_proba")
    write(path, code, [npy(np.zeros(3)), b"more"])
    assert "also contains" in refused(path, "predict_proba")
    trials(len(HOSTILE_ARRAYS) + 4)


@pytest.mark.tried(
    "Stored models",
    "a model file cut at any place, or with any byte changed",
    "an error that names the file and the command, or the same numbers",
)
def test_damage_is_noticed(path, rng, trials):
    calibrator = SigmoidCalibrator()
    calibrator.slope_, calibrator.intercept_ = np.arange(5.0), np.ones(5)
    save_object(path, calibrator)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        refused(path, "predict_proba")
    unseen = 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            found = load_object(path, "predict_proba", REMEDY)
        except StudyError:
            continue
        unseen += 1  # a byte that says nothing, such as one of a time
        np.testing.assert_array_equal(found.slope_, calibrator.slope_)
        np.testing.assert_array_equal(found.intercept_, calibrator.intercept_)
    assert unseen < len(whole) / 3
    trials(len(whole) + len(range(0, len(whole), 7)))


def test_a_pipeline_with_a_folder_of_pickles_is_not_stored(path):
    with pytest.raises(TypeError, match="can only be stored with memory=None"):
        save_object(path, Pipeline([("scale", StandardScaler())], memory="cache"))


def test_another_format_and_another_kind_are_reported(path):
    save_object(path, SigmoidCalibrator())
    assert "which has no 'transform'" in refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("object.json", '{"format": 2}')
    assert "found format 2; expected 1" in refused(path)
