"""What the parts of the project do not import, so that they start at once and stay apart.

Each fact is about a fresh interpreter. One process serves them all: it imports what every part
needs, and forks for each.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config.registry import KINDS

ROOT = Path(__file__).resolve().parent.parent
NETWORKS = ("tensorflow", "keras", "jax", "torch")
METHODS = tuple(f"{package}." for package in KINDS.values())
ROOMS = ("pipeline.data", "pipeline.features", "pipeline.classical", "pipeline.deep")
FACTS = {
    **{
        f"stages.{stage}": (f"import stages.{stage}", ("pandas", "numba", *NETWORKS))
        for stage in ("check", "fetch", "featurize", "index", "corrupt")
    },
    **{
        name: (f"import {name}", NETWORKS)
        for name in (
            "stages.report",
            "stages.illustrate",
            "pipeline.analyses.evaluate",
            "pipeline.analyses.pictures",
            "pipeline.page.report",
        )
    },
    "stages.evaluate": (
        "import stages.evaluate, pipeline.analyses.tables as t; assert t.questions()",
        (*ROOMS, "pipeline.page", "pipeline.config.params", "altair", "jinja2", *NETWORKS),
    ),
    "reading params.yaml": (
        "from pathlib import Path\nfrom pipeline.config.params import load_params\n"
        "load_params(Path('params.yaml'))",
        NETWORKS,
    ),
    "listing methods": (
        "from pipeline.config.registry import KINDS, method_names\n"
        "assert all(method_names(kind) for kind in KINDS)",
        METHODS,
    ),
    "reading the options of HOG": (
        "from pipeline.config import registry\n"
        "for convention in ('skimage', 'dalal_triggs'):\n"
        "    options = {'method': 'hog', 'convention': convention}\n"
        "    extractor = registry.parse('features', options, 'features.x').build(seed=0)\n"
        "    assert extractor.multiply_adds((32, 32, 3))",
        ("numba", "skimage", *NETWORKS),
    ),
    "parsing every network": (
        "from pipeline.config import registry\n"
        "for method in registry.method_names('deep'):\n"
        "    options = {'weights': 'random'} if method == 'transfer' else {}\n"
        "    registry.parse('deep', {'method': method, **options}, 'deep.x').check_files()",
        NETWORKS,
    ),
}
"""What is run, and how the names of modules start that are not loaded afterward."""

SERVER = """
import json, os, sys
import numpy, pydantic, yaml
for name, code in json.loads(sys.argv[1]).items():
    sys.stdout.flush()
    if (child := os.fork()) == 0:
        exec(code, {})
        print(json.dumps([name, sorted(sys.modules)]), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, list[str]]:
    """The names of all modules that are loaded after each, by its name; none where it failed."""
    codes = json.dumps({name: code for name, (code, _) in FACTS.items()})
    command = [sys.executable, "-c", SERVER, codes]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(line) for line in done.stdout.splitlines())


@pytest.mark.parametrize("name", FACTS)
def test_is_not_imported(loaded, name):
    _, unwanted = FACTS[name]
    assert [module for module in loaded[name] if module.startswith(unwanted)] == []
