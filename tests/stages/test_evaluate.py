"""What `evaluate` itself does: it looks at the size of a model, and opens none."""

from types import SimpleNamespace

import pytest

from pipeline.checks import StudyError
from pipeline.storage.files import save_text
from pipeline.storage.runs import run_folder, seal_run
from stages.evaluate import _model_bytes

pytestmark = pytest.mark.usefixtures("study_folder")
RUN = SimpleNamespace(name="svm", remedy="dvc repro train_classical@svm")


def test_the_size_of_a_model_is_that_of_its_file():
    for family, name in (("hybrid", "model.npz"), ("deep", "model.keras")):
        save_text(run_folder("svm", 3) / name, "no model" * len(name))
        seal_run("svm", 3, "")
        card = SimpleNamespace(seed=3, family=family)
        assert _model_bytes(RUN, card) == 8 * len(name)


def test_a_missing_model_is_named_with_its_remedy():
    save_text(run_folder("svm", 3) / "model.npz", "no model")
    seal_run("svm", 3, "")
    (run_folder("svm", 3) / "model.npz").unlink()
    with pytest.raises(StudyError, match=r"seed-3.model\.npz.*dvc repro train_classical@svm"):
        _model_bytes(RUN, SimpleNamespace(seed=3, family="classical"))


def test_a_model_of_an_earlier_version_is_reported():
    save_text(run_folder("old", 3) / "model.joblib", "a pickle")
    with pytest.raises(StudyError, match=r"model\.joblib beside it is from an earlier version"):
        _model_bytes(
            SimpleNamespace(name="old", remedy="x"), SimpleNamespace(seed=3, family="hybrid")
        )
