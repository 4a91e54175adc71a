"""The rules of the house: floors, what modules say of themselves, one reader of files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pipeline.fingerprints.modules import ROOT, Code, Module

FLOORS = (
    ("storage",),
    ("config",),
    ("pretrained", "statistics", "fingerprints", "tuning"),
    ("page",),
    ("data", "features", "classical", "deep", "robustness", "analyses"),
    ("trainings",),
    ("commands",),
)
"""The rooms of ``pipeline/`` above the ground floor, which is its own modules. A room imports from
the floors below, from itself, and from no other room; stages and commands import from all."""

OPEN_TO_QUESTIONS = (
    *("theme", "rendering", "line_labels", "formats"),  # the look of charts and numbers
    *("study", "view", "table", "pictures"),  # the records that a section is made from
)
"""Modules of `pipeline.page` that a question may import."""

CODE = Code({})


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_names(tree: ast.Module) -> frozenset[str]:
    """Dotted names of all imports in a tree, but for those that exist for type checkers."""
    return Module("", ROOT, tree).imported


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def has_code(path: Path) -> bool:
    body = parsed(path).body
    return any(not isinstance(getattr(node, "value", None), ast.Constant) for node in body)


PIPELINE_FILES = sorted((ROOT / "pipeline").rglob("*.py"))
ALL_FILES = [*PIPELINE_FILES, *sorted((ROOT / "stages").glob("*.py"))]
MODULES = [CODE[name_of(path)] for path in ALL_FILES]


def room_of(name: str) -> str:
    """The room of a dotted name; "" on the ground floor."""
    part = [*name.split("."), ""][1]
    return part if (ROOT / "pipeline" / part).is_dir() else ""


def imported_modules(name: str) -> set[str]:
    """The project's modules that a module imports itself, but for those by a computed name."""
    each = {inside if CODE.has(inside) else inside.rpartition(".")[0]
            for inside in CODE[name].imported}  # fmt: skip
    return {target for target in each if CODE.has(target)} - {"pipeline", name}


def floor_of(room: str) -> int:
    return next((level for level, rooms in enumerate(FLOORS, 1) if room in rooms), 0)


@pytest.mark.parametrize("path", PIPELINE_FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_floors(path):
    room = room_of(name_of(path))
    for target in imported_modules(name_of(path)):
        assert target.split(".")[0] == "pipeline", f"{path} imports {target}"
        below = room_of(target)
        assert below == room or floor_of(below) < floor_of(room), f"{path} imports {target}"
        if (room, below) == ("analyses", "page"):
            assert target.split(".")[2:] in [[each] for each in OPEN_TO_QUESTIONS], (
                f"{path} imports {target}"
            )


def test_every_room_has_a_floor():
    found = {path.name for path in (ROOT / "pipeline").iterdir() if (path / "__init__.py").exists()}
    assert found == {room for rooms in FLOORS for room in rooms}


DOORS = {
    "pipeline.classical.solvers.kernel_solver": "the door of the solvers to kernel_ridge",
    "pipeline.deep.sanity.preflight": "the door of the checks before a training",
}
"""Modules with a single importer outside of their folder, and why they lie where they do. The
modules that a stage or a command calls are the doors of their rooms, and need no entry; statistics
stand together, whoever uses them, so that they can be read and checked as such."""


def test_a_module_with_one_importer_lies_with_it():
    importers: dict[str, set[str]] = {}
    for module in MODULES:
        for target in imported_modules(module.name):
            importers.setdefault(target, set()).add(module.name)
    alone = set()
    for target, names in importers.items():
        (name, *others) = names
        folder = target.rpartition(".")[0]
        if others or CODE[target].path.name == "__init__.py" or room_of(target) == "statistics":
            continue
        if name.startswith(f"{folder}.") or name.startswith(("stages", "pipeline.commands.")):
            continue
        alone.add(target)
    assert alone == set(DOORS)


def test_statistics_know_nothing_of_runs():
    for module in MODULES:
        if room_of(module.name) == "statistics":
            others = {
                each for each in imported_modules(module.name) if room_of(each) != "statistics"
            }
            assert others <= {"pipeline.checks"}, module.name


def test_no_question_imports_another():
    """What several of them need lies in `pipeline.analyses` itself."""
    for module in MODULES:
        parts = module.name.split(".")
        if parts[:2] == ["pipeline", "analyses"] and len(parts) == 4:
            others = [each.split(".") for each in imported_modules(module.name)]
            assert not [
                each
                for each in others
                if each[:2] == parts[:2] and len(each) == 4 and each[2] != parts[2]
            ], module.name


def test_outputs_of_networks_become_scores_in_one_place():
    """For two classes they are one column, of which the largest is no class."""
    raw = {"pipeline.inference.predict", "pipeline.inference.predicted_batches"}
    users = {
        module.path.relative_to(ROOT).as_posix() for module in MODULES if raw & module.imported
    }
    computing_features = {
        "pipeline/features/pretrained.py",
        "pipeline/pretrained/base_features.py",
    }
    assert users == computing_features


def test_packages_hold_no_code():
    assert not [path for path in PIPELINE_FILES if path.name == "__init__.py" and has_code(path)]


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


def test_evaluate_draws_nothing():
    for name in Code({}).closure(["stages.evaluate"]):
        assert not re.search(r"^pipeline\.page\b|\.(view|chart)$", name), name
        imported = {each.split(".")[0] for each in CODE[name].imported}
        assert not imported & {"altair", "vl_convert", "jinja2"}, name


def test_nothing_in_the_pipeline_asserts():
    with_assert = [
        path
        for path in PIPELINE_FILES
        if any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(path.read_text())))
    ]
    assert not with_assert


