"""What `prepare` says of images of a person's own, on the terminal and in the dataset's card."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from pipeline.storage.splits import load_dataset_card
from stages import fetch, prepare


def png(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.tried(
    "Own images",
    "40 JPEG files among 400 images without a suffix, with text, a damaged image and small classes",
    "440 images are used; all that is left out is reported on the terminal and in the card",
)
def test_all_that_is_left_out_is_reported(study_folder, capsys, rng):
    stream = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (48, 60, 3), np.uint8)).save(stream, "JPEG")
    files = {
        f"{name}/{n}{'.jpg' if n < 20 else ''}": stream.getvalue()
        for name in ("ant", "bee")
        for n in range(220)
    }
    files |= {f"{name}/{n}.png": png(rng.integers(0, 4096, (48, 48), np.uint16))
              for name in ("ant", "bee") for n in (500, 501)}  # fmt: skip
    files |= {"rare/1.jpg": stream.getvalue(), "bee/half.jpg": stream.getvalue()[:300]}
    files |= {"notes.txt": b"hello", "ant/labels": b"hello", ".hidden": b""}
    for name, content in files.items():
        path = Path("data/incoming/mine") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    options = {"unreadable": 1, "min_per_class": 3, "value_range": [0, 4095], "size": 16}
    dataset = {"name": "image_folder", "path": "data/incoming/mine", **options}
    Path("params.yaml").write_text(yaml.safe_dump({"seed": 0, "dataset": dataset}))
    fetch.main()
    prepare.main()
    card = load_dataset_card()
    assert sum(card.sizes.values()) == 444
    assert card.class_names == ("ant", "bee")
    assert card.original_sides == {"smallest": 48, "median": 48, "largest": 48}
    assert {each["what"]: each["count"] for each in card.left_out} == {
        "text files": 2,
        "hidden or system file": 1,
        "class with fewer than 3 images": 1,
    }
    reported = capsys.readouterr().out
    for line in (
        "left out: 2 text files (ant/labels, notes.txt), 1 hidden or system file (.hidden), "
        "1 class with fewer than 3 images (rare)",
        "left out because unreadable: bee/half.jpg (",
        "4 images of 16-bit gray with values from 0 to 4,09",
        "shorter side of the originals: 48 to 48 pixels (median 48); stored as 16 x 16",
    ):
        assert line in reported
