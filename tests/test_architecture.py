"""The rules of the house: floors, stages that list what they import, one reader of files."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
import yaml

from pipeline.config import registry

ROOT = Path(__file__).resolve().parent.parent
FLOOR_ONE = ("data", "features", "classical", "deep", "robustness", "evaluation", "reporting")
FLOOR_ZERO = (
    "registry",
    "artefacts",
    "class_scores",
    "results",
    "checks",
    "sampling",
    "example_images",
    "file_sets",
    "host_memory",
    "integrity",
    "keras_backend",
    "machine",
    "measurements",
    "network_files",
    "object_files",
    "pretrained",
    "pretrained_weights",
    "inference",
    "litter",
    "progress",
    "provenance",
    "resume",
    "stored_classes",
    "stored_models",
    "system_errors",
    "stored_runs",
    "pixel_checks",
    "storage",
    "strict",
    "yaml_files",
)


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def imported_names(node: ast.AST) -> set[str]:
    """Dotted names of all imports below a node, but for those that exist for type checkers."""
    if is_type_checking(node):
        return set().union(*map(imported_names, node.orelse))
    names: set[str] = set()
    if isinstance(node, ast.Import):
        names |= {alias.name for alias in node.names}
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        names |= {f"{node.module}.{alias.name}" for alias in node.names}
    for child in ast.iter_child_nodes(node):
        names |= imported_names(child)
    return names


def module_file(name: str) -> Path | None:
    """The project's file behind a dotted name, also where its last part is an attribute."""
    parts = name.split(".")
    if parts[0] not in ("pipeline", "stages"):
        return None
    for candidate in (parts, parts[:-1]):
        path = ROOT.joinpath(*candidate)
        if path.with_suffix(".py").exists():
            return path.with_suffix(".py")
        if (path / "__init__.py").exists() and candidate:
            return path / "__init__.py"
    raise AssertionError(f"{name} is no module of the project")


@cache
def direct_imports(path: Path) -> frozenset[Path]:
    found = map(module_file, imported_names(ast.parse(path.read_text(encoding="utf-8"))))
    return frozenset(file for file in found if file)


def closure(*paths: Path) -> set[Path]:
    seen: set[Path] = set()
    waiting = list(paths)
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += direct_imports(path)
    return seen


def has_code(path: Path) -> bool:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(not isinstance(getattr(node, "value", None), ast.Constant) for node in body)


def relative(paths) -> set[str]:
    return {path.relative_to(ROOT).as_posix() for path in paths}


PIPELINE_FILES = sorted((ROOT / "pipeline").rglob("*.py"))


