"""Methods by name: a method's name in params.yaml is the name of its file.

A method is a module in one of the packages in `KINDS` that defines a class ``Spec``, a frozen
pydantic model of its options; a method of several modules has a folder of the same name. To add a
method, add a file; nothing is registered by hand.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.checks import StudyError, check_known, did_you_mean, listing, shortened, shown

KINDS = {
    "dataset": "pipeline.data",
    "features": "pipeline.features",
    "classical": "pipeline.classical",
    "deep": "pipeline.deep.architectures",
}
"""Section of params.yaml -> the package that contains its methods."""

_ELSEWHERE_CALLED = {
    "batch": "batch_size",
    "cell_size": "cell",
    "cv": "folds",
    "early_stopping": "patience",
    "grayscale": "gray",
    "group": "groups",
    "grey": "gray",
    "greyscale": "gray",
    "horizontal_flip": "flip",
    "input_size": "image_size",
    "k_folds": "folds",
    "kfold": "folds",
    "loss_function": "loss",
    "lr": "learning_rate",
    "max_epochs": "epochs",
    "max_samples": "limit",
    "n_bins": "bins",
    "n_components": "components",
    "n_folds": "folds",
    "n_splits": "folds",
    "num_epochs": "epochs",
    "pixels_per_cell": "cell",
    "random_state": "seeds",
    "seed": "seeds",
    "test_time_augmentation": "tta",
    "validation_split": "validation",
}
"""Names of options in Keras, PyTorch, scikit-learn, scikit-image and elsewhere -> names here."""
_AUGMENTED = "the augmentations are flip, crop, shift and cutout"
_NOT_HERE = {
    "brightness": f"there is no color augmentation here; {_AUGMENTED}",
    "class_weight": "classes that are to weigh the same need balance: true",
    "class_weights": "classes that are to weigh the same need balance: true",
    "epochs": "only networks, under deep, have epochs",
    "kernel": "the kernel is part of the method's name: linear_svm, rbf_svm, kernel_ridge",
    "max_depth": "there are no decision trees here",
    "n_estimators": "there are no forests and no boosting here",
    "n_neighbors": "there is no nearest-neighbor classifier here",
    "rotation": f"there is no rotation here; {_AUGMENTED}",
    "rotation_range": f"there is no rotation here; {_AUGMENTED}",
    "sample_weight": "images have no weights of their own here; balance: true weights classes",
    "vertical_flip": "images are only mirrored left to right, with flip",
    "zoom": f"there is no zoom here; {_AUGMENTED}",
}
"""Options of those libraries that do not exist here, and what to use instead."""
_MOST_PROBLEMS = 50
"""Reported per entry; nobody reads more."""
_PLAINER = {
    "valid tuple": "list",
    "valid dictionary": "mapping",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    "expected greater than": "expected more than",
    " after validation": "",
}
"""What pydantic writes -> what a person would say."""

_PACKAGE_ROOT = Path(__file__).parent.parent


class MethodSpec(BaseModel):
    """The options of a method: each has a type, bounds, a default and a description.

    Subclasses are called ``Spec``, live in the method's own file, and know how to build what they
    describe. Unknown options are errors, so that a typo in params.yaml cannot go unnoticed.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )


def selector(kind: str) -> str:
    """Return the key that names an entry's method: ``name`` for a dataset, otherwise ``method``."""
    return "name" if kind == "dataset" else "method"


def source_file(kind: str, method: str) -> Path:
    """Return the path of a method's file, whether it exists or not.

    That is ``<method>.py``, or ``<method>/<method>.py`` if the method has its own folder.
    """
    folder = _PACKAGE_ROOT.joinpath(*KINDS[kind].split(".")[1:])
    own = folder / method / f"{method}.py"
    return own if own.exists() else folder / f"{method}.py"


def module_name(kind: str, method: str) -> str:
    """Return the dotted name of a method's module, whether it exists or not."""
    parts = source_file(kind, method).relative_to(_PACKAGE_ROOT).with_suffix("").parts
    return ".".join((_PACKAGE_ROOT.name, *parts))


