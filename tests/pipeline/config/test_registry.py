"""A method is a file that defines ``Spec``; its mistakes are reported in helpful words."""

import ast
from dataclasses import astuple
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pytest
from annotated_types import Ge, Le
from pydantic import Field, ValidationError, model_validator

from pipeline.checks import StudyError
from pipeline.classical.tuning.ranges import Tune
from pipeline.config import registry
from pipeline.config.corrupt import CorruptOptions
from pipeline.config.registry import KINDS, MethodSpec, explain, load_spec, method_names, parse
from pipeline.deep.architectures.transfer.phases import PhaseOptions
from pipeline.tuning.ranges import Range
from tests.pipeline.numeric_options import numbers

EVERY_METHOD = [(kind, method) for kind in KINDS for method in method_names(kind)]


# --- which methods there are ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_with_a_spec_of_its_own_is_a_method(root, kind):
    folder = root.joinpath(*KINDS[kind].split("."))
    expected = []
    for path in [*folder.glob("*.py"), *folder.glob("*/*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if "Spec" in {node.name for node in tree.body if isinstance(node, ast.ClassDef)}:
            expected.append(path.stem)
    assert method_names(kind) == tuple(sorted(expected))


@pytest.mark.parametrize(
    ("kind", "some"),
    [
        ("dataset", {"cifar10", "image_folder", "photos"}),
        ("features", {"color_histogram", "hog"}),
        ("classical", {"linear_svm", "rbf_svm"}),
        ("deep", {"lenet5", "transfer"}),
    ],
)
def test_the_published_methods_are_there(kind, some):
    assert some <= set(method_names(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_what_methods_share_is_no_method(kind):
    assert not {"spec", "training", "splits", "__init__"} & set(method_names(kind))


def test_a_new_file_is_a_method(tmp_path, monkeypatch):
    folder = tmp_path / "features"
    folder.mkdir()
    (folder / "edges.py").write_text("class Spec:\n    pass\n", encoding="utf-8")
    (folder / "helper.py").write_text("from edges import Spec\n", encoding="utf-8")
    (folder / "base.py").write_text("class FeatureSpec:\n    pass\n", encoding="utf-8")
    (folder / "inner.py").write_text("def f():\n    class Spec: ...\n", encoding="utf-8")
    monkeypatch.setattr(registry, "_PACKAGE_ROOT", tmp_path)
    method_names.cache_clear()
    try:
        assert method_names("features") == ("edges",)
    finally:
        method_names.cache_clear()


@pytest.mark.parametrize(("kind", "method"), EVERY_METHOD)
def test_spec_is_in_the_methods_own_file(root, kind, method):
    spec = load_spec(kind, method)
    assert issubclass(spec, MethodSpec)
    path = root.joinpath(*spec.__module__.split(".")).with_suffix(".py")
    assert path == registry.source_file(kind, method)
    assert path.stem == method


# --- what each of them has to say of its options --------------------------------------------------


@pytest.mark.parametrize(("kind", "method"), EVERY_METHOD)
def test_every_option_is_described(kind, method):
    """It is what an error says, and all that a reader of params.yaml can look up."""
    fields = load_spec(kind, method).model_fields
    assert [name for name, field in fields.items() if not (field.description or "").strip()] == []
    assert registry.selector(kind) in fields


@pytest.mark.parametrize(("kind", "method"), EVERY_METHOD)
def test_specs_are_frozen_and_know_no_other_option(kind, method):
    entry = {registry.selector(kind): method, "features": ["a"]}
    if kind != "classical":
        del entry["features"]
    spec = parse(kind, entry, "here")
    with pytest.raises(ValidationError, match="frozen"):
        setattr(spec, registry.selector(kind), "other")
    with pytest.raises(StudyError, match=r"here\.optoin: unknown option"):
        parse(kind, entry | {"optoin": 1}, "here")


@pytest.mark.parametrize(("kind", "method"), EVERY_METHOD)
def test_every_option_but_the_features_of_a_run_has_a_default(kind, method):
    required = {name for name, f in load_spec(kind, method).model_fields.items() if f.is_required()}
    assert required <= {registry.selector(kind), "features"}


# --- bounds ---------------------------------------------------------------------------------------

UNBOUNDED_TYPES = {
    "validation": "a count or a fraction; its validator has bounds, and test_data_spec their test",
    "test": "the same",
    "low": "of a search; both ends must be values of the option, whose bounds hold",
    "high": "the same",
}
"""Options whose type says no bounds, and what bounds them."""
MODELS = [
    *(pytest.param(load_spec(*each), id="-".join(each)) for each in EVERY_METHOD),
    *(pytest.param(each, id=each.__name__) for each in (CorruptOptions, Tune, Range, PhaseOptions)),
]


@pytest.mark.parametrize("model", MODELS)
def test_every_number_has_a_lower_and_an_upper_bound(model):
    for number in numbers(model):
        if number.option in UNBOUNDED_TYPES:
            continue
        assert number.lowest, f"{number.option} has no lower bound"
        assert number.highest, f"{number.option} has no upper bound"
        if number.kind is int:
            bounds = (-(2**31), 2**32)
            # Seeds are NumPy's, up to 2**32; all else is an int32 to some library.
            assert isinstance(number.highest, Le) or number.highest.lt == 2**32
        else:
            # Above 0 or below 1 is not enough: float32 knows neither 1e-300 nor 1 - 1e-12.
            assert isinstance(number.lowest, Ge), f"{number.option}: expected ge"
            assert isinstance(number.highest, Le), f"{number.option}: expected le"
            bounds = (-1e30, 1e30)
        for bound in (number.lowest, number.highest):
            (value,) = vars(bound).values() if hasattr(bound, "__dict__") else astuple(bound)
            assert bounds[0] <= value <= bounds[1], number.option
            if number.kind is float:
                assert (np.float32(value) == 0) == (value == 0), f"{number.option}: no float32"
                assert (np.float32(value) == 1) == (value == 1), f"{number.option}: no float32"


@pytest.mark.tried(
    "params.yaml",
    "options of numbers that libraries refuse in their own words",
    "an error that names the option and its bound",
)
@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("kernel_ridge", {"alpha": 1e-300}),
        ("kernel_ridge", {"gamma": 1e300}),
        ("rbf_svm", {"C": 1e-300}),
        ("rbf_svm", {"scaling": "unit", "weights": [1e300]}),
        ("rbf_svm", {"tune": {"ranges": {"C": {"low": 1e-300, "high": 1, "log": True}}}}),
        ("rbf_svm", {"tune": {"ranges": {"gamma": {"choices": [1, 1e300]}}}}),
        ("linear_svm", {"tol": 1e-300}),
        ("opencv_svm", {"max_iter": 1099511627776}),
        ("nystroem_svm", {"seeds": [2**32]}),
        ("nystroem_svm", {"seeds": list(range(101))}),
    ],
)
def test_numbers_that_no_library_takes(method, options):
    with pytest.raises(StudyError, match=r"at least|at most|less than"):
        parse("classical", {"method": method, "features": ["a"], **options}, "classical.x")


# --- messages about mistakes ---------------------------------------------------------------------


class Example(MethodSpec):
    """An option of each sort."""

    method: str
    """The method."""
    size: Annotated[int, Field(ge=1, le=9)] = 3
    """A bounded number."""
    gamma: float | Literal["scale", "auto"] = "scale"
    """A number or a word."""
    parts: tuple[int, ...] = ()
    """A list."""
    needed: tuple[str, ...]
    """What it cannot do without.

    More of it.
    """

    @model_validator(mode="after")
    def _consistent(self):
        if self.size == 7:
            raise ValueError("expected another size with this method, found 7")
        return self


def reported(**options) -> str:
    with pytest.raises(ValidationError) as caught:
        Example.model_validate({"method": "x", "needed": ["a"]} | options)
    return explain(caught.value, "deep.x", Example)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"sise": 1},
            "deep.x.sise: unknown option; did you mean 'size'? "
            "known: method, size, gamma, parts, needed",
        ),
        (
            {"gama": 1},
            "deep.x.gama: unknown option; did you mean 'gamma'? known: method, size, gamma",
        ),
        (
            {"class_weight": 1},
            "deep.x.class_weight: unknown option; classes that are to weigh the same need "
            "balance: true; known:",
        ),
        (
            {"rotation": 15},
            "deep.x.rotation: unknown option; there is no rotation here; the augmentations are",
        ),
        (
            {"lr": 0.1},
            "deep.x.lr: unknown option; it is called 'learning_rate' here, but this method has no",
        ),
        (
            {"input_size": 3},
            "deep.x.input_size: unknown option; it is called 'image_size' here, but this method ha",
        ),
        (
            {"zzzz": 1},
            "deep.x.zzzz: unknown option; known: method, size, gamma, parts, needed",
        ),
        ({"size": 0}, "deep.x.size: found 0; expected at least 1"),
        ({"size": 10}, "deep.x.size: found 10; expected at most 9"),
        ({"size": 1.5}, "deep.x.size: found 1.5; expected a valid integer"),
        ({"size": None}, "deep.x.size: found None; expected a valid integer"),
        ({"parts": [1, "b"]}, "deep.x.parts.1: found 'b'; expected a valid integer"),
        ({"size": 7}, "expected another size with this method, found 7"),
    ],
)
def test_one_mistake_is_one_line(options, message):
    assert reported(**options).startswith(message) or message in reported(**options)
    assert "\n" not in reported(**options)


