"""The corruptions by name.

To add one, write a function of a batch, list it here, and put its constants in
`pipeline.robustness.severities`.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError, check_images, check_known
from pipeline.robustness import blur, color, digital, noise
from pipeline.robustness.severities import LEVELS, check_color


class Corruption(Protocol):
    """Corrupts a batch: (n, h, w, 3) or (n, h, w, 1) uint8 in, the same shape out.

    The input is unchanged.
    """

    def __call__(
        self, images: NDArray[np.uint8], severity: int, ids: NDArray[np.integer], seed: int
    ) -> NDArray[np.uint8]:
        """Corrupt each image, depending on its id and the seed, but not on its batch."""


CORRUPTIONS: dict[str, Corruption] = {
    "gaussian_noise": noise.gaussian_noise,
    "shot_noise": noise.shot_noise,
    "impulse_noise": noise.impulse_noise,
    "speckle_noise": noise.speckle_noise,
    "gaussian_blur": blur.gaussian_blur,
    "defocus_blur": blur.defocus_blur,
    "glass_blur": blur.glass_blur,
    "motion_blur": blur.motion_blur,
    "zoom_blur": blur.zoom_blur,
    "fog": color.fog,
    "brightness": color.brightness,
    "contrast": color.contrast,
    "saturate": color.saturate,
    "elastic_transform": digital.elastic_transform,
    "pixelate": digital.pixelate,
    "jpeg_compression": digital.jpeg_compression,
}
"""In the order of the report."""


def corrupt(
    name: str, images: NDArray[np.uint8], severity: int, ids: NDArray[np.integer], seed: int
) -> NDArray[np.uint8]:
    """Check a batch and corrupt it.

    Args:
        name: one of `CORRUPTIONS`.
        images: (n, h, w, 3) uint8 RGB, or (n, h, w, 1) in gray; may be memory-mapped.
        severity: from 1 to 5.
        ids: (n,) ids of the images; they seed the random draws together with `seed`.
        seed: the study's seed.

    Returns:
        An array like `images`.

    Raises:
        StudyError: if there is no such corruption or severity, if it is one of colors and the
            images are gray, if `images` are not images, or if the number of ids is wrong.
    """
    check_known(name, list(CORRUPTIONS), "corruption")
    check_images(images)
    check_color(name, images.shape[3])
    if severity not in LEVELS:
        raise StudyError(f"found severity {severity}; expected one of 1, 2, 3, 4, 5")
    if len(ids) != len(images):
        raise StudyError(f"found {len(ids)} ids for {len(images)} images; expected one per image")
    return CORRUPTIONS[name](np.ascontiguousarray(images), severity, ids, seed)
