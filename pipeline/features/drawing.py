"""Pictures of what extractors keep of an image.

A method that can be drawn has a second module beside its own, ``hog_drawing`` beside ``hog``, with

* ``picture(extractor, image)``: what it keeps of an image, (height, width, 3) uint8 in RGB order,
  or (height, width, 1) in gray;
  the picture is (h, w, 3) uint8 in RGB order, both sides from 128 to 512 pixels;
* ``learned_picture(extractor)``: what `fit` has learned, such as a dictionary; the picture is
  (h, w, 3) uint8 in RGB order, at most 1,024 pixels wide.

Either may be missing. Extractors do not import drawings, so that an edit to a drawing does not
recompute features.
"""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.features.resized import Resized
from pipeline.features.spec import Extractor

COMPUTED_IMPORTS = ("{features}", "{features}_drawing")
"""The methods of the extractors, and their drawings; see `pipeline.fingerprints`."""


def picture(extractor: Extractor, image: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Draw what an extractor keeps of an image; None if that cannot be drawn."""
    if isinstance(extractor, Resized):
        return picture(extractor.extractor, extractor.seen(image[None])[0])
    draw: Any = getattr(_drawing(extractor), "picture", None)
    return None if draw is None else draw(extractor, image)


def learned_picture(extractor: Extractor) -> NDArray[np.uint8] | None:
    """Draw what a fitted extractor has learned; None if there is nothing to show."""
    if isinstance(extractor, Resized):
        return learned_picture(extractor.extractor)
    draw: Any = getattr(_drawing(extractor), "learned_picture", None)
    return None if draw is None else draw(extractor)


def _drawing(extractor: Extractor) -> ModuleType | None:
    """Return the module that draws a method; None if there is none."""
    name = f"{type(extractor).__module__}_drawing"
    return importlib.import_module(name) if importlib.util.find_spec(name) else None