def test_branches_of_a_union_are_one_line_in_words():
    message = reported(gamma="wide")
    assert message.startswith("deep.x.gamma: found 'wide'; expected a valid number")
    assert ", or 'scale' or 'auto'" in message
    assert "literal" not in message
    assert message.count("found") == 1


def test_a_missing_option_is_reported_with_its_description():
    with pytest.raises(ValidationError) as caught:
        Example.model_validate({"method": "x"})
    expected = "deep.x.needed: found nothing; expected: What it cannot do without."
    assert explain(caught.value, "deep.x", Example) == expected


def test_two_mistakes_are_two_lines():
    assert reported(size=0, sise=1).count("\n") == 1


def test_no_place_is_no_leading_dot():
    with pytest.raises(ValidationError) as caught:
        Example.model_validate({"method": "x", "needed": ["a"], "size": 0})
    assert explain(caught.value, "", Example).startswith("size: found 0")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (None, "features.a: found None; expected a mapping with the key 'method'"),
        ("hog", "features.a: found 'hog'; expected a mapping with the key 'method'"),
        (["hog"], r"features.a: found \['hog'\]; expected a mapping"),
        ({"cell": 8}, "features.a.method: found nothing; expected one of: .*hog"),
        ({"method": 5}, "features.a.method: found 5; expected one of: .*hog"),
        ({"method": "hogg"}, "features.a.method: unknown features method 'hogg'; did you mean 'ho"),
        ({"method": "spec"}, "features.a.method: unknown features method 'spec'.*known: .*hog"),
        ({"method": "../hog"}, "unknown features method '../hog'"),
        ({"method": "hog", "cell": 0}, "features.a.cell: found 0; expected at least"),
    ],
)
def test_parse(entry, message):
    with pytest.raises(StudyError, match=message):
        parse("features", entry, "features.a")


