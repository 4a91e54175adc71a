"""The roster is that of the whole params.yaml, and what is wrong in it is told."""

from pathlib import Path

import pytest
import yaml

from pipeline.checks import StudyError
from pipeline.config.params import load_params
from pipeline.config.roster import load_roster

PARAMS = {
    "seed": 3,
    "not_run": {"vgg": "slow"},
    "features": {},
    "classical": {"svm": {"method": "linear_svm", "features": ["raw"]}},
    "deep": {"net": {"method": "mlp", "seeds": [0, 1]}},
    "corrupt": {"net": {"limit": 10, "severities": [1, 5]}},
}


def write(**changes) -> None:
    Path("params.yaml").write_text(yaml.safe_dump({**PARAMS, **changes}), encoding="utf-8")


@pytest.mark.usefixtures("study_folder")
def test_runs_come_classical_first_with_their_seeds():
    write()
    roster = load_roster()
    assert [(run.name, run.kind, run.seeds) for run in roster.runs] == [
        ("svm", "classical", (3,)), ("net", "deep", (0, 1)),
    ]  # fmt: skip
    assert roster.runs[1].remedy == "dvc repro train_deep@net"
    assert roster.corrupt["net"].severities == (1, 5)
    assert (roster.not_run, roster.seed) == ({"vgg": "slow"}, 3)


def test_it_is_that_of_the_whole_params(root, monkeypatch):
    monkeypatch.chdir(root)
    roster, params = load_roster(), load_params()
    assert [(r.name, r.kind, r.seeds, r.remedy) for r in roster.runs] == [
        (r.name, r.kind, r.seeds, r.remedy) for r in params.roster
    ]
    assert dict(roster.corrupt) == params.corrupt
    assert (roster.not_run, roster.seed) == (params.not_run, params.seed)


@pytest.mark.usefixtures("study_folder")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"deep": {"net": {"seeds": 3}}}, r"deep\.net\.seeds"),
        ({"deep": {"net": {"seeds": [-1]}}}, r"deep\.net\.seeds\.0"),
        ({"deep": {"net": 3}}, r"deep\.net: found 3; expected a mapping"),
        ({"corrupt": {"nett": {}}}, r"corrupt\.nett: no such run; did you mean 'net'"),
        ({"corrupt": {"net": {"limits": 3}}}, r"corrupt\.net\.limits: unknown option"),
        ({"not_run": ["vgg"]}, "not_run"),
    ],
)
def test_what_is_wrong_is_told(changes, message):
    write(**changes)
    with pytest.raises(StudyError, match=message):
        load_roster()
