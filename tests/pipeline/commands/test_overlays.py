"""What a study changes in params.yaml, and which runs it keeps."""

from pathlib import Path

import pytest
import yaml

from pipeline.checks import StudyError
from pipeline.commands.overlays import apply_overlay, compose, merge
from pipeline.config import registry

PATH = Path("studies/x.yaml")
BASE = {
    "seed": 0,
    "features": {"raw": {"method": "raw"}, "hog": {"method": "hog"}, "color": {"bins": 4}},
    "classical": {
        "raw_svm": {"features": ["raw"]},
        "hog_svm": {"features": ["hog"]},
        "both_svm": {"features": ["hog", "color"]},
    },
    "deep": {"lenet5": {"epochs": 20}, "resnet20": {"epochs": 7}},
    "corrupt": {"hog_svm": {"limit": 9}, "lenet5": {}, "resnet20": {}},
    "not_run": {"vgg16": "no time"},
}


# --- merging --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "overlay", "expected"),
    [
        pytest.param({"a": 1}, {"b": 2}, {"a": 1, "b": 2}, id="a key is added"),
        pytest.param({"a": 1}, {"a": 2}, {"a": 2}, id="a value is replaced"),
        pytest.param({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}}, {"a": {"x": 1, "y": 3}}, id="deep"),
        pytest.param({"a": 1, "b": 2}, {"a": None}, {"b": 2}, id="null removes"),
        pytest.param({"a": {"x": 1, "y": 2}}, {"a": {"x": None}}, {"a": {"y": 2}}, id="null, deep"),
        pytest.param({"b": 2}, {"a": None}, {"b": 2}, id="null of what is not there"),
        pytest.param({"a": [1, 2]}, {"a": [3]}, {"a": [3]}, id="lists are replaced whole"),
        pytest.param({"a": {"x": 1}}, {"a": 5}, {"a": 5}, id="a mapping by a number"),
        pytest.param({"a": 5}, {"a": {"x": 1}}, {"a": {"x": 1}}, id="a number by a mapping"),
        pytest.param({"a": {"x": 1}, "b": 2}, {"a": {}}, {"a": {}, "b": 2}, id="{} empties"),
        pytest.param({"a": 1}, {}, {"a": 1}, id="an empty overlay"),
        pytest.param(
            {"m": {"method": "hog", "cell": 8}},
            {"m": {"method": "hog", "signed": True}},
            {"m": {"method": "hog", "cell": 8, "signed": True}},
            id="the same method is merged",
        ),
        pytest.param(
            {"m": {"method": "hog", "cell": 8}},
            {"m": {"method": "color_histogram", "bins": 4}},
            {"m": {"method": "color_histogram", "bins": 4}},
            id="another method replaces the entry",
        ),
        pytest.param(
            {"dataset": {"name": "cifar10", "validation": 5000, "path": "x"}, "seed": 1},
            {"dataset": {"name": "photos"}},
            {"dataset": {"name": "photos"}, "seed": 1},
            id="another dataset replaces it",
        ),
        pytest.param(
            {"m": {"method": "hog", "cell": 8}},
            {"m": {"cell": 4}},
            {"m": {"method": "hog", "cell": 4}},
            id="an option alone keeps the method",
        ),
    ],
)
def test_merge(base, overlay, expected):
    assert merge(base, overlay) == expected


def test_merge_changes_neither_of_its_arguments():
    base = {"a": {"x": 1, "y": 2}, "m": {"method": "hog", "cell": 8}}
    overlay = {"a": {"x": None}, "m": {"method": "color_histogram"}}
    before = yaml.safe_dump([base, overlay])
    merge(base, overlay)
    assert yaml.safe_dump([base, overlay]) == before


# --- only -----------------------------------------------------------------------------------------


def only(names, **changes):
    return apply_overlay(BASE, {"only": names, **changes}, PATH)


def names(document):
    sections = ("features", "classical", "deep", "corrupt")
    return {section: list(document[section]) for section in sections}


def test_only_keeps_runs_and_what_they_use():
    assert names(only(["lenet5", "both_svm"])) == {
        "features": ["hog", "color"],
        "classical": ["both_svm"],
        "deep": ["lenet5"],
        "corrupt": ["lenet5"],
    }
    found = only(["raw_svm"])
    expected = {"features": ["raw"], "classical": ["raw_svm"], "deep": [], "corrupt": []}
    assert names(found) == expected
    assert list(found) == list(BASE), "sections stay, in their order, also where they are empty"
    assert found["not_run"] == BASE["not_run"]


def test_the_order_is_that_of_the_base():
    found = only(["both_svm", "raw_svm", "resnet20", "lenet5"])
    assert names(found)["classical"] == ["raw_svm", "both_svm"]
    assert names(found)["deep"] == ["lenet5", "resnet20"]
    assert names(found)["features"] == ["raw", "hog", "color"]


