"""How fast this machine is at what a study spends its time on: measured, in seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from pipeline.keras_backend import load_keras

PROBE_IMAGES, PROBE_SIDE = 32, 128
GEMM_SIDE = 1024


@dataclass(frozen=True)
class Speeds:
    """Rates of this machine, with all of its cores."""

    base_pixel: float
    """Seconds that the frozen base network takes per input pixel (one image of side s has s²)."""
    flops: float
    """Floating-point operations per second of a matrix product in float32."""


def measure() -> Speeds:
    """Time the pretrained base network and a matrix product; takes some seconds."""
    return Speeds(base_pixel=_base_pixel(), flops=_flops())


def _base_pixel() -> float:
    load_keras()  # before any other import of Keras
    from pipeline.features.pretrained import Spec

    images = np.zeros((PROBE_IMAGES, PROBE_SIDE, PROBE_SIDE, 3), dtype=np.uint8)
    spec = Spec(method="pretrained", base="efficientnet_lite0", image_size=PROBE_SIDE)
    extractor = spec.build(0).fit(images)
    seconds = []
    for _ in range(3):  # the first call compiles
        start = time.perf_counter()
        extractor.transform(images)
        seconds.append(time.perf_counter() - start)
    return min(seconds) / images[..., 0].size


def _flops() -> float:
    matrix = np.ones((GEMM_SIDE, GEMM_SIDE), dtype=np.float32)
    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        matrix @ matrix
        seconds.append(time.perf_counter() - start)
    return float(2 * GEMM_SIDE**3 / min(seconds))
