"""Write a stored run as an ONNX model, with an example that uses it without this project.

``make export RUN=vgg16_transfer`` writes ``exports/<run>/model.onnx`` and ``predict_onnx.py`` in
the study's folder. The model takes pixels of the size that the run gets (its `image_size`, or the
study's), (n, height, width, 3) uint8 in RGB order, or (n, height, width, 1) in gray, and returns
scores and calibrated probabilities, (n, classes). It is written only if its scores on
validation images are those of the pipeline.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from pipeline.channels import named
from pipeline.checks import StudyError
from pipeline.commands.novelty import fitted_temperature
from pipeline.commands.onnx_export.example import example
from pipeline.commands.onnx_export.graph import Graph
from pipeline.commands.onnx_export.runs import (
    add_run,
    check_exportable,
    scores_in_float32,
    sides_seen,
)
from pipeline.commands.predict import StoredRun, open_run
from pipeline.commands.reporting import exit_status
from pipeline.resizing import resize
from pipeline.storage.files import atomic, save_text
from pipeline.storage.runs import load_predictions
from pipeline.storage.splits import TASK, load_ids, load_images

EXPORTS = Path("exports")
"""Where models are written, below the study's folder."""
CHECKED = 200
"""The most validation images on which a model is compared with the pipeline."""
TOLERANCE = 1e-4
"""The largest difference of a score."""


def export_run(
    name: str,
    seed: int | None = None,
    folder: str | os.PathLike[str] = ".",
    target: str | os.PathLike[str] | None = None,
) -> Path:
    """Write a run as ONNX, and return the path of the model.

    Args:
        name: the run's name in params.yaml.
        seed: one of its seeds; None for the only one, or the smallest.
        folder: the study's folder.
        target: a folder for the files; None for one below `EXPORTS`.

    Raises:
        StudyError: if the run is of a kind that cannot be exported, if the study's validation
            images are not there, or if the model's scores differ from the pipeline's.
    """
    run = open_run(name, seed, folder)
    check_exportable(run)
    place = Path(target) if target is not None else Path(folder) / EXPORTS / name
    with contextlib.chdir(folder):
        if not TASK.exists():
            raise StudyError(
                f"there is no {TASK} in {folder}; expected the prepared images of the study, on "
                "whose validation split an export is checked. Create them with: dvc repro prepare"
            )
        temperature = fitted_temperature(run.card, "dvc repro")
        graph = Graph()
        outputs = add_run(graph, run, temperature)
        shape = (*sides_seen(run), run.image_shape[2])
        model = graph.model(shape, outputs, _metadata(run, temperature))
        lines = _check(run, model)
    path = place / "model.onnx"
    with atomic(path) as temporary:
        temporary.write_bytes(model.SerializeToString())
    save_text(place / "predict_onnx.py", example(run.task.decoding))
    print(
        f"{lines}\n{path} ({path.stat().st_size:,} bytes); use it as {place}/predict_onnx.py does"
    )
    return path


def _metadata(run: StoredRun, temperature: float) -> dict[str, str]:
    card, decoding = run.card, run.task.decoding
    return {
        "run": card.run,
        "seed": str(card.seed),
        "method": card.method,
        "class_names": json.dumps(run.class_names, ensure_ascii=False),
        "image_size": json.dumps(sides_seen(run)),
        "fit": str(decoding.get("fit", "squash")),
        "channel_order": named(run.image_shape[2]),
        "values": "0 to 255",
        "temperature": json.dumps(temperature),
        "images_sha256": run.task.digest,
    }


def _check(run: StoredRun, model: onnx.ModelProto) -> str:
    """Compare the model with the pipeline on validation images; return what was found.

    Raises:
        StudyError: if a score differs by more than `TOLERANCE`.
    """
    images = load_images("validation")
    rows = np.unique(np.linspace(0, len(images) - 1, CHECKED).astype(np.intp))
    pixels = np.asarray(images[rows])
    sides = sides_seen(run)
    seen = np.stack([resize(each, sides) for each in pixels])
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found = np.concatenate(
        [session.run(["scores"], {"pixels": seen[n : n + 20]})[0] for n in range(0, len(rows), 20)]
    )
    difference = float(np.abs(found - scores_in_float32(run, pixels)).max())
    if not difference <= TOLERANCE:
        raise StudyError(
            f"{run.card.run}: found scores that differ by up to {difference:.2g} from those of the "
            f"pipeline on {len(rows)} validation images; expected at most {TOLERANCE:g}. Nothing "
            "was written; this is an error of the project, please report it"
        )
    line = f"on {len(rows)} validation images, scores differ by at most {difference:.1g}"
    if "folds" in run.card.notes:  # the stored predictions are those of the folds' own models
        return line
    ids = load_ids("validation")[rows]
    stored = load_predictions(run.card.run, run.card.seed, "dvc repro")
    places = {each: row for row, each in enumerate(stored.ids["validation"].tolist())}
    kept = stored.scores["validation"][[places[each] for each in ids.tolist()]]
    same = float((kept.argmax(axis=1) == found.argmax(axis=1)).mean())
    if np.abs(kept - found).max() > TOLERANCE:
        line += (
            "; the run was trained and tested with a lower precision, by which its stored scores "
            f"differ by up to {float(np.abs(kept - found).max()):.1g}"
        )
    return f"{line}; {100 * same:.1f}% have the class of the stored predictions"


def main(arguments: list[str]) -> int:
    """Run ``python -m pipeline.commands.export <run>``; see ``--help``."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.commands.export",
        description="Write a stored run as an ONNX model, checked against the pipeline.",
    )
    parser.add_argument("run", help="the run's name in params.yaml")
    parser.add_argument("--folder", default=".", help="the study's folder, such as workspaces/x")
    parser.add_argument("--seed", type=int, help="one of the run's seeds; by default the smallest")
    parser.add_argument("--to", help="a folder for the files; by default exports/<run>")
    given = parser.parse_args(arguments)

    def export() -> int:
        export_run(given.run, given.seed, given.folder, given.to)
        return 0

    return exit_status(export, f"export {given.run}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
