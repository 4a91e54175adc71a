"""Copies and near-duplicates within one set are joined, through chains; others are not."""

import cv2
import numpy as np
import pytest
from skimage import data

from pipeline.data.own_groups import joined, own_groups


@pytest.fixture(scope="module")
def photos():
    """48 different tiles of 64×64 of a photograph, none of them uniform."""
    photo = data.astronaut()
    tiles = [photo[y : y + 64, x : x + 64] for y in range(0, 448, 64) for x in range(0, 512, 64)]
    # The 24th and the 16th show a flagpole each.
    return np.delete(np.stack([tile for tile in tiles if tile.std() > 20]), 24, axis=0)


def partition(groups):
    return sorted(
        members.tolist()
        for each in np.unique(groups)
        if len(members := np.flatnonzero(groups == each)) > 1
    )


def test_unions_are_transitive():
    pairs = np.array([[0, 3], [3, 5], [1, 2]])
    assert joined(np.arange(6), pairs).tolist() == [0, 1, 1, 0, 4, 0]


def test_copies_lighter_mirrored_and_compressed_ones_are_found(photos):
    lighter = np.clip(photos[3] * 0.7 + 60, 0, 255).astype(np.uint8)
    _, packed = cv2.imencode(".jpg", photos[5], [cv2.IMWRITE_JPEG_QUALITY, 70])
    images = np.stack([*photos, photos[3], lighter, photos[4][:, ::-1], cv2.imdecode(packed, 1)])
    n = len(photos)
    found = own_groups(images)
    assert partition(found.groups) == [[3, n, n + 1], [4, n + 2], [5, n + 3]]
    assert (found.copies, found.tells) == (1, True)
    assert partition(own_groups(photos).groups) == []


def test_a_burst_is_one_group_however_long(photos):
    rng = np.random.default_rng(0)
    burst = [np.clip(photos[7] + rng.normal(0, 4, photos[7].shape), 0, 255) for _ in range(14)]
    images = np.concatenate([photos, np.array(burst, dtype=np.uint8)])
    (group,) = partition(own_groups(images).groups)
    assert group == [7, *range(len(photos), len(images))]


def test_where_all_images_are_alike_only_copies_are_joined():
    rng = np.random.default_rng(0)
    ramp = np.indices((32, 32)).sum(axis=0)[..., None] % 16 * 16.0
    images = np.clip(ramp + rng.normal(0, 3, (40, 32, 32, 3)), 0, 255).astype(np.uint8)
    images[9] = images[2]
    found = own_groups(images)
    assert not found.tells
    assert partition(found.groups) == [[2, 9]]


def test_a_single_image_and_flat_ones():
    assert own_groups(np.zeros((1, 20, 20, 3), np.uint8)).groups.tolist() == [0]
    flat = np.zeros((3, 20, 20, 3), np.uint8)
    flat[2] = 9
    assert own_groups(flat).groups.tolist() == [0, 0, 2]
