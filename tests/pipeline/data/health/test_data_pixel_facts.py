"""Brightness, contrast and sharpness, against what is known of made-up images."""

import cv2
import numpy as np

from pipeline.data.health.pixel_facts import pixel_facts


def test_facts_of_images_whose_values_are_known(rng):
    gray = np.full((16, 16, 3), 128, dtype=np.uint8)
    red = np.zeros((16, 16, 3), dtype=np.uint8)
    red[..., 0] = 255
    halves = np.zeros((16, 16, 3), dtype=np.uint8)
    halves[:8] = 200
    found = pixel_facts(np.stack([gray, red, halves]))
    assert found.brightness.tolist() == [128, 76, 100]  # 0.299 of 255 is red's share of the luma
    assert found.contrast.tolist() == [0, 0, 100]
    assert found.sharpness[0] == found.sharpness[1] == 0 < found.sharpness[2]


def test_blurring_lowers_sharpness(rng):
    sharp = rng.integers(0, 256, (32, 32, 3)).astype(np.uint8)
    found = pixel_facts(np.stack([sharp, cv2.GaussianBlur(sharp, (0, 0), 2)]))
    assert found.sharpness[1] < found.sharpness[0] / 10
