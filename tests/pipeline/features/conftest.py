"""Images that the tests of all extractors share."""

import numpy as np
import pytest
from feature_images import noise, photographs


@pytest.fixture(scope="session")
def photo_patches():
    images = photographs()
    images.setflags(write=False)
    return images


@pytest.fixture(scope="session")
def hard_images(photo_patches):
    """Images with many ties: few levels, grays, ramps, colors of equal luminance."""
    few = noise(20, seed=1) // 64 * 64
    gray = np.repeat(photo_patches[::10, :, :, 1:2], 3, axis=3)
    ramp = np.arange(32)
    ramps = np.stack([3 * (ramp[:, None] + s * ramp[None, :]) % 256 for s in (1, -1, 2)])
    ramps = np.repeat(ramps[..., None], 3, axis=3).astype(np.uint8)
    flat = np.full((2, 32, 32, 3), 200, dtype=np.uint8)
    # These two colors have the same 2125 R + 7154 G + 721 B, but their float64 luminances differ:
    # differences that are zero for integers are noise in float64.
    equal = np.where(noise(20, seed=2)[..., :1] > 127, [186, 161, 139], [214, 142, 245])
    equal[:, :, ::3] = [10, 200, 30]
    return np.concatenate([few, gray, ramps, flat, equal.astype(np.uint8)])
