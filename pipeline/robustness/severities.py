"""How strong each corruption is: the constants that CIFAR-10-C was made with.

They come from ``make_cifar_c.py`` in the repository hendrycks/robustness, the code of Hendrycks and
Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR
2019. They were chosen for images of 32 pixels. For other sizes, lengths are multiplied by the
shorter side over 32 and the rest stays; the paper's own ImageNet constants differ from that.

This module imports nothing that takes time, so that names can be checked quickly.
"""

from __future__ import annotations

from typing import Any

from pipeline.checks import StudyError

LEVELS = (1, 2, 3, 4, 5)

CONSTANTS: dict[str, tuple[Any, Any, Any, Any, Any]] = {
    "gaussian_noise": (0.04, 0.06, 0.08, 0.09, 0.10),
    "shot_noise": (500, 250, 100, 75, 50),
    "impulse_noise": (0.01, 0.02, 0.03, 0.05, 0.07),
    "speckle_noise": (0.06, 0.10, 0.12, 0.16, 0.20),
    "gaussian_blur": (0.4, 0.6, 0.7, 0.8, 1.0),
    "defocus_blur": ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1)),
    "glass_blur": ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
    "motion_blur": ((6, 1.0), (6, 1.5), (6, 2.0), (8, 2.0), (9, 2.5)),
    "zoom_blur": (6, 11, 15, 20, 25),
    "fog": ((0.2, 3.0), (0.5, 3.0), (0.75, 2.5), (1.0, 2.0), (1.5, 1.75)),
    "brightness": (0.05, 0.10, 0.15, 0.20, 0.30),
    "contrast": (0.75, 0.50, 0.40, 0.30, 0.15),
    "saturate": ((0.3, 0.0), (0.1, 0.0), (1.5, 0.0), (2.0, 0.1), (2.5, 0.2)),
    "elastic_transform": (
        (0.00, 0.00, 0.08),
        (0.05, 0.20, 0.07),
        (0.08, 0.06, 0.06),
        (0.10, 0.04, 0.05),
        (0.10, 0.03, 0.03),
    ),
    "pixelate": (0.95, 0.90, 0.85, 0.75, 0.65),
    "jpeg_compression": (80, 65, 58, 50, 40),
}
"""Name -> constants for severities 1 to 5; the function of that name gives their units."""

COLOR_ONLY = {"saturate": "it changes the saturation, and gray images have none"}
"""Corruptions of color images only, and why."""

MISSING = {
    "frost": "it blends in photographs of frost, which no library ships",
    "snow": "its flakes need ImageMagick's motion blur, which the one here does not reproduce",
    "spatter": "its drops need a chain of edge detection and equalization that no library provides",
}
"""Corruptions of CIFAR-10-C that are not implemented here, and why."""


def applicable_corruptions(channels: int) -> tuple[str, ...]:
    """Return the corruptions of images of 1 (gray) or 3 channels, in the order of the report."""
    return tuple(name for name in CONSTANTS if channels != 1 or name not in COLOR_ONLY)


def check_color(name: str, channels: int) -> None:
    """Raise `StudyError` if a corruption changes nothing in images of so many channels."""
    if channels == 1 and name in COLOR_ONLY:
        raise StudyError(
            f"the corruption {name} makes no sense here: {COLOR_ONLY[name]}; expected another one, "
            "or color images. Leave it out"
        )
