"""The Dalal–Triggs convention of HOG, compared with cv2.HOGDescriptor."""

import cv2
import numpy as np
import pytest
from feature_images import noise, photographs
from skimage.data import astronaut

from pipeline.checks import StudyError
from pipeline.config import registry
from pipeline.features.hog import trilinear_interpolation
from pipeline.features.hog.hog import Spec


def _spec(**options):
    return Spec(convention="dalal_triggs", **options)


def _opencv(images, spec):
    """Return OpenCV's descriptors in the order of `Hog`; the window contains all whole cells."""
    cell, block, bins = spec.cell, spec.block, spec.orientations
    down, across = images.shape[1] // cell, images.shape[2] // cell
    sides = [(across * cell, down * cell), (block * cell,) * 2, (cell,) * 2, (cell,) * 2]
    gamma = spec.transform_sqrt
    descriptor = cv2.HOGDescriptor(*sides, bins, 1, -1, 0, 0.2, gamma, 64, spec.signed)
    code = cv2.COLOR_RGB2GRAY if spec.channel == "gray" else cv2.COLOR_RGB2BGR
    theirs = np.array([descriptor.compute(cv2.cvtColor(image, code)) for image in images])
    blocks = theirs.reshape(len(images), across - block + 1, down - block + 1, block, block, bins)
    return blocks.transpose(0, 2, 1, 4, 3, 5).reshape(len(images), -1)


@pytest.mark.parametrize("channel", ["gray", "strongest"])
@pytest.mark.parametrize("transform_sqrt", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {"cell": 8, "orientations": 9},
        {"cell": 8, "orientations": 18, "signed": True},
        {"cell": 4, "orientations": 9, "signed": True},
        {"cell": 4, "orientations": 18},
        {"cell": 4, "block": 1, "orientations": 4},
        {"cell": 4, "block": 3, "orientations": 7},
        {"cell": 16, "block": 2, "orientations": 36, "signed": True},
    ],
    ids=str,
)
def test_equals_opencv(options, transform_sqrt, channel, photo_patches, hard_images):
    spec = _spec(channel=channel, transform_sqrt=transform_sqrt, **options)
    extractor = spec.build(seed=0)
    for images in (photo_patches[::8], noise(10), noise(5, 36, 48), hard_images[::2]):
        np.testing.assert_allclose(
            extractor.transform(images), _opencv(images, spec), rtol=0, atol=1e-5
        )


@pytest.mark.parametrize("channel", ["gray", "strongest"])
@pytest.mark.parametrize("size", [(33, 50), (43, 37), (64, 32)])
def test_equals_opencv_where_cells_do_not_fill_the_image(size, channel):
    """With noise, since OpenCV treats equal channels differently there, and noise has few."""
    spec = _spec(channel=channel)
    images = np.concatenate([noise(6, *size, seed=3), photographs(*size, limit=2)])
    expected = _opencv(images, spec)
    apart = np.abs(spec.build(seed=0).transform(images) - expected)
    assert apart[:6].max() < 1e-5
    assert np.median(apart.max(axis=1)) < 1e-5
    if channel == "gray":
        assert apart.max() < 1e-5


def test_equals_opencv_on_a_large_image():
    image = astronaut()[None, :300, :408]
    for options in ({}, {"channel": "strongest", "cell": 4, "signed": True}):
        spec = _spec(**options)
        found = spec.build(seed=0).transform(image)
        np.testing.assert_allclose(found, _opencv(image, spec), rtol=0, atol=1e-5)


def test_the_documented_order_is_that_of_opencv(photo_patches):
    image = photo_patches[0]
    blocks = _spec().build(seed=0).transform(image[None]).reshape(3, 3, 2, 2, 9)
    descriptor = cv2.HOGDescriptor((32, 32), (16, 16), (8, 8), (8, 8), 9)
    theirs = descriptor.compute(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    np.testing.assert_allclose(blocks.transpose(1, 0, 3, 2, 4).ravel(), theirs, atol=1e-5)
    assert np.abs(blocks.ravel() - theirs).max() > 0.05  # the order matters


def test_among_equal_channels_blue_votes_before_green():
    """Each channel has a step of the same height in a different direction."""
    image = np.zeros((32, 32, 3), dtype=np.uint8)
    image[:, 16:, 0] = image[16:, :, 1] = 80
    options = {"channel": "strongest", "signed": True, "orientations": 8, "block": 1, "cell": 16}
    for swapped in (image, image[..., [0, 2, 1]], image[..., [2, 1, 0]]):
        spec = _spec(**options)
        images = np.ascontiguousarray(swapped)[None]
        found = spec.build(seed=0).transform(images)
        np.testing.assert_allclose(found, _opencv(images, spec), rtol=0, atol=1e-5)


@pytest.mark.parametrize("n", [1, 63, 65, 129])
@pytest.mark.parametrize("transform_sqrt", [False, True])
def test_batches_do_not_affect_results(n, transform_sqrt, photo_patches):
    assert trilinear_interpolation.BATCH_PIXELS // 1024 == 64
    extractor = _spec(channel="strongest", transform_sqrt=transform_sqrt).build(seed=0)
    alone = np.concatenate([extractor.transform(image[None]) for image in photo_patches[:n]])
    np.testing.assert_allclose(extractor.transform(photo_patches[:n]), alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("block", [2, 3])
def test_centered_descriptors_of_mirror_images_are_mirrored(signed, block, photo_patches):
    options = {"block": block, "orientations": 18, "signed": signed, "channel": "strongest"}
    blocks = 5 - block
    shape = (-1, blocks, blocks, block, block, 18)

    def described(images, centered):
        spec = Spec(convention="dalal_triggs", centered=centered, **options)
        return spec.build(seed=0).transform(images).reshape(shape)

    images = photo_patches[::20]
    flipped = np.ascontiguousarray(images[:, :, ::-1])
    turned = np.roll(np.arange(18)[::-1], 9 if signed else 0)  # 180° minus the orientation
    gaps = [
        np.abs(described(flipped, each)[:, :, ::-1, :, ::-1, turned] - described(images, each))
        for each in (True, False)
    ]
    assert gaps[0].max() < 1e-5
    assert gaps[1].max() > 0.01


def test_flat_images_give_zeros():
    flat = np.full((3, 32, 32, 3), 90, dtype=np.uint8)
    for channel in ("gray", "strongest"):
        assert not _spec(channel=channel).build(seed=0).transform(flat).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"block_norm": "L1"}, "block_norm: L1 with convention: dalal_triggs; expected block_norm"),
        ({"orientations": 1}, "expected orientations: 2 or more"),
        ({"convention": "skimage", "centered": True}, "skimage, which weighs no pixels"),
        ({"convention": "opencv"}, r"features\.x\.convention: found 'opencv'"),
    ],
)
def test_incompatible_options_are_rejected(options, message):
    entry = {"method": "hog", "convention": "dalal_triggs", **options}
    with pytest.raises(StudyError, match=message):
        registry.parse("features", entry, "features.x")