def test_only_with_changes_and_additions():
    """What the overlay itself gives an entry is kept, named or not."""
    found = only(
        ["raw_svm", "plain20"],
        features={"color": {"bins": 8}},
        classical={"patches_svm": {"features": ["hog"]}},
        deep={"resnet20": {"epochs": 3}, "plain20": {"epochs": 4}},
        corrupt={"hog_svm": {"limit": 3}},
    )
    assert found["features"] == {**BASE["features"], "color": {"bins": 8}}
    assert names(found)["classical"] == ["raw_svm", "patches_svm"]
    assert found["deep"] == {"resnet20": {"epochs": 3}, "plain20": {"epochs": 4}}
    assert names(found)["corrupt"] == ["hog_svm", "resnet20"], (
        "the first is for the check to refuse"
    )


def test_sample_sizes_of_dropped_runs_are_dropped():
    sizes = {"sizes": [9, None], "runs": {"raw_svm": {}, "hog_svm": {}, "lenet5": {"epochs": 3}}}
    base, names_ = BASE | {"sample_size": sizes}, ["raw_svm", "lenet5"]
    found = apply_overlay(base, {"only": names_}, PATH)["sample_size"]
    assert found == sizes | {"runs": {"raw_svm": {}, "lenet5": {"epochs": 3}}}
    own = {"sample_size": {"runs": {"hog_svm": {"C": 2}}}}
    found = apply_overlay(base, {"only": names_, **own}, PATH)["sample_size"]
    assert found["runs"]["hog_svm"] == {"C": 2}, "for the check to refuse"


def test_null_still_drops_a_single_entry():
    assert names(only(["lenet5", "hog_svm"], corrupt={"lenet5": None}))["corrupt"] == ["hog_svm"]
    assert names(only(["hog_svm"], deep={"lenet5": None}))["deep"] == []


def test_only_of_an_overlay_reduces_what_lies_below_it(tmp_path):
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(BASE, sort_keys=False), encoding="utf-8")
    (tmp_path / "one.yaml").write_text("deep: {vgg16: {epochs: 2}}", encoding="utf-8")
    (tmp_path / "two.yaml").write_text("only: [lenet5, raw_svm]", encoding="utf-8")
    one, two = Path("one.yaml"), Path("two.yaml")
    assert names(compose(tmp_path, [one, two]))["deep"] == ["lenet5"]
    assert names(compose(tmp_path, [two, one]))["deep"] == ["lenet5", "vgg16"]
    assert compose(tmp_path, []) == BASE


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ("lenet5", "found 'lenet5'; expected the names"),
        ([], r"found \[\]; expected the names"),
        (None, "found None; expected the names"),
        ({"runs": ["lenet5"]}, "expected the names of the runs"),
        (["lenet5", 5, None], "found 5, None in it; expected the names"),
        (["lenet6"], "unknown run in studies/x.yaml: only: 'lenet6'; did you mean 'lenet5'"),
        (["hog"], "unknown run in studies/x.yaml: only: 'hog'.*known: both_svm"),
    ],
)
def test_an_only_that_cannot_be_followed(found, message):
    with pytest.raises(StudyError, match=message):
        only(found)


@pytest.mark.parametrize("dropped", [{"resnet20": None}, {}, None])
def test_a_run_cannot_be_kept_and_dropped(dropped):
    with pytest.raises(StudyError, match=r"x\.yaml: found resnet20 in only and .* drops it"):
        only(["lenet5", "resnet20"] if dropped else ["resnet20"], deep=dropped)


def test_sections_of_another_kind_are_left_to_the_check():
    base = {"features": 5, "classical": {"svm": {"features": "hog"}, "odd": 7}, "corrupt": None}
    found = apply_overlay(base, {"only": ["svm", "odd"]}, PATH)
    assert found["classical"] == base["classical"]


# --- the studies of this repository ---------------------------------------------------------------

ROSTERS = {
    "control_color": "raw_svm color_svm hog_svm lenet5",
    "control_shape": "raw_svm color_svm hog_svm lenet5",
    "demo": "raw_svm color_svm hog_svm hog_rbf_svm hog_color_rbf_svm hog_color_patches "
    "hog_color_patches_mirrored mlp lenet5 resnet20 airbench efficientnet_transfer",
    "depth": "hog_rbf_svm residual20 plain20 residual56 plain56",
    "digits": "raw_svm hog_svm hog_opencv_svm patches_logistic hog_nystroem_svm",
    "mnist": "raw_svm hog_svm hog_rbf_svm lenet5 lenet5_tutorial",
    "fashion_mnist": "raw_svm hog_svm hog_rbf_svm lenet5 lenet5_tutorial",
    "classical_chapter": "histogram_opencv_svm hog_opencv_svm",
    "sample-size": "hog_color_patches efficientnet_svm lenet5 airbench",
}
FEATURES = {
    "control_color": "raw color hog",
    "control_shape": "raw color hog",
    "demo": "raw color hog hog_coarse patches",
    "depth": "hog",
    "digits": "raw hog patches",
    "mnist": "raw hog",
    "fashion_mnist": "raw hog",
    "classical_chapter": "hog histogram",
    "sample-size": "color hog hog_coarse patches efficientnet",
}
CORRUPT = {"demo": "hog_rbf_svm lenet5", "mnist": "hog_rbf_svm lenet5"}


