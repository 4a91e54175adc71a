"""Which stages of the study an edit to the real code reruns: those whose fingerprint changes."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from functools import cache, reduce
from operator import getitem

import pytest

from pipeline.config import registry
from pipeline.config.yaml_files import read_yaml
from pipeline.fingerprints.modules import ROOT, Code, Module
from pipeline.fingerprints.stage_code import (
    BASES,
    STAGES,
    entry_fingerprint,
    fingerprint_file,
    methods_used,
    save_fingerprints,
    stage_fingerprint,
)
from pipeline.storage.paths import CODE

PARAMS = read_yaml(ROOT / "params.yaml")
PARAMS["sample_size"]["runs"] = {"hog_color_patches": {}, "lenet5": {}}
PARAMS["ablations"] = {"C": {"base": "hog_svm", "vary": "C", "values": [0.1, 1.0]}}
GRAPH = read_yaml(ROOT / "dvc.yaml")["stages"]
ALL = [
    (stage, method)
    for stage, kind in STAGES.items()
    for method in (registry.method_names(kind) if kind else (None,))
]
ALL += [(stage, entry) for stage, bases in BASES.items() for entry in bases(PARAMS)]


def fingerprint(code: Code, stage: str, name: str | None) -> dict[str, str]:
    """Of a stage with one of its methods, or with one of its entries."""
    if stage in BASES:
        return entry_fingerprint(code, PARAMS, stage, str(name))
    return stage_fingerprint(code, stage, name)


@cache
def unedited() -> Code:
    code = Code(methods_used(PARAMS))
    for each in ALL:
        fingerprint(code, *each)
    return code


def modules() -> dict[str, Module]:
    """All modules behind any stage."""
    return {name: module for name, module in unedited()._modules.items() if module}


def edited(sources: dict[str, str]) -> Code:
    """The code with other sources of some modules, by dotted name; nothing is written."""
    code, before = Code(methods_used(PARAMS)), unedited()
    code._modules = dict(before._modules)
    code._digests = {key: value for key, value in before._digests.items() if key[0] not in sources}
    for name, source in sources.items():
        code._modules[name] = Module(name, modules()[name].path, ast.parse(source))
    return code


def source_of(name: str) -> str:
    return modules()[name].path.read_text(encoding="utf-8")


def replaced(old: str, new: str) -> Code:
    """The code with another text in the one module that has the old one."""
    (name,) = [each for each in modules() if old in source_of(each)]
    return edited({name: source_of(name).replace(old, new)})


def dependencies() -> dict[str, str]:
    """Stage as DVC names it -> the file of data/code/ that it depends on."""
    found = {}
    for stage, body in GRAPH.items():
        over = body.get("foreach")
        entries = reduce(getitem, over.strip("${}").split("."), PARAMS) if over else {"": {}}
        for key, item in entries.items():
            deps = [each for each in body.get("do", body)["deps"] if each.startswith("data/code/")]
            for dep in deps:
                dep = dep.replace("${item.method}", str(item.get("method")))
                dep = dep.replace("${dataset.name}", PARAMS["dataset"]["name"])
                dep = dep.replace("${key}", key)
                assert f"{stage}@{key}" not in found, "one file"
                found[f"{stage}@{key}" if over else stage] = dep
    return found


def stale(code: Code) -> set[str]:
    """The stages of the study in params.yaml whose file changes."""
    changed = {
        fingerprint_file(*each).as_posix()
        for each in ALL
        if fingerprint(code, *each) != fingerprint(unedited(), *each)
    }
    return {stage for stage, file in dependencies().items() if file in changed}


def test_what_an_ablation_tries_is_among_its_methods_and_feature_sets():
    entry = {
        "base": "hog_svm",
        "values": {"own": {}, "other": {"run": "raw_svm"}},
        "tune": {"features": [["hog"], ["hog", "color"], ["patches"]], "C": [1, 2]},
    }
    params = PARAMS | {"ablations": {"it": entry}}
    based = BASES["ablations"](params)["it"]
    assert based.feature_sets(params) == ["hog", "color", "patches"]
    assert {options["C"] for _, options in based.variants(params)} == {1, 2}
    found = entry_fingerprint(unedited(), params, "ablations", "it")
    assert "pipeline.features.symmetric_patches.symmetric_patches" in found


def test_claims_are_nothing_that_trainings_depend_on():
    entry = PARAMS["ablations"]["C"]
    claims = [{"claim": "?", "better": 1.0, "than": 0.1}]

    def recorded(**changes: object) -> object:
        return BASES["ablations"]({**PARAMS, "ablations": {"C": {**entry, **changes}}})["C"]

    assert recorded() == recorded(claims=claims) == recorded(target=0.5)
    for changes in ({"limit": 9}, {"repeats": 4}, {"without": ["tune"]}, {"against": 1.0}):
        assert recorded() != recorded(**changes), changes


# --- the graph ------------------------------------------------------------------------------------


def test_each_stage_depends_on_its_file_and_on_no_other_code():
    files = {fingerprint_file(*each).as_posix() for each in ALL}
    found = dependencies()
    assert set(GRAPH) - {each.partition("@")[0] for each in found} == {"check"}
    for stage, file in found.items():
        assert file in files
        assert file.split("/")[-1].split(".")[0] == stage.partition("@")[0]
    for stage, body in GRAPH.items():
        code = {
            dep
            for dep in body.get("do", body)["deps"]
            if dep.split("/")[0] in ("pipeline", "stages")
        }
        assert code == ({"pipeline", "stages"} if stage == "check" else set())


def test_check_writes_the_files_that_stages_depend_on(study_folder):
    (study_folder / CODE).mkdir(parents=True)
    (study_folder / CODE / "featurize.gone.json").touch()
    count = save_fingerprints(PARAMS)
    assert {path.name for path in CODE.iterdir()} == {fingerprint_file(*each).name for each in ALL}
    assert count == len(ALL)
    written = json.loads(fingerprint_file("featurize", "hog").read_text(encoding="utf-8"))
    assert written == stage_fingerprint(unedited(), "featurize", "hog")
    assert list(written) == sorted(written)


def test_a_file_that_prepare_reads_changes_its_fingerprint_alone(study_folder):
    save_fingerprints(PARAMS)
    before = {path.name: path.read_text(encoding="utf-8") for path in CODE.iterdir()}
    save_fingerprints(PARAMS, {"data/incoming/groups.csv": "5f" * 32})
    after = {path.name: path.read_text(encoding="utf-8") for path in CODE.iterdir()}
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {f"prepare.{PARAMS['dataset']['name']}.json"}
    assert "5f" * 32 in after[changed.pop()]


@pytest.mark.parametrize(
    ("stage", "kind", "method"),
    [
        ("prepare", "dataset", "photos"),
        ("featurize", "features", "hog"),
        ("train_classical", "classical", "kernel_ridge"),
        ("report", None, None),
    ],
)
def test_all_that_a_stage_loads_is_in_its_fingerprint(stage, kind, method):
    """Python's own record of what was imported, beside what is read from the sources."""
    load = f"registry.load_spec({kind!r}, {method!r}); " if kind else ""
    code = (
        f"import sys; import stages.{stage}; from pipeline.config import registry; {load}"
        "print(*[n for n in sys.modules if n.split('.')[0] in ('pipeline', 'stages')])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    code = unedited()
    telling = {n for n, module in modules().items() if "AFFECTS_OUTPUTS" in module.constants}
    unseen = set(done.stdout.split()) - set(stage_fingerprint(code, stage, method)) - telling
    behind_telling = {name for each in telling for name in code.imports(each)}
    assert unseen <= behind_telling | {"pipeline.config.registry"}


# --- edits ----------------------------------------------------------------------------------------


def test_comments_and_docstrings_rerun_nothing():
    remark = '\n# a remark\n"""A docstring."""\n'
    assert stale(edited({name: source_of(name) + remark for name in modules()})) == set()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("for the train split", "to fit"),
        ("{phase}kept epoch {history", "{phase}the best epoch is {history"),
        ('Tenths(f"{name}, corrupted"', 'Tenths(f"corrupted images of {name}"'),
        ("there is no {path}; create it with: {remedy}", "{path} is missing; run: {remedy}"),
        ("out of memory{_notes(whole)}", "no memory is left{_notes(whole)}"),
    ],
)
def test_another_wording_of_a_message_reruns_nothing(old, new):
    assert stale(replaced(old, new)) == set()