@pytest.mark.parametrize("path", PIPELINE_FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_floors(path):
    parts = path.relative_to(ROOT / "pipeline").with_suffix("").parts
    for target in direct_imports(path):
        below = target.relative_to(ROOT / "pipeline").with_suffix("").parts
        if below == ("__init__",):
            continue
        if parts[0] in FLOOR_ZERO:
            assert below[0] in FLOOR_ZERO, f"{path.name} of floor 0 imports {target}"
        elif parts[0] in FLOOR_ONE:
            assert below[0] in (*FLOOR_ZERO, parts[0]), f"{path} imports {target}"
        elif parts[0] in ("entries", "params"):
            assert below[0] in (*FLOOR_ZERO, "entries"), f"{path.name} imports {target}"


def test_every_module_has_a_floor():
    known = {
        *FLOOR_ZERO,
        *FLOOR_ONE,
        "entries",
        "params",
        "workspace",
        "dvc_command",
        "publish",
        "verification",
        "prediction",
        "mend",
        "overlays",
        "__init__",
    }
    found = {
        path.relative_to(ROOT / "pipeline").with_suffix("").parts[0] for path in PIPELINE_FILES
    }
    assert found == known


def test_outputs_of_networks_become_scores_in_one_place():
    """For two classes they are one column, of which the largest is no class."""
    raw = {"pipeline.inference.predict", "pipeline.inference.predicted_batches"}
    users = {
        path.relative_to(ROOT).as_posix()
        for path in [*PIPELINE_FILES, *(ROOT / "stages").glob("*.py")]
        if raw & imported_names(ast.parse(path.read_text(encoding="utf-8")))
    }
    computing_features = {
        "pipeline/features/vgg16_features.py",
        "pipeline/deep/training/base_features.py",
    }
    assert users == computing_features


def test_packages_hold_no_code():
    assert not [path for path in PIPELINE_FILES if path.name == "__init__.py" and has_code(path)]


def stage_definitions():
    """(stage, method or None, deps) for each stage, and for each method that it can run."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    kinds = {"featurize": "features", "train_classical": "classical", "train_deep": "deep"}
    for name, stage in stages.items():
        body = stage.get("do", stage)
        if name in kinds:
            kind = kinds[name]
        elif name in ("fetch", "prepare"):
            kind = "dataset"
        else:
            yield pytest.param(name, None, body["deps"], id=name)
            continue
        for method in registry.method_names(kind):
            deps = [
                dep.replace("${item.method}", method).replace("${dataset.name}", method)
                for dep in body["deps"]
            ]
            path = registry.source_file(kind, method)
            yield pytest.param(name, path, deps, id=f"{name}-{method}")


@pytest.mark.parametrize(("stage", "method", "deps"), stage_definitions())
def test_stage_depends_on_all_that_it_imports(stage, method, deps):
    starts = [ROOT / "stages" / f"{stage}.py"] + ([method] if method else [])
    needed = {path for path in closure(*starts) if path.name != "__init__.py" or has_code(path)}
    missing = {
        path
        for path in relative(needed)
        if not any(path == dep or path.startswith(f"{dep}/") for dep in deps)
    }
    assert not missing, f"{stage} imports what is not among its deps in dvc.yaml: {missing}"


def test_no_stage_depends_on_code_that_it_does_not_import():
    needed: dict[str, set[str]] = {}
    listed: dict[str, set[str]] = {}
    for parameter in stage_definitions():
        stage, method, deps = parameter.values
        starts = [ROOT / "stages" / f"{stage}.py"] + ([method] if method else [])
        needed.setdefault(stage, set()).update(relative(closure(*starts)))
        listed.setdefault(stage, set()).update(dep for dep in deps if dep.endswith(".py"))
    assert {
        stage: files - needed[stage] for stage, files in listed.items() if files - needed[stage]
    } == {}


def test_test_labels_are_read_by_evaluate_alone():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    test_labels = "data/prepared/labels/test.npy"
    able = {
        name
        for name, stage in stages.items()
        for dep in stage.get("do", stage)["deps"]
        if test_labels == dep or test_labels.startswith(f"{dep}/")
    }
    assert able == {"evaluate"}


def test_evaluate_and_report_do_not_reach_a_network():
    import subprocess
    import sys

    code = (
        "import sys, stages.evaluate, stages.report, stages.check, pipeline.config.params as p\n"
        "from pathlib import Path\n"
        "p.load_params(Path('params.yaml'))\n"
        "print([m for m in ('tensorflow', 'keras', 'jax', 'torch') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_nothing_in_the_pipeline_asserts():
    with_assert = [
        path
        for path in PIPELINE_FILES
        if any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(path.read_text())))
    ]
    assert not with_assert


LOADERS = {"joblib", "pickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal"}
"""Modules whose files run code when they are opened."""
CALLS = {
    *("eval", "exec", "__import__", "read_pickle", "torch.load", "yaml.load", "unsafe_load"),
    *("full_load", "Lambda", "enable_unsafe_deserialization", "load_model", "model_from_json"),
}
"""Functions that run code out of what they are given, or out of files that nobody has checked."""


def opens_code(tree: ast.AST) -> set[str]:
    """What in a source can run code that a file brings along."""
    found = {name for name in imported_names(tree) if name.split(".")[0] in LOADERS}
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        function = ast.unparse(call.func)
        options = {each.arg: ast.unparse(each.value) for each in call.keywords}
        if {function, function.rpartition(".")[2]} & CALLS:
            found.add(function)
        for option, right in (("allow_pickle", "False"), ("safe_mode", "True")):
            if options.get(option, right) != right:
                found.add(f"{function}({option}={options[option]})")
        if function == "YAML" and options.get("typ") != "'safe'":
            found.add(function)
    return found


def test_no_file_that_is_opened_can_run_code():
    found = {
        path.relative_to(ROOT).as_posix(): opened
        for folder in ("pipeline", "stages")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (opened := opens_code(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert found == {
        # The official archive is a pickle: read by an unpickler that knows nothing but arrays.
        "pipeline/data/cifar10.py": {"pickle"},
        # In safe mode, after `check_network_file`.
        "pipeline/storage/stored_models.py": {"keras.saving.load_model"},
    }


@pytest.mark.parametrize(
    "source",
    [
        "import joblib",
        "from pickle import loads",
        "np.load(path, allow_pickle=True)",
        "torch.load(path)",
        "yaml.load(text, Loader)",
        "YAML().load(text)",
        "keras.models.load_model(path)",
        "keras.saving.deserialize_keras_object(config, safe_mode=False)",
        "eval(text)",
    ],
)
def test_what_can_run_code_is_seen(source):
    assert opens_code(ast.parse(source))