@pytest.mark.parametrize("study", ROSTERS)
def test_committed_studies_keep_these_runs(root, study):
    found = compose(root, [Path("studies") / f"{study}.yaml"])
    assert [*found["classical"], *found["deep"]] == ROSTERS[study].split()
    assert list(found["features"]) == FEATURES[study].split()
    assert list(found["corrupt"]) == CORRUPT.get(study, "").split()


def test_no_committed_study_names_a_place_on_a_machine(root):
    for overlay in sorted((root / "studies").glob("*.yaml")):
        found = compose(root, [Path("studies") / overlay.name])
        assert found["dataset"]["path"] == "data/incoming", overlay
        entries = [*found["features"].values(), *found["deep"].values()]
        assert {each.get("weights", "imagenet") for each in entries} <= {"imagenet", "random"}


def test_no_committed_recipe_learns_from_mirrored_digits(root):
    seen = set()
    for overlay in sorted((root / "studies").glob("*.yaml")):
        found = compose(root, [Path("studies") / overlay.name])
        if registry.load_spec("dataset", found["dataset"]["name"]).mirrors:
            continue
        seen.add(overlay.stem)
        entries = [*found["classical"].values(), *found["deep"].values()]
        for option in ("flip", "mirrored", "tta"):
            assert not any(entry.get(option) for entry in entries), (overlay, option)
    assert seen == {"digits", "mnist"}


def test_other_committed_studies_have_the_runs_of_the_default_one(root):
    base, cpu, full = (
        compose(root, [Path("studies") / f"{name}.yaml"] if name else [])
        for name in ("", "cpu", "full")
    )
    assert list(cpu["deep"]) == ["airbench", "vgg16_transfer", "vgg16_finetuned"]
    assert list(cpu["classical"]) == [
        "hog_svm",
        "hog_rbf_svm",
        "hog_color_patches_mirrored",
        "efficientnet_ridge",
        "vgg16_ridge",
    ]
    assert set(full["deep"]) - set(base["deep"]) == {"resnet56", "airbench_muon"}
    assert list(base["classical"]) == list(full["classical"])


def test_ablations_stay_with_the_runs_that_they_train():
    values = {"a": {}, "b": {"run": "lenet5"}}
    ablations = {
        "kept": {"base": "hog_svm", "vary": "C", "values": [1, 2]},
        "dropped": {"base": "lenet5", "vary": "epochs", "values": [1, 2]},
        "of both": {"base": "hog_svm", "values": values},
    }
    base = {
        "classical": {"hog_svm": {"features": ["hog"]}},
        "deep": {"lenet5": {}},
        "ablations": ablations,
    }
    own = {"base": "lenet5", "vary": "width", "values": [1, 2]}
    overlay = {"only": ["hog_svm"], "ablations": {"own": own}}
    assert list(apply_overlay(base, overlay, Path("it.yaml"))["ablations"]) == ["kept", "own"]


@pytest.mark.parametrize(
    "own",
    [
        {"ablations": {"own": {"base": "hog_svm", "vary": "features", "values": [["hog"], ["a"]]}}},
        {"ablations": {"own": {"base": "hog_svm", "values": {"x": {}, "y": {"features": ["a"]}}}}},
        {
            "ablations": {
                "own": {
                    "base": "hog_svm",
                    "vary": "C",
                    "values": [1, 2],
                    "tune": {"features": [["hog"], ["hog", "a"]]},
                }
            }
        },
        {"sample_size": {"runs": {"hog_svm": {"features": ["a"]}}}},
    ],
    ids=["vary", "values", "tune", "sample size"],
)
def test_feature_sets_stay_with_the_trainings_that_join_them(own):
    base = {
        "features": {"hog": {}, "a": {}, "b": {}},
        "classical": {"hog_svm": {"features": ["hog"]}, "a_svm": {"features": ["a"]}},
    }
    found = apply_overlay(base, {"only": ["hog_svm"], **own}, Path("it.yaml"))
    assert list(found["features"]) == ["hog", "a"]
    assert list(apply_overlay(base, {"only": ["hog_svm"]}, Path("it.yaml"))["features"]) == ["hog"]
