"""Ablations in params.yaml: what they mean, and what is wrong with them, with its place."""

import pytest

from pipeline.checks import StudyError
from pipeline.config.ablations import parse_options
from pipeline.config.variants import ablation, parse_ablations

STUDY = {
    "features": {
        "hog": {"method": "hog", "cell": 8},
        "color": {"method": "color_histogram", "bins": 8},
    },
    "classical": {
        "svm": {"method": "linear_svm", "features": ["hog"], "C": 0.1},
        "ridge": {"method": "kernel_ridge", "features": ["hog"], "scaling": "unit"},
        "tuned": {
            "method": "linear_svm",
            "features": ["hog"],
            "tune": {"trials": 2, "ranges": {"C": {"low": 0.1, "high": 1}}},
        },
    },
    "deep": {
        "net": {"method": "lenet5", "optimizer": "nesterov", "momentum": 0.8, "epochs": 20},
        "deeper": {"method": "resnet"},
        "transfer": {"method": "transfer", "base": "vgg16", "weights": "random", "image_size": 32},
    },
}
RATES = {"base": "net", "vary": "learning_rate", "values": [0.1, 0.01]}


def made(**entry):
    return ablation("it", entry, STUDY)


def test_values_of_one_option():
    found = made(**{**RATES, "set": {"epochs": 3}, "without": ["momentum"], "limit": 500})
    assert [each.label for each in found.variants] == ["0.1", "0.01"]
    assert [each.spec.learning_rate for each in found.variants] == [0.1, 0.01]
    assert {(each.spec.epochs, each.spec.momentum, each.limit) for each in found.variants} == {
        (3, 0.9, 500)
    }
    assert found.reference == "0.1"  # the run's own value is neither


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([True, False], ["true", "false"]),
        ([None, 4], ["none", "4"]),
        ([1.0e-3, 2], ["0.001", "2"]),
        ([["hog"], ["hog", "color"]], ["[hog]", "[hog, color]"]),
    ],
)
def test_labels_of_values(values, labels):
    found = parse_options("it", {"base": "net", "vary": "option", "values": values})
    assert list(found.values) == labels
    assert [each["option"] for each in found.values.values()] == values


def test_several_options_at_once_and_another_run():
    values = {
        "plain": {"residual": False, "depth": 32},
        "residual": {"depth": 32},
        "few classes": {"classes": 2, "limit": 90},
        "LeNet-5": {"run": "net"},
        "SVM": {"run": "svm"},
    }
    plain, _, few, net, svm = made(base="deeper", values=values, classes=3, repeats=1).variants
    assert (plain.spec.residual, plain.spec.depth, plain.classes) == (False, 32, 3)
    assert (few.classes, few.limit, net.limit) == (2, 90, None)
    assert (net.spec.method, net.kind, svm.kind) == ("lenet5", "deep", "classical")


def test_the_runs_own_value_is_what_others_are_tested_against():
    values = ["adam", "nesterov", "sgd"]
    entry = {"base": "net", "vary": "optimizer", "values": values, "without": ["momentum"]}
    assert made(**entry).reference == "nesterov"
    assert made(**entry, against="sgd").reference == "sgd"
    assert made(base="svm", vary="features", values=[["color"], ["hog"]], limit=9).reference == (
        "[hog]"
    )


def test_options_of_feature_sets():
    found = made(base="svm", vary="features.hog.cell", values=[4, 8], limit=9)
    first, second = found.variants
    assert found.reference == "8"
    assert (first.features["hog"].cell, second.features["hog"].cell) == (4, 8)
    assert first.spec == second.spec


def test_each_combination_of_tune_is_tried():
    tune = {"learning_rate": [0.3, 0.1], "batch_size": [16, 64]}
    (_, found) = made(base="net", vary="width", values=[1, 2], tune=tune).variants
    assert [chosen for chosen, _ in found.candidates] == [
        {"learning_rate": rate, "batch_size": size} for rate in (0.3, 0.1) for size in (16, 64)
    ]
    assert {(spec.width, spec.learning_rate) for _, spec in found.candidates} == {
        (2, 0.3),
        (2, 0.1),
    }


def test_runs_may_vary_and_so_may_an_option_named_base():
    first, second = made(base="svm", vary="run", values=["svm", "ridge"], limit=9).variants
    assert (first.spec.method, second.spec.method) == ("linear_svm", "kernel_ridge")
    bases = ["vgg16", "efficientnet_lite0"]
    found = made(base="transfer", vary="base", values=bases, without=["image_size"])
    assert [each.spec.base for each in found.variants] == bases


C = {"vary": "C", "values": [0.1, 1], "limit": 9}
HOG = {"values": {"a": {}, "b": {"features": ["color"]}}, "limit": 9}


@pytest.mark.parametrize(
    "changes",
    [
        C,
        {**HOG, "set": {"C": 2}},
        {**HOG, "tune": {"C": [1, 2]}},
        {"values": {"a": {}, "b": {"C": 1}}},
    ],
    ids=["vary", "set", "tune", "values"],
)
def test_an_option_that_the_run_searches_cannot_be_given(changes):
    """The search would replace it, and all values would be trained alike."""
    entry = {"base": "tuned", "limit": 9, **changes}
    with pytest.raises(StudyError, match=r"tuned searches C itself .*expected without: \[tune\]"):
        made(**entry)
    assert all(each.spec.tune is None for each in made(**entry, without=["tune"]).variants)
    assert all(each.spec.tune is not None for each in made(base="tuned", **HOG).variants)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"a": {}, "b": {"deterministic": True}}, "deterministic .a: false, b: true.; expected"),
        ({"a": {"threads": 2}, "b": {}}, "threads .a: 2, b: auto.; expected the same for all"),
    ],
    ids=["deterministic", "threads"],
)
def test_what_a_process_sets_once_cannot_vary(values, message):
    with pytest.raises(StudyError, match=message):
        made(base="net", values=values)
    (option,) = {key for each in values.values() for key in each}
    assert made(base="net", values={"a": {}, "b": {"epochs": 3}}, set={option: 1}).variants


