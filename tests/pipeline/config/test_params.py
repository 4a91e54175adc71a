import time
from pathlib import Path

import pytest

from pipeline.checks import StudyError
from pipeline.commands.overlays import compose
from pipeline.config.params import load_params
from pipeline.config.yaml_files import dump_yaml

RIGHT = """
seed: 3
dataset: {name: photos, path: data/incoming}
not_run: {}
corrupt: {}
features:
  hog: {method: hog, cell: 8}
classical:
  svm: {method: linear_svm, features: [hog]}
  both: {method: rbf_svm, features: [hog], seeds: [1]}
deep:
  lenet5: {method: lenet5, epochs: 2}
"""


@pytest.fixture
def write(study_folder):
    def write(text: str) -> None:
        Path("params.yaml").write_text(text, encoding="utf-8")

    return write


def test_roster(write):
    write(RIGHT)
    roster = load_params().roster
    assert [(run.name, run.kind, run.seeds) for run in roster] == [
        ("svm", "classical", (3,)),
        ("both", "classical", (1,)),
        ("lenet5", "deep", (3,)),
    ]
    assert roster[2].remedy == "dvc repro train_deep@lenet5"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("cell: 8", "cel: 8", r"features\.hog\.cel: unknown option; did you mean 'cell'"),
        ("cell: 8", "cell: -8", r"features\.hog\.cell: found -8; expected at least"),
        ("cell: 8", "cell: big", r"features\.hog\.cell: found 'big'; expected a valid integer"),
        ("method: hog,", "method: hogg,", r"features\.hog\.method: unknown .*did you mean 'hog'"),
        ("{method: hog, cell: 8}", "hog", r"features\.hog: found 'hog'; expected a mapping"),
        ("{method: hog, cell: 8}", "{cell: 8}", r"features\.hog\.method: found nothing"),
        ("linear_svm, features: [hog]", "linear_svm, features: [hug]", "unknown feature set 'hug'"),
        ("linear_svm, features: [hog]", "linear_svm, features: []", r"svm\.features: .*at least 1"),
        ("linear_svm, features: [hog]", "linear_svm", r"svm\.features: found nothing; expected"),
        ("seed: 3", "seed: -3", "seed: found -3"),
        ("seed: 3", "", "seed: found nothing"),
        ("not_run: {}", "", "not_run: found nothing; expected: What this study leaves out"),
        ("corrupt: {}", "", r"corrupt: found nothing; expected a mapping of runs .* or \{\}"),
        (
            "corrupt: {}",
            "corrupt: {smv: {}}",
            r"corrupt\.smv: unknown run .* mean 'svm'",
        ),
        ("corrupt: {}", "corrupt: {svm: 5}", r"corrupt\.svm: found 5; expected options, or"),
        ("corrupt: {}", "corrupt: {svm: {limt: 5}}", r"svm\.limt: unknown.*did you mean 'limit'"),
        ("corrupt: {}", "corrupt: {svm: {limit: 0}}", r"svm\.limit: found 0; expected at least"),
        ("corrupt: {}", "corrupt: {svm: {severities: [6]}}", r"severities\.0: found 6; expected"),
        ("corrupt: {}", "corrupt: {svm: {severities: []}}", r"severities: .*at least 1 item"),
        ("corrupt: {}", "corrupt: {svm: {corruptions: [fog, fog]}}", "each of them once"),
        ("deep:", "deeep:", "deeep: unknown section; did you mean 'deep'"),
        ("  lenet5:", "  svm:", r"deep\.svm: a classical run has the same name"),
        ("  svm:", "  my svm:", "found the name 'my svm'"),
        ("name: photos", "name: cifar11", "unknown dataset 'cifar11'; did you mean 'cifar10'"),
        ("seeds: [1]", "seeds: [1, 1]", "each name once"),
        ("seeds: [1]", "seeds: [0, 1]", "at most one seed, because rbf_svm gives the same"),
        ("path: data/incoming", "classes: [coffee, retina]", r"dataset\.path: found nothing"),
        ("  svm:", "  BOTH:", r"classical\.BOTH: another name differs only in case"),
        ("cell: 8", "cell: .inf", r"features\.hog\.cell: found inf"),
        ("seed: 3", "seed: {{ seed }}", "found a list or mapping as a key"),
        ("seed: 3", "seed: 3\nseed: 4", 'found duplicate key "seed".*line'),
        ("seed: 3", "seed: [", "is not YAML"),
    ],
)
def test_mistakes_are_named(write, old, new, message):
    assert old in RIGHT
    write(RIGHT.replace(old, new, 1))
    with pytest.raises(StudyError, match=message):
        load_params()