@cache
def method_names(kind: str) -> tuple[str, ...]:
    """Return the sorted names of all methods of a kind. It reads the files and imports none."""
    folder = source_file(kind, "_").parent
    folders = [path / f"{path.name}.py" for path in folder.iterdir() if path.is_dir()]
    files = [*folder.glob("*.py"), *(path for path in folders if path.exists())]
    return tuple(sorted(path.stem for path in files if defines(path, "Spec")))


def load_spec(kind: str, method: str) -> type[MethodSpec]:
    """Import the file of one method only, and return its ``Spec``.

    Raises:
        StudyError: if there is no such method.
    """
    check_known(method, method_names(kind), f"{kind} method" if kind != "dataset" else "dataset")
    module = importlib.import_module(module_name(kind, method))
    spec: type[MethodSpec] = module.Spec
    return spec


def parse(kind: str, entry: Any, where: str) -> MethodSpec:
    """Turn one entry of params.yaml into the ``Spec`` of the method that it names.

    Args:
        kind: a key of `KINDS`.
        entry: the parsed YAML.
        where: its place in the file, ``deep.lenet5``, for messages.

    Raises:
        StudyError: listing each invalid option, with what was found and what was expected.
    """
    key = selector(kind)
    if not isinstance(entry, Mapping):
        raise StudyError(f"{where}: found {shown(entry)}; expected a mapping with the key {key!r}")
    method = entry.get(key)
    if not isinstance(method, str):
        raise StudyError(
            f"{where}.{key}: found {'nothing' if method is None else shown(method)}; "
            f"expected one of: {listing(method_names(kind), 40)}"
        )
    try:
        spec = load_spec(kind, method)
    except StudyError as error:
        raise StudyError(f"{where}.{key}: {error}") from None
    try:
        return spec.model_validate(dict(entry))
    except ValidationError as error:
        raise StudyError(explain(error, where, spec)) from None


def explain(error: ValidationError, where: str, model: type[BaseModel]) -> str:
    """Say what to change in params.yaml, one line per problem."""
    wrong: dict[str, list[str]] = {}
    for problem in error.errors()[:_MOST_PROBLEMS]:
        # After the option, pydantic names branches of a union, which mean nothing to a reader.
        option = [part for part in problem["loc"][:1] if part != ""]
        option += [part for part in problem["loc"][1:] if isinstance(part, int)]
        place = ".".join(shortened(str(part), 120) for part in (where, *option) if part != "")
        wrong.setdefault(place, []).append(_explain_one(problem, model))
    return "\n".join(f"{place}: {_joined(messages)}" for place, messages in wrong.items())


def _explain_one(problem: Any, model: type[BaseModel]) -> str:
    name = str(problem["loc"][0]) if problem["loc"] else ""
    if problem["type"] == "extra_forbidden":
        hint = _hint(name, model) or ";"
        return f"unknown option{hint} known: {listing(model.model_fields, 40)}"
    if problem["type"] == "missing":
        field = model.model_fields.get(name)
        meaning = field.description if field and field.description else "a value"
        return f"found nothing; expected: {meaning.splitlines()[0]}"
    message = re.sub("^Value error, ", "", problem["msg"])
    message = re.sub("^(Input|Tuple|List|String) should (be|have)", "expected", message)
    for written, plain in _PLAINER.items():
        message = message.replace(written, plain)
    if not problem["loc"]:  # options that contradict each other; the message says which
        return message
    return f"found {shown(problem['input'])}; {message}"


def _hint(option: str, model: type[BaseModel]) -> str:
    """Guess what an unknown option was meant to be: a name from another library, or a typo."""
    name = _ELSEWHERE_CALLED.get(option)
    if name in model.model_fields:
        return f"; it is called {name!r} here;"
    if option in _NOT_HERE:
        return f"; {_NOT_HERE[option]};"
    if name is not None:
        return f"; it is called {name!r} here, but this method has no such option;"
    return did_you_mean(option, model.model_fields)


def _joined(messages: list[str]) -> str:
    """Join the messages of a union's branches: ``found 'x'; expected a number, or 'scale'``."""
    first, *rest = messages
    common = first.split("; ", 1)[0] + "; expected "
    return ", or ".join([first, *(message.removeprefix(common) for message in rest)])


def defines(path: Path, name: str) -> bool:
    """Return whether a source file defines a class of this name; it is read, not imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.ClassDef) and node.name == name for node in tree.body)
