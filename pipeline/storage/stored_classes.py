"""The classes that stored objects may have: the allowlist of `pipeline.storage.object_files`."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from pydantic import BaseModel

PACKAGES = ("pipeline.features.", "pipeline.classical.")
"""Classes defined in these packages can be stored; new methods need no registration."""
OUTSIDE = {
    "sklearn.pipeline.Pipeline": {"steps"},
    "sklearn.preprocessing.FunctionTransformer": {"n_features_in_"},
    "sklearn.preprocessing.StandardScaler": {
        *("mean_", "var_", "scale_", "n_features_in_", "n_samples_seen_")
    },
}
"""Library classes that can be stored, and which of their attributes; all others must have their
default values. `Pipeline.memory`, for example, names a folder of pickles."""


def stored_name(kind: type) -> str:
    """Return the name of a class in a file; for a library class, its public name.

    Raises:
        TypeError: if its objects cannot be stored.
    """
    for name in OUTSIDE:
        module, _, last = name.rpartition(".")
        if kind.__name__ == last and kind.__module__.startswith(module):
            return name
    name = f"{kind.__module__}.{kind.__qualname__}"
    _class(name)
    return name


def attributes_of(value: Any) -> dict[str, Any]:
    """Return the attributes of an object that are stored, by name.

    Raises:
        TypeError: if some of them cannot be stored.
    """
    kind = type(value)
    name = stored_name(kind)
    found = {each: v for each, v in vars(value).items() if not each.startswith("_")}
    for each, default in _defaults(name, kind).items():
        if found.pop(each, default) != default:
            raise TypeError(f"{name} can only be stored with {each}={default!r}")
    _check_attributes(name, kind, found)
    return found


def make_object(name: str, attributes: dict[str, Any]) -> Any:
    """Create an object with these attributes, without calling any code of its class.

    Raises:
        TypeError: if its class cannot be stored, or has other attributes.
    """
    kind = _class(name)
    _check_attributes(name, kind, attributes)
    value: Any = object.__new__(kind)
    vars(value).update(_defaults(name, kind) | attributes)
    return value


def make_options(name: str, given: list[str], values: dict[str, Any]) -> BaseModel:
    """Recreate options from those that were given, and validate them.

    Args:
        name: the name of a class of options.
        given: the options that were given.
        values: the values of all options. If a default has changed since, the stored object no
            longer matches its options.

    Raises:
        TypeError: if the class is not one of options.
        ValueError: if a value is invalid, or a default has changed.
    """
    kind = _class(name)
    if not issubclass(kind, BaseModel):
        raise TypeError(f"{name} has no options")
    made = kind.model_validate({each: values[each] for each in given})
    if vars(made) != values:
        raise ValueError(f"the defaults of {name} have changed")
    return made


def _class(name: str) -> type:
    """Return a class that can be stored; nothing else that a file names is imported."""
    module, _, last = name.rpartition(".")
    if name in OUTSIDE or f"{module}.".startswith(PACKAGES):
        found = getattr(importlib.import_module(module), last, None)
        if isinstance(found, type) and (name in OUTSIDE or found.__module__ == module):
            return found
    raise TypeError(f"{name} is not a class that can be stored")


def _defaults(name: str, kind: type) -> dict[str, Any]:
    """Return the options of a library class that are not stored, with their defaults."""
    stored = OUTSIDE.get(name)
    if stored is None:
        return {}
    options = inspect.signature(kind).parameters.values()
    return {each.name: each.default for each in options if each.name not in stored}


def _check_attributes(name: str, kind: type, attributes: dict[str, Any]) -> None:
    """Raise `TypeError` if an option is missing, or an attribute would hide a method."""
    lacking = (
        inspect.signature(kind).parameters.keys() - attributes.keys() - _defaults(name, kind).keys()
    )
    if lacking:
        raise TypeError(f"{name} lacks the attributes {sorted(lacking)}")
    for each in attributes:
        if (
            not each.isidentifier()
            or each.startswith("_")
            or hasattr(inspect.getattr_static(kind, each, None), "__get__")
            or each not in OUTSIDE.get(name, {each})
        ):
            raise TypeError(f"{name} has no attribute {each!r} that can be stored")