def test_all_mistakes_are_reported_at_once(write):
    write(RIGHT.replace("cell: 8", "cel: 8").replace("epochs: 2", "epochs: 0"))
    with pytest.raises(StudyError) as caught:
        load_params()
    assert "2 problems" in str(caught.value)


def test_a_study_without_a_run(write):
    write(
        "seed: 0\ndataset: {name: photos, path: data/incoming}\n"
        "features: {}\nclassical: {}\ndeep: {}\nnot_run: {}\ncorrupt: {}\n"
    )
    with pytest.raises(StudyError, match="found no run"):
        load_params()


def test_runs_to_be_held_against_corrupted_images(write):
    write(RIGHT.replace("corrupt: {}", "corrupt: {svm: {}, lenet5: {limit: 7, severities: [2]}}"))
    corrupt = load_params().corrupt
    assert corrupt["svm"].limit == 1000
    assert corrupt["svm"].corruptions is None
    assert corrupt["svm"].severities == (1, 2, 3, 4, 5)
    assert (corrupt["lenet5"].limit, corrupt["lenet5"].severities) == (7, (2,))


def test_missing_file(study_folder):
    with pytest.raises(StudyError, match=r"there is no params\.yaml"):
        load_params()


STUDIES = sorted(path.stem for path in (Path(__file__).parents[3] / "studies").glob("*.yaml"))


@pytest.mark.parametrize("study", [*STUDIES, "full+depth"])
def test_committed_studies_are_right(root, tmp_path, study):
    overlays = [Path("studies") / f"{overlay}.yaml" for overlay in study.split("+")]
    path = tmp_path / "params.yaml"
    path.write_text(dump_yaml(compose(root, overlays)), encoding="utf-8")
    assert load_params(path).roster


def test_default_study_is_right(root):
    assert {run.name for run in load_params(root / "params.yaml").roster} >= {
        "hog_svm",
        "lenet5",
        "vgg16_transfer",
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seeds: [1]", f"seeds: {list(range(500))}", r"both\.seeds: .*at most 100 items"),
        ("seed: 3", f"seed: {list(range(5000))}", r"^params.yaml has 1 problem:\n  seed: found \["),
        ("seed: 3", f"seed: {10**90}", r"seed: found 10+\.*; expected less than"),
        ("svm:", f"{'s' * 900}:", r"classical: found the name 'sss"),
        (
            "cell: 8",
            f"{'c' * 900}: 8",
            r"features\.hog\.ccc.*: unknown option; known: image_size, method",
        ),
        ("features: [hog]", f"features: [{'h' * 9000}]", r"unknown feature set 'hhh"),
    ],
)
def test_a_message_about_something_long_is_short(write, old, new, message):
    write(RIGHT.replace(old, new, 1))
    with pytest.raises(StudyError, match=message) as caught:
        load_params()
    assert len(str(caught.value)) < 700


@pytest.mark.tried(
    "params.yaml",
    "thousands of entries and options, all of them wrong",
    "the first 50 problems, in a message of at most 2,000 characters, in about a second",
)
@pytest.mark.parametrize(
    "section",
    [
        "corrupt:\n" + "".join(f"  run{i}: {{}}\n" for i in range(2000)),
        "features:\n" + "".join(f"  run{i}: {{method: hogg}}\n" for i in range(2000)),
        "features:\n  a:\n    method: hog\n" + "".join(f"    option{i}: 1\n" for i in range(3000)),
        "".join(f"section{i}: 1\n" for i in range(3000)),
    ],
    ids=["corrupt", "features", "options", "sections"],
)
def test_thousands_of_problems(write, section):
    write("seed: 0\n" + section)
    started = time.process_time()
    with pytest.raises(StudyError, match=r"more characters") as caught:
        load_params()
    assert len(str(caught.value)) <= 2000
    assert time.process_time() - started < 4
