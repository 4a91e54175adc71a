"""The program beside an exported model that shows how to use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_FITS = {
    "squash": "image.resize(size, smooth)",
    "crop": "ImageOps.fit(image, size, smooth)",
    "pad": "ImageOps.pad(image, size, smooth, color={fill})",
}
"""Pillow's counterpart of each `fit` of the dataset."""
_GRAY = 128

_DESKEW = "  # undo the slant here, as pipeline/data/reading/deskew.py does"
"""What an example for deskewed digits says; OpenCV would be needed for it."""

_PROGRAM = '''\
"""Classes of images: python predict_onnx.py a.jpg b.png; with onnxruntime, Pillow and NumPy."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession(str(Path(__file__).with_name("model.onnx")))
about = session.get_modelmeta().custom_metadata_map
names, size = json.loads(about["class_names"]), json.loads(about["image_size"])[::-1]
for path in sys.argv[1:]:
    image = ImageOps.exif_transpose(Image.open(path)).convert("{mode}")
    smooth = Image.Resampling.BOX if min(image.size) > min(size) else Image.Resampling.BILINEAR
    pixels = np.asarray({fitted}){axis}  # the pipeline averages over areas: nearly the same
    scores, shares = session.run(["scores", "probabilities"], {{"pixels": pixels[None]}})
    best = int(scores[0].argmax())
    print(f"{{path}}: {{names[best]}} ({{shares[0, best]:.1%}})")
'''


def example(decoding: Mapping[str, Any]) -> str:
    """Return the source of ``predict_onnx.py`` for a study whose images are read like this.

    Args:
        decoding: that of `pipeline.storage.splits.Task`.
    """
    fitted = _FITS[decoding.get("fit", "squash")]
    fill = decoding.get("fill", _GRAY)
    if decoding.get("channels") == "gray":
        made = _PROGRAM.format(fitted=fitted.format(fill=fill), mode="L", axis="[..., None]")
        return made.replace("  # the", _DESKEW + "  # the") if decoding.get("deskew") else made
    return _PROGRAM.format(fitted=fitted.format(fill=(fill, fill, fill)), mode="RGB", axis="")
