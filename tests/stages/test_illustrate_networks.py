"""The pictures of networks: which files, which words, and nothing that cannot be drawn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.checks import StudyError
from pipeline.config.yaml_files import dump_yaml
from pipeline.storage.example_images import load_example_images
from pipeline.storage.files import save_json
from pipeline.storage.network_layers import LAYERS, load_network_layers
from pipeline.storage.paths import STUDY
from pipeline.storage.pictures import NETWORKS, load_network_pictures
from pipeline.storage.runs import Card, model_file, run_folder, save_run_task, seal_run
from pipeline.storage.splits import SPLITS, DatasetCard, load_task, save_dataset_card, save_split
from stages import illustrate_networks

CLASSES = ("cat", "dog", "frog")


def network(*layers):
    import keras

    return keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Rescaling(1 / 255), *layers])


@pytest.fixture
def study(study_folder, rng):
    """30 validation images and two stored networks, of which one has no convolution."""
    from keras import layers

    labels = np.arange(30) % 3
    images = rng.integers(0, 256, (30, 16, 16, 3), dtype=np.uint8)
    save_split("validation", images, labels, np.arange(30) + 100)
    sizes = dict.fromkeys(SPLITS, 30)
    card = DatasetCard("d", "d", "0", CLASSES, (16, 16, 3), sizes, seed=0)
    save_dataset_card(card, pd.DataFrame({"id": []}))

    def dense():
        return layers.Flatten(), layers.Dense(3, activation="softmax")

    store("flat", 0, None, network(*dense()))
    store("deep", 4, "c1", network(layers.Conv2D(5, 3, activation="relu", name="c1"), *dense()))
    write(deep={"flat": {"method": "mlp"}, "deep": {"method": "lenet5", "seeds": [4, 5]}})
    return study_folder


def store(name, seed, grad_cam_layer, model):
    folder = run_folder(name, seed)
    folder.mkdir(parents=True)
    model.save(model_file(name, seed, "deep"))
    save_run_task(name, seed, load_task())
    values = {"run": name, "family": "deep", "method": "m", "features": (), "options": {}}
    values |= {"seed": seed, "score_kind": "probability", "sizes": {}, "parameters": 77}
    values |= {"train_seconds": 1.0, "predict_ms_per_image": 1.0, "stage_seconds": 1.0}
    values |= {"device": "d", "engine": "e", "peak_memory_mb": 1.0, "versions": {}}
    values["notes"] = {"grad_cam_layer": grad_cam_layer}
    save_json(folder / "card.json", Card(**values))
    seal_run(name, seed, "")


def write(**document):
    Path("params.yaml").write_text(dump_yaml({"seed": 0, **document}), encoding="utf-8")


def test_tables_and_pictures(study):
    illustrate_networks.main()
    table = load_network_pictures()
    assert tuple(table) == NETWORKS.names
    kinds = table.groupby("features", sort=False)["kind"].agg(list).to_dict()
    assert kinds == {"flat": ["learned"], "deep": ["learned", *["maps"] * 5, *["gradcam"] * 5]}
    assert set(table["dimension"]) == {77}
    examples = load_example_images(0)
    seen = table[table["kind"] == "gradcam"]
    assert seen["id"].tolist() == list(examples.ids)
    assert seen["class"].tolist() == list(examples.class_names)
    for row in seen.to_dict("records"):
        assert row["caption"].startswith("deep predicts ")
        assert f"%) for the image of class {row['class']}: " in row["caption"]
    for path in table["image"]:
        with Image.open(STUDY / path) as picture:
            assert min(picture.size) >= 128
            assert max(picture.size) <= 512


def test_the_layers_of_all_networks_are_listed(study):
    illustrate_networks.main()
    found = load_network_layers()
    assert tuple(found) == LAYERS.names
    names = found.groupby("run", sort=False)["kind"].agg(list).to_dict()
    assert names == {
        "flat": ["Rescaling", "Flatten", "Dense"],
        "deep": ["Rescaling", "Conv2D", "Flatten", "Dense"],
    }
    assert found["trainable"].tolist()[:3] == [0, 0, 3 * (16 * 16 * 3 + 1)]


def test_the_same_study_gives_the_same_bytes(study):
    contents = []
    for _ in range(2):
        illustrate_networks.main()
        files = sorted(path for path in STUDY.rglob("*") if path.is_file())
        contents.append({str(path): path.read_bytes() for path in files})
    assert contents[0] == contents[1]


def test_networks_that_were_removed_lose_their_pictures(study):
    illustrate_networks.main()
    write(deep={"flat": {"method": "mlp"}})
    illustrate_networks.main()
    assert {path.name for path in (STUDY / "networks").iterdir()} == {"flat", "layers.csv"}
    write(deep={})
    illustrate_networks.main()
    assert load_network_pictures().empty
    assert load_network_layers().empty
    assert [path.name for path in (STUDY / "networks").iterdir()] == ["layers.csv"]


def test_a_network_that_was_not_trained_names_its_stage(study):
    model_file("flat", 0, "deep").write_bytes(b"PK but no more")
    seal_run("flat", 0, "")
    with pytest.raises(StudyError, match=r"cannot be read.*dvc repro train_deep@flat"):
        illustrate_networks.main()
    model_file("flat", 0, "deep").unlink()
    with pytest.raises(StudyError, match="dvc repro train_deep@flat"):
        illustrate_networks.main()


def test_a_card_that_names_no_layer_says_so(study):
    path = run_folder("deep", 4) / "card.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    save_json(path, card | {"notes": {}})
    seal_run("deep", 4, "")
    expected = r"deep/seed-4/card\.json: found no notes\.grad_cam_layer.*dvc repro train_deep@deep"
    with pytest.raises(StudyError, match=expected):
        illustrate_networks.main()


def test_without_a_network_no_deep_learning_library_is_imported(study_folder, root):
    write(classical={"svm": {}}, deep={})
    code = (
        "import sys; from stages import illustrate_networks; illustrate_networks.main(); "
        "sys.exit(bool({'tensorflow', 'keras', 'torch', 'jax'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code]
    there = os.environ | {"PYTHONPATH": str(root)}
    assert subprocess.run(command, cwd=study_folder, env=there, check=False).returncode == 0
    assert load_network_pictures().empty
