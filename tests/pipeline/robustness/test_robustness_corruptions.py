"""Each corruption meets its contract, and equals another implementation or its formula."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage.color import hsv2rgb, rgb2hsv
from skimage.filters import gaussian

from pipeline.channels import as_rgb
from pipeline.checks import StudyError
from pipeline.robustness import blur, digital
from pipeline.robustness.color import plasma
from pipeline.robustness.corruptions import CORRUPTIONS, corrupt
from pipeline.robustness.draws import draw
from pipeline.robustness.severities import (
    COLOR_ONLY,
    CONSTANTS,
    LEVELS,
    MISSING,
    applicable_corruptions,
)

RANDOM = {
    "gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise", "glass_blur", "motion_blur",
    "fog", "elastic_transform",
}  # fmt: skip
NOT_RISING = {"saturate", "glass_blur", "elastic_transform"}
"""By the published constants, the effects of these do not simply increase."""


def made_up(n: int = 12, height: int = 32, width: int = 32) -> np.ndarray:
    """Return smooth colors with some edges: (n, height, width, 3) uint8 RGB."""
    rng = np.random.default_rng(5)
    noise = ndimage.gaussian_filter(rng.normal(size=(n, height, width, 3)), (0, 2, 2, 0))
    values = 0.5 + 1.2 * noise
    for image in values:
        top, left = rng.integers(0, height // 2), rng.integers(0, width // 2)
        image[top : top + height // 2, left:] += rng.uniform(-0.3, 0.3, 3)
    return (np.clip(values, 0, 1) * 255).astype(np.uint8)


IMAGES = made_up()
IDS = np.arange(700, 712)


def intensities(images=IMAGES):
    return images / 255.0


def levels(values):
    return np.rint(np.clip(values, 0, 1) * 255)


def close(found, expected, tolerance=1) -> bool:
    return np.abs(found.astype(float) - levels(expected)).max() <= tolerance


# --- contract -------------------------------------------------------------------------------------


def test_all_published_corruptions_are_implemented_or_listed_as_missing():
    assert list(CORRUPTIONS) == list(CONSTANTS)
    assert len({*CONSTANTS, *MISSING}) == len(CONSTANTS) + len(MISSING) == 19
    assert all(MISSING.values())


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_shape_type_and_untouched_input(name):
    images = IMAGES.copy()
    images.flags.writeable = False  # like a memory-mapped array
    for severity in LEVELS:
        found = corrupt(name, images, severity, IDS, 0)
        assert (found.shape, found.dtype) == (images.shape, np.uint8)
        again = corrupt(name, images, severity, IDS, 0)
        np.testing.assert_array_equal(found, again)
    assert (images == IMAGES).all()
    assert (found != images).mean() > 0.05


@pytest.mark.parametrize("name", applicable_corruptions(1))
def test_gray_images_keep_one_channel_and_are_corrupted_as_colors_are(name):
    gray = np.ascontiguousarray(IMAGES[..., 1:2])
    found = corrupt(name, gray, 4, IDS, 0)
    assert (found.shape, found.dtype) == (gray.shape, np.uint8)
    assert (found != gray).mean() > 0.05
    if name.endswith("_noise"):  # each channel has its own
        return
    colors = corrupt(name, as_rgb(gray), 4, IDS, 0)[..., :1]
    difference = np.abs(found.astype(int) - colors)
    assert difference.max() <= (8 if name == "jpeg_compression" else 1), name


def test_saturation_is_not_changed_where_there_is_none():
    assert set(CORRUPTIONS) - set(applicable_corruptions(1)) == set(COLOR_ONLY) == {"saturate"}
    assert applicable_corruptions(3) == tuple(CORRUPTIONS)
    with pytest.raises(StudyError, match=r"saturate makes no sense here: .* gray images have none"):
        corrupt("saturate", IMAGES[..., :1], 1, IDS, 0)


@pytest.mark.parametrize("name", sorted(set(CORRUPTIONS) - NOT_RISING))
def test_higher_severities_are_stronger(name):
    errors = [
        ((corrupt(name, IMAGES, severity, IDS, 0).astype(float) - IMAGES) ** 2).mean()
        for severity in LEVELS
    ]
    assert errors[0] > 0
    assert (np.diff(errors) > -0.02 * errors[0]).all(), errors
    assert errors[4] > 1.5 * errors[0]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corruption_does_not_depend_on_the_batch(name):
    whole = corrupt(name, IMAGES, 4, IDS, 3)
    turned = corrupt(name, IMAGES[::-1], 4, IDS[::-1], 3)[::-1]
    np.testing.assert_array_equal(whole, turned)
    np.testing.assert_array_equal(whole[7:8], corrupt(name, IMAGES[7:8], 4, IDS[7:8], 3))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_randomness_depends_only_on_id_and_seed(name):
    same = np.repeat(IMAGES[:1], 3, axis=0)
    found = corrupt(name, same, 3, np.array([1, 2, 1]), 0)
    assert (found[0] == found[2]).all()
    assert (found[0] != found[1]).any() == (name in RANDOM)
    other = corrupt(name, same, 3, np.array([1, 2, 1]), 1)
    assert (found != other).any() == (name in RANDOM)


@pytest.mark.parametrize("size", [(8, 8), (48, 40), (5, 9), (64, 64)])
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_other_sizes(name, size):
    images = made_up(2, *size)
    for severity in (1, 5):
        assert corrupt(name, images, severity, IDS[:2], 0).shape == images.shape


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize("name", sorted(set(CORRUPTIONS) - RANDOM - {"brightness", "contrast"}))
def test_uniform_gray_is_unchanged(name, value):
    images = np.full((2, 32, 32, 3), value, dtype=np.uint8)
    for severity in (1, 2) if name == "saturate" else LEVELS:
        found = corrupt(name, images, severity, IDS[:2], 0).astype(int)
        assert np.abs(found - images).max() <= (2 if name == "jpeg_compression" else 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "gausian_noise"}, "did you mean 'gaussian_noise'"),
        ({"name": "frost"}, "unknown corruption 'frost'"),
        ({"severity": 0}, "found severity 0; expected one of 1"),
        ({"severity": 6}, "found severity 6"),
        ({"ids": IDS[:-1]}, "found 11 ids for 12 images"),
        ({"images": IMAGES[..., 0]}, "expected .n, height, width, 3. uint8"),
        ({"images": IMAGES.astype(float)}, "float64"),
    ],
)
def test_wrong_inputs_are_rejected(change, message):
    given = {"name": "contrast", "images": IMAGES, "severity": 1, "ids": IDS, "seed": 0}
    with pytest.raises(StudyError, match=message):
        corrupt(**given | change)


# --- noise: moments on uniform gray ---------------------------------------------------------------

GRAY = np.full((8, 32, 32, 3), 128, dtype=np.uint8)
HALF = 128 / 255


@pytest.mark.parametrize(
    ("name", "deviation"),
    [
        ("gaussian_noise", lambda c: c),
        ("speckle_noise", lambda c: HALF * c),
        ("shot_noise", lambda c: np.sqrt(HALF / c)),
    ],
)
@pytest.mark.parametrize("severity", LEVELS)
def test_deviation_of_noise(name, deviation, severity):
    found = corrupt(name, GRAY, severity, np.arange(8), 0) / 255.0 - HALF
    expected = deviation(CONSTANTS[name][severity - 1])
    # 24,576 values: the standard error of a deviation is 0.5%; rounding adds (1/255)²/12.
    assert found.std() == pytest.approx(np.hypot(expected, 1 / 255 / np.sqrt(12)), rel=0.03)
    assert abs(found.mean()) < 5 * expected / np.sqrt(found.size)
    center = found[:, :, :, 0] - found[:, :, :, 0].mean()
    neighbors = (center[:, :, 1:] * center[:, :, :-1]).mean() / center.var()
    assert abs(neighbors) < 0.06, "noise of neighbors is independent"


@pytest.mark.parametrize("severity", LEVELS)
def test_share_of_impulses(severity):
    found = corrupt("impulse_noise", GRAY, severity, np.arange(8), 0)
    share = CONSTANTS["impulse_noise"][severity - 1]
    assert set(np.unique(found)) == {0, 128, 255}
    assert (found != 128).mean() == pytest.approx(share, rel=0.15)
    assert (found == 255).mean() == pytest.approx(share / 2, rel=0.25)


# --- color ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("severity", LEVELS)
def test_brightness_and_saturation_equal_skimage(severity):
    hsv = rgb2hsv(intensities())
    hsv[..., 2] = np.minimum(hsv[..., 2] + CONSTANTS["brightness"][severity - 1], 1)
    assert close(corrupt("brightness", IMAGES, severity, IDS, 0), hsv2rgb(hsv))
    factor, more = CONSTANTS["saturate"][severity - 1]
    hsv = rgb2hsv(intensities())
    hsv[..., 1] = np.clip(hsv[..., 1] * factor + more, 0, 1)
    assert close(corrupt("saturate", IMAGES, severity, IDS, 0), hsv2rgb(hsv))


def test_brightness_of_one_pixel_by_hand():
    pixel = np.array([[[[100, 50, 0]]]], dtype=np.uint8)
    # value 100/255 + 0.2 = 151/255; hue and saturation stay, so all channels grow by 1.51
    assert corrupt("brightness", pixel, 4, IDS[:1], 0).ravel().tolist() == [151, 76, 0]


def test_contrast_of_two_pixels_by_hand():
    pixels = np.array([[[[100, 0, 8], [200, 40, 8]]]], dtype=np.uint8)
    found = corrupt("contrast", pixels, 2, IDS[:1], 0)  # halfway to 150, 20, 8
    assert found.ravel().tolist() == [125, 10, 8, 175, 30, 8]


def test_plasma_equals_a_loop(rng):
    side, decay = 8, 1.75
    wobble = rng.uniform(-1, 1, (2, side * side))
    found = plasma(wobble, side, decay)
    for numbers, result in zip(wobble, found, strict=True):
        expected = _plasma_slowly(list(numbers), side, decay)
        np.testing.assert_allclose(result, expected, atol=1e-12)
    assert found.min(axis=(1, 2)).tolist() == [0, 0]
    assert found.max(axis=(1, 2)).tolist() == [1, 1]


def _plasma_slowly(numbers, side, decay):
    """Point by point: squares, then diamonds across, then diamonds down."""
    at, root, step = np.zeros((side, side)), 100.0, side
    while step >= 2:
        half = step // 2
        cells = [(y, x) for y in range(0, side, step) for x in range(0, side, step)]
        for (y, x), corners in (
            (start, offsets)
            for start, offsets in (
                ((half, half), ((0, 0), (0, step), (step, 0), (step, step))),
                ((0, half), ((0, 0), (0, step), (half, half), (-half, half))),
                ((half, 0), ((0, 0), (step, 0), (half, half), (half, -half))),
            )
        ):
            for top, left in cells:
                around = [at[(top + dy) % side, (left + dx) % side] for dy, dx in corners]
                at[top + y, left + x] = sum(around) / 4 + root**2 * numbers.pop(0)
        step, root = half, root / decay
    at -= at.min()
    return at / at.max()


def test_fog_covers_the_image_and_keeps_the_brightest_value():
    found = corrupt("fog", IMAGES, 5, IDS, 0)
    assert (found.max(axis=(1, 2, 3)) <= IMAGES.max(axis=(1, 2, 3))).all()
    assert found.std() < 0.8 * IMAGES.std()
    black = corrupt("fog", np.zeros_like(IMAGES), 5, IDS, 0)
    assert (black == 0).all()


# --- blur -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("severity", LEVELS)
def test_gaussian_blur_equals_skimage(severity):
    sigma = CONSTANTS["gaussian_blur"][severity - 1]
    expected = [gaussian(image, sigma=sigma, channel_axis=-1) for image in intensities()]
    assert close(corrupt("gaussian_blur", IMAGES, severity, IDS, 0), np.stack(expected))


def test_lengths_grow_with_the_side():
    images = made_up(2, 64, 96)
    expected = [gaussian(image, sigma=2, channel_axis=-1) for image in intensities(images)]
    assert close(corrupt("gaussian_blur", images, 5, IDS[:2], 0), np.stack(expected))
    assert np.count_nonzero(blur.disk(1.5, 0.1, 2) > 1e-6) == 29  # pixels within 3 of the center


def test_disks():
    small = blur.disk(0.5, 0.6, 1)
    side = np.exp(-1 / (2 * 0.6**2))
    line = np.array([side, 1, side]) / (1 + 2 * side)
    np.testing.assert_allclose(small[7:10, 7:10], np.outer(line, line), rtol=1e-4)
    cross = blur.disk(1, 0.2, 1)
    assert cross.sum() == pytest.approx(1, rel=1e-5)
    np.testing.assert_allclose(cross[8, 7:10], 1 / 5, rtol=1e-3)
    assert cross[7, 7] < 1e-3
    np.testing.assert_allclose(blur.disk(1.5, 0.1, 1)[7:10, 7:10], 1 / 9, rtol=1e-3)


def test_motion_goes_one_way_along_a_line():
    kernel = blur.line(6, 1.5, 0)
    assert kernel.shape == (25, 25)
    assert kernel.sum() == pytest.approx(1)
    assert np.count_nonzero(kernel[:12]) == np.count_nonzero(kernel[:, :12]) == 0
    assert kernel[12, 13] / kernel[12, 12] == pytest.approx(np.exp(-1 / 4.5), rel=1e-5)
    slanted = blur.line(6, 1.5, 45)
    assert np.count_nonzero(np.fliplr(slanted).diagonal()) == np.count_nonzero(slanted)
    assert slanted.sum() == pytest.approx(1)


@pytest.mark.parametrize("severity", [1, 2, 5])
@pytest.mark.parametrize("size", [(32, 32), (24, 40)])
def test_zoom_blur_equals_scipy(severity, size):
    images = made_up(2, *size)
    last = CONSTANTS["zoom_blur"][severity - 1]
    expected = []
    for image in intensities(images):
        total = image.copy()
        for factor in 1 + np.arange(last + 1) / 100:
            kept = [int(np.ceil(side / factor)) for side in size]
            top, left = ((side - part) // 2 for side, part in zip(size, kept, strict=True))
            part = image[top : top + kept[0], left : left + kept[1]]
            large = ndimage.zoom(part, (factor, factor, 1), order=1)
            top, left = ((a - b) // 2 for a, b in zip(large.shape, size, strict=False))
            total += large[top : top + size[0], left : left + size[1]]
        expected.append(total / (last + 2))
    assert close(corrupt("zoom_blur", images, severity, IDS[:2], 0), np.stack(expected))


def test_zoom_factors_are_the_published_ones():
    ranges = [np.arange(1, end, 0.01) for end in (1.06, 1.11, 1.16, 1.21, 1.26)]
    assert [len(factors) - 1 for factors in ranges] == list(CONSTANTS["zoom_blur"])


def test_glass_blur_equals_a_loop():
    found = corrupt("glass_blur", IMAGES[:1], 5, IDS[:1], 0)
    moves = draw(IDS[:1], 0, "glass_blur", lambda r: r.integers(-1, 1, (2, 32, 32, 2), np.int8))
    image = np.rint(gaussian(intensities()[0], sigma=0.4, channel_axis=-1) * 255)
    for turn in range(2):
        for y in range(31, 1, -1):
            for x in range(31, 1, -1):
                dy, dx = moves[0, turn, y, x]
                image[y, x] = image[y + dy, x + dx].copy()
    expected = gaussian(image / 255, sigma=0.4, channel_axis=-1)
    assert close(found[0], expected)


# --- digital --------------------------------------------------------------------------------------


@pytest.mark.parametrize("severity", LEVELS)
def test_jpeg_read_by_opencv(severity):
    found = corrupt("jpeg_compression", IMAGES, severity, IDS, 0)
    for image, corrupted in zip(IMAGES, found, strict=True):
        stored = io.BytesIO()
        quality = CONSTANTS["jpeg_compression"][severity - 1]
        Image.fromarray(image).save(stored, format="JPEG", quality=quality)
        read = cv2.imdecode(np.frombuffer(stored.getvalue(), np.uint8), cv2.IMREAD_COLOR)
        assert np.abs(read[..., ::-1].astype(int) - corrupted).max() <= 3  # BGR to RGB


@pytest.mark.parametrize(("severity", "small"), [(1, 30), (2, 28), (3, 27), (4, 24), (5, 20)])
def test_pixels_are_means_of_boxes(severity, small):
    # Pillow's box filter averages the whole pixels whose centers lie in the box.
    edges = np.arange(small + 1) * 32 / small
    box = np.clip(np.ceil((np.arange(32) + 0.5) * small / 32).astype(int) - 1, 0, small - 1)
    assert (edges[box] < np.arange(32) + 0.5).all()
    means = np.stack([(box == k) / (box == k).sum() for k in range(small)])
    nearest = means[((np.arange(32) + 0.5) * small / 32).astype(int)]
    expected = np.einsum("ab,nbcd,ec->naed", nearest, intensities(), nearest)
    assert close(corrupt("pixelate", IMAGES, severity, IDS, 0), expected)


def test_equal_moves_of_the_corners_shift_the_image():
    image = intensities()[0].astype(np.float32)
    shifted = digital._bend(image, np.tile([3.0, -2.0], (3, 1)))  # right and up
    np.testing.assert_allclose(shifted[:-2, 3:], image[2:, :-3], atol=1e-4)


def test_elastic_moves_stay_within_their_bounds():
    """A ramp shows where pixels came from; the fourth corner can move by all three moves."""
    ramp = np.tile(np.arange(32, dtype=np.uint8)[:, None] * 8, (1, 1, 32, 3)).reshape(1, 32, 32, 3)
    ramp = np.repeat(ramp, 40, axis=0)
    for severity in (1, 5):
        found = corrupt("elastic_transform", ramp, severity, np.arange(40), 0)[:, 11:22, 11:22]
        moved = np.abs(found.astype(float) - ramp[:, 11:22, 11:22]) / 8
        far, _, bend = CONSTANTS["elastic_transform"][severity - 1]
        assert moved.max() <= 32 * (far + 3 * bend)
        assert moved.max() > 32 * 0.4 * (far + bend)