def test_parse_names_the_dataset_by_its_own_key():
    with pytest.raises(StudyError, match=r"dataset\.name: found nothing; expected one of: cifar10"):
        parse("dataset", {"path": "x"}, "dataset")
    with pytest.raises(StudyError, match="unknown dataset 'cifar'; did you mean 'cifar10'"):
        parse("dataset", {"name": "cifar"}, "dataset")


def test_parse_gives_the_options_with_their_defaults():
    spec = parse("features", {"method": "hog", "cell": 4}, "features.a")
    assert (spec.method, spec.cell, spec.block) == ("hog", 4, 2)


def test_source_file_of_a_method_lies_in_its_package(root):
    assert registry.source_file("deep", "x") == root / "pipeline/deep/architectures/x.py"
    assert registry.source_file("dataset", "x") == Path(root / "pipeline/data/x.py")


# --- names from elsewhere -------------------------------------------------------------------------


def test_a_name_from_another_library_is_translated():
    with pytest.raises(
        StudyError, match="lr: unknown option; it is called 'learning_rate' here; k"
    ):
        parse("deep", {"method": "lenet5", "lr": 0.1}, "deep.x")
    with pytest.raises(StudyError, match=r"epochs: unknown option; only networks"):
        parse("classical", {"method": "rbf_svm", "features": ["a"], "epochs": 3}, "classical.x")


def test_names_from_elsewhere_are_none_of_ours_and_lead_to_one_of_ours():
    ours = {name for each in EVERY_METHOD for name in load_spec(*each).model_fields}
    assert set(registry._ELSEWHERE_CALLED.values()) <= ours
    for kind, method in EVERY_METHOD:
        fields = set(load_spec(kind, method).model_fields)
        for elsewhere, here in registry._ELSEWHERE_CALLED.items():
            assert not {elsewhere, here} <= fields, elsewhere
