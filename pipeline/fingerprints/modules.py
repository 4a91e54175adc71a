"""The modules that a module imports, directly or indirectly, and a hash of each."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import pipeline
from pipeline.checks import StudyError
from pipeline.config import registry
from pipeline.fingerprints import syntax
from pipeline.storage.integrity import file_digest

ROOT = Path(str(pipeline.__file__)).parent.parent
"""The folder of the packages; in a workspace, the folder of the links to them."""
PACKAGES = ("pipeline", "stages")

Fingerprint = dict[str, str]
"""Dotted name of a module, or path of another file -> SHA-256, sorted."""


@dataclass(frozen=True)
class Module:
    """One source file."""

    name: str
    """Dotted."""
    path: Path
    tree: ast.Module

    @cached_property
    def imported(self) -> frozenset[str]:
        """Dotted names of everything that it imports, modules and their members."""
        return frozenset(_imported(self.tree))

    @cached_property
    def constants(self) -> dict[str, Any]:
        """The constants in it that `pipeline.fingerprints` explains."""
        found = {}
        for node in self.tree.body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in _MARKS:
                    found[name] = ast.literal_eval(value)
        return found

    def digest(self, error_texts: bool, printers: frozenset[str]) -> str:
        """Return the hash of what it does; the arguments are those of `syntax.digest`."""
        key = error_texts, printers
        if key not in self._digests:
            self._digests[key] = syntax.digest(self.tree, error_texts, printers)
        return self._digests[key]

    @cached_property
    def _digests(self) -> dict[tuple[bool, frozenset[str]], str]:
        return {}

    def files(self) -> list[Path]:
        """Return the files beside it that it reads."""
        patterns = self.constants.get("FILES_READ", ())
        here = self.path.parent
        found = {Path(os.path.normpath(path)) for each in patterns for path in here.glob(each)}
        return sorted(path for path in found if path.is_file())


_MARKS = ("COMPUTED_IMPORTS", "FILES_READ", "KEEPS_ERROR_TEXTS", "AFFECTS_OUTPUTS")


class Code:
    """The modules of the project, each parsed once.

    Args:
        used: kind of method -> names of those in params.yaml.
        root: the folder of the packages.
        packages: the packages of the project.
    """

    def __init__(
        self,
        used: Mapping[str, Iterable[str]],
        root: Path = ROOT,
        packages: tuple[str, ...] = PACKAGES,
    ) -> None:
        self.used, self.root, self.packages = used, root, packages
        self._modules: dict[str, Module | None] = {}
        self._digests: dict[tuple[str, bool], str] = {}

    def fingerprint(self, starts: Iterable[str]) -> Fingerprint:
        """Return the hashes of modules, given by their dotted names, and of all their imports.

        Raises:
            StudyError: if one of them is not valid Python.
        """
        names = self.closure(starts)
        keeping = [each for each in names if self._marks(each).get("KEEPS_ERROR_TEXTS")]
        with_texts = self.closure(keeping)
        found = {name: self.digest(name, name in with_texts) for name in names}
        for path in (path for name in names for path in self[name].files()):
            found[path.relative_to(self.root).as_posix()] = file_digest(path)
        return dict(sorted(found.items()))

    def closure(self, starts: Iterable[str]) -> set[str]:
        """Return the names of modules and of all their imports that affect outputs."""
        found: set[str] = set()
        waiting = list(starts)
        while waiting:
            name = waiting.pop()
            if name not in found and self._affects_outputs(name):
                found.add(name)
                waiting += self.imports(name)
        return found

    def imports(self, name: str) -> set[str]:
        """Return the names of a module's direct imports, and of its packages."""
        found = {each for each in (*self[name].imported, *_packages_of(name)) if self.has(each)}
        for pattern in self._marks(name).get("COMPUTED_IMPORTS", ()):
            found |= set(self._matching(pattern))
        return found

    def digest(self, name: str, error_texts: bool = False) -> str:
        """Return the hash of a module; `error_texts` is that of `syntax.digest`."""
        key = name, error_texts
        if key not in self._digests:
            imported = (each.rpartition(".") for each in self[name].imported)
            printers = frozenset(
                inside
                for module, _, inside in imported
                if self.has(module) and not self._affects_outputs(module)
            )
            self._digests[key] = self[name].digest(error_texts, printers)
        return self._digests[key]

    def has(self, name: str) -> bool:
        """Return whether a dotted name is a module of the project."""
        if name not in self._modules:
            path = self._source_file(name)
            self._modules[name] = _module(name, path, path.stat()) if path else None
        return self._modules[name] is not None

    def __getitem__(self, name: str) -> Module:
        module = self._modules[name] if self.has(name) else None
        if module is None:
            raise StudyError(f"found no module {name} in {self.root}; expected a file of that name")
        return module

    def _affects_outputs(self, name: str) -> bool:
        return bool(self._marks(name).get("AFFECTS_OUTPUTS", True))

    def _marks(self, name: str) -> dict[str, Any]:
        return self[name].constants

    def _source_file(self, name: str) -> Path | None:
        parts = name.split(".")
        if parts[0] not in self.packages:
            return None
        path = self.root.joinpath(*parts)
        files = (path.with_name(f"{path.name}.py"), path / "__init__.py")
        return next((file for file in files if file.is_file()), None)

    def _matching(self, pattern: str) -> Iterator[str]:
        """Yield the names of the modules that match an entry of ``COMPUTED_IMPORTS``."""
        if kind := re.match(r"{(\w+)}", pattern):
            methods = self.used.get(kind[1], ())
            names = (method_module(kind[1], each) + pattern[kind.end() :] for each in methods)
            yield from filter(self.has, names)
        else:
            for path in self.root.glob(f"{pattern.replace('.', '/')}.py"):
                yield ".".join(path.relative_to(self.root).with_suffix("").parts)


def method_module(kind: str, method: str) -> str:
    """Return the dotted name of the module of a method."""
    path = registry.source_file(kind, method).relative_to(ROOT)
    return ".".join(path.with_suffix("").parts)


def _module(name: str, path: Path, state: os.stat_result) -> Module:
    return _read_module(name, path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=1024)
def _read_module(name: str, path: Path, changed: int, size: int) -> Module:
    """Read a module; it is the same object as long as its file does not change."""
    return Module(name, path, _parsed(path))


def _parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        found = f"{path}, line {error.lineno}: found {error.msg}"
        raise StudyError(f"{found}; expected valid Python") from None


def _packages_of(name: str) -> Iterator[str]:
    """Yield the packages of a module, whose code its import also runs."""
    while name := name.rpartition(".")[0]:
        yield name


def _imported(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted names that a tree imports, except those only for type checkers."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.expr):
            continue
        if syntax.is_type_checking(node):
            waiting += getattr(node, "orelse", [])
            continue
        waiting += ast.iter_child_nodes(node)
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield module
                yield from (f"{module}.{alias.name}" for alias in names)