def claims(**claim):
    return {"claims": [{"claim": "Faster is better.", **claim}]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base": "nett"}, r"ablations\.it\.base: unknown run 'nett'; did you mean 'net'"),
        ({"vary": "optimiser"}, r"it\.vary: unknown option 'optimiser'; did you mean 'optimizer'"),
        ({"values": [0.1, -1]}, r"values\.-1\.learning_rate: found -1; expected at least"),
        ({"values": [0.1]}, "expected two at least, to compare"),
        ({"values": [0.1, 0.1]}, "found 0.1 twice"),
        ({"values": {"low": {"epoch": 3}, "high": {}}}, r"low\.epoch: unknown option"),
        ({"vary": None}, "expected vary, the option that they are of"),
        ({"vary": None, "values": {"a": 1, "b": 2}}, r"values\.a: found 1; expected options"),
        ({"set": {"epoch": 2}}, r"it\.set: unknown option 'epoch'; did you mean 'epochs'"),
        ({"without": ["momentom"]}, r"it\.without: unknown option 'momentom'; did you mean"),
        ({"tune": {"rate": [1, 2]}}, r"it\.tune: unknown option 'rate'"),
        ({"tune": {"learning_rate": [1]}}, r"it\.tune: .*at least 2"),
        ({"vary": "optimizer", "values": ["adam", "sgd"]}, "found momentum with optimizer: adam"),
        ({"against": 0.5}, r"against: no value '0\.5'; .*values: 0\.1, 0\.01"),
        ({"repeats": 0}, r"it\.repeats: found 0; expected at least 1"),
        ({"values": {"a": {"limit": 0}, "b": {}}}, r"values\.a\.limit: found 0; expected"),
        ({"base": "svm", "vary": "C", "values": [1, 2]}, "same result each time on all training"),
        ({"vary": "features.hog.cell"}, r"features\.hog\.cell: expected features\.<set>"),
        (
            {"base": "svm", "vary": "features.hog.cel", "limit": 9, "values": [4, 8]},
            r"values\.4\.features\.hog\.cel: unknown option; did you mean 'cell'",
        ),
        (
            {"base": "svm", "vary": None, "limit": 9, "values": {"a": {}, "b": {"base": "ridge"}}},
            r"found base in a value; expected run, which names another run",
        ),
        ({"set": {"run": "deeper"}}, r"it\.set: unknown option 'run'"),
        (
            {"base": "svm", "vary": "features", "limit": 9, "values": [["hog"], ["colour"]]},
            r"values\.\[colour\]\.features: unknown feature set 'colour'; did you mean 'color'",
        ),
        (
            {"base": "svm", **C, "tune": {"features": [["hog"], ["hogg"]]}},
            r"values\.0\.1\.features: unknown feature set 'hogg'; did you mean 'hog'",
        ),
        ({"classes": 1}, r"it\.classes: .*2"),
        ({"bases": 1}, r"it\.bases: unknown option; did you mean 'base'"),
        (claims(better=0.1, than=0.2), r"claims\.0: no value '0\.2'; .*values: 0\.1, 0\.01"),
        (claims(better=0.1), r"claims\.0: expected either better and than, or same"),
        (claims(better=0.1, than=0.1), "found 0.1 twice; expected two different values"),
        (claims(better=0.1, than=0.01, by=-1), r"claims\.0\.by: found -1"),
        (claims(better=0.1, than=0.01, bye=1), r"claims\.0\.bye: unknown option; did you mean"),
        (claims(same=[0.1, 0.01]), "expected within with same"),
        ({**claims(better=0.1, than=0.01), "claims": ["?"]}, r"claims\.0: found '\?'"),
        ({"claims": [{"claim": "?", "better": 0.1, "than": 0.01, "in": "acuracy"}]}, "in: found"),
        (
            {"claims": [{"claim": "?", "better": 0.1, "than": 0.01, "in": "epochs_to_target"}]},
            "claims.0 in epochs_to_target, but no target",
        ),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_their_place(changes, message):
    entry = {key: value for key, value in {**RATES, **changes}.items() if value is not None}
    with pytest.raises(StudyError, match=message):
        made(**entry)


def test_a_loss_of_classical_runs_cannot_be_claimed():
    claim = {"claim": "?", "better": "0.1", "than": "1", "in": "validation_loss"}
    with pytest.raises(StudyError, match="classical run and has no validation_loss"):
        made(base="svm", vary="C", values=[0.1, 1], limit=9, claims=[claim])


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ([], "ablations: found .*; expected a mapping of names"),
        ({"it": 5}, "ablations.it: found 5; expected options"),
        ({"my it": RATES}, "ablations: found the name 'my it'"),
        ({"it": {**RATES, "base": "x"}, "that": {**RATES, "vary": "y"}}, "it.*\n.*that"),
    ],
)
def test_all_problems_of_the_section_are_found(section, message):
    _, problems = parse_ablations({**STUDY, "ablations": section}, 50)
    with pytest.raises(StudyError, match=message):
        raise StudyError("\n".join(problems))


def test_files_of_earlier_versions_have_none():
    assert parse_ablations(STUDY, 50) == ({}, [])