# --- what modules say of themselves, see `pipeline.fingerprints` ----------------------------------


def test_imports_are_absolute():
    nodes = [(module.name, node) for module in MODULES for node in ast.walk(module.tree)]
    assert not [name for name, node in nodes if isinstance(node, ast.ImportFrom) and node.level]


def test_what_is_imported_of_the_project_exists():
    missing = {
        name
        for module in MODULES
        for name in module.imported
        if name.split(".")[0] in ("pipeline", "stages")
        and not (CODE.has(name) or CODE.has(name.rpartition(".")[0]))
    }
    assert missing == set()


def test_imports_by_a_computed_name_are_declared():
    """Those of libraries are not looked at: a fingerprint is of the project's code."""
    computed = set()
    for module in MODULES:
        for call in (node for node in ast.walk(module.tree) if isinstance(node, ast.Call)):
            if ast.unparse(call.func).endswith("import_module"):
                (name,) = call.args
                library = isinstance(name, ast.Constant) and not CODE.has(name.value)
                computed |= set() if library else {module.name}
    accounted_for = {"registry", "stored_classes"}  # `pipeline.fingerprints.stage_code` says how
    declared = {module.name for module in MODULES if "COMPUTED_IMPORTS" in module.constants}
    assert {n for n in computed - declared if n.rpartition(".")[2] not in accounted_for} == set()


def test_files_beside_the_modules_are_declared_by_those_that_read_them():
    there = {
        path
        for folder in ("pipeline", "stages")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".py"
    }
    assert {path for module in MODULES for path in module.files()} == there


def without_told(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below one, but for those of an error that is raised, or of what is printed."""
    told = isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
    if not told and not isinstance(node, ast.Raise):
        yield node
        for child in ast.iter_child_nodes(node):
            yield from without_told(child)


def keeps_text(handler: ast.ExceptHandler) -> bool:
    """Whether what an error says is used for anything but another error or a printed line."""
    for node in (each for statement in handler.body for each in without_told(statement)):
        as_text = isinstance(node, ast.FormattedValue) and ast.unparse(node.value) == handler.name
        if as_text or ast.unparse(node) == f"str({handler.name})":
            return True
    return False


def test_texts_of_errors_are_kept_by_declared_modules_alone():
    keeping = {
        module.name
        for module in MODULES
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler) and node.name and keeps_text(node)
        if not module.name.startswith("pipeline.commands.jobs.")  # it runs stages, none runs it
    }
    declared = {module.name for module in MODULES if "KEEPS_ERROR_TEXTS" in module.constants}
    # Elsewhere the text becomes a part of another error, some lines below or in a function.
    raised = {"check", "integrity", "params", "variants", "yaml_files", "stages"}
    assert declared <= keeping
    assert {name for name in keeping - declared if name.rpartition(".")[2] not in raised} == set()


TELLING = [module for module in MODULES if "AFFECTS_OUTPUTS" in module.constants]
WRITES = re.compile(r"(^|\.)(open|write_\w+|save\w*|to_csv|tofile|dump|copy\w*|replace|seed)$")


@pytest.mark.parametrize("module", TELLING, ids=lambda module: module.name)
def test_what_affects_no_output_writes_no_file_and_hands_on_no_data(module):
    calls = [node.func for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
    assert not [func for func in map(ast.unparse, calls) if WRITES.search(func)]
    functions = [node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef)]
    returned = {
        ast.unparse(each.returns) for each in functions if each.returns and each.name[0] != "_"
    }
    assert not [each for each in returned if re.search("Array|Frame|Model|Any|dict|list", each)]
    assert not {"numpy", "pandas", "random"} & {name.split(".")[0] for name in module.imported}


# --- files that could run code --------------------------------------------------------------------

LOADERS = {"joblib", "pickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal"}
"""Modules whose files run code when they are opened."""
CALLS = {
    *("eval", "exec", "__import__", "read_pickle", "torch.load", "yaml.load", "unsafe_load"),
    *("full_load", "Lambda", "enable_unsafe_deserialization", "load_model", "model_from_json"),
}
"""Functions that run code out of what they are given, or out of files that nobody has checked."""


def opens_code(tree: ast.Module) -> set[str]:
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
        module.path.relative_to(ROOT).as_posix(): opened
        for module in MODULES
        if (opened := opens_code(module.tree))
    }
    assert found == {
        # The official files are pickles: read after their checksums are verified, by an unpickler
        # that runs nothing of NumPy's or anybody else's.
        "pipeline/data/cifar10.py": {"pickle"},
        # A file of tensors, verified by its checksum: read by an unpickler that knows nothing else.
        "pipeline/pretrained/torch_files.py": {"pickle"},
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