def test_reasons_why_files_cannot_be_read_are_kept_and_so_count():
    code = replaced("it has only {max(ends):,} of", "only {max(ends):,} of")
    changed = {each for each in ALL if fingerprint(code, *each) != fingerprint(unedited(), *each)}
    decoding = ("digit_sheet", "image_folder", "photos")
    assert changed == {(stage, name) for stage in ("fetch", "prepare") for name in decoding}


def test_an_edit_to_a_drawing_reruns_the_drawing_alone():
    assert stale(replaced("_DIMMED = 0.45", "_DIMMED = 0.5")) == {"illustrate"}
    drawing = {name for name in modules() if name.endswith("_drawing")}
    assert len(drawing) > 3
    for method in registry.method_names("features"):
        assert not drawing & set(stage_fingerprint(unedited(), "featurize", method))


def test_an_edit_to_a_solver_reruns_the_runs_with_it():
    (solver,) = [name for name in modules() if name.endswith(".kernel_solver")]
    runs = {
        f"train_classical@{name}"
        for name, entry in PARAMS["classical"].items()
        if entry["method"] == "kernel_ridge"
    }
    assert len(runs) == 4
    runs.add("sample_size@hog_color_patches")
    assert stale(edited({solver: source_of(solver) + "\nadded = 1\n"})) - {"evaluate"} == runs


class OneMore(ast.NodeTransformer):
    """Adds one to the first whole number, but for those that a person is told."""

    done = False

    def visit_Constant(self, node):
        if type(node.value) is int and not self.done:
            self.done = True
            return ast.copy_location(ast.Constant(node.value + 1), node)
        return node

    def visit_Raise(self, node):
        return node

    def visit_Call(self, node):
        return node if ast.unparse(node.func) == "print" else self.generic_visit(node)


def test_an_edit_to_any_module_is_seen_by_all_stages_that_import_it():
    telling = {n for n, module in modules().items() if "AFFECTS_OUTPUTS" in module.constants}
    of_stage = {each: fingerprint(unedited(), *each) for each in ALL}
    importing = {name for found in of_stage.values() for name in found}
    changed = 0
    for name in sorted(importing & set(modules()) - telling):
        mutated = OneMore()
        source = ast.unparse(mutated.visit(ast.parse(source_of(name))))
        changed += mutated.done
        code = edited({name: source if mutated.done else source + "\nadded = 1\n"})
        for each, before in of_stage.items():
            if name in before:
                assert fingerprint(code, *each)[name] != before[name], (name, each)
    assert changed > 100
