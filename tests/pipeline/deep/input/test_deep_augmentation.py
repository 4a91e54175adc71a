"""Augmentation: exact comparison with a loop over images, and the distribution of draws."""

import keras
import numpy as np
import pytest

from pipeline.deep.input.augmentation import augment, draw
from pipeline.deep.options import AugmentationOptions

FILL = np.array([11.0, 22.0, 33.0], np.float32)
CASES = [
    {"flip": True},
    {"crop": 3},
    {"shift": 0.3},
    {"cutout": 4},
    {"cutout": 5},
    {"crop": 3, "border": "reflect"},
    {"crop": 9, "border": "reflect"},
    {"crop": 3, "border": "edge"},
    {"flip": True, "crop": 2, "cutout": 3},
    {"flip": "alternating", "crop": 2, "border": "reflect"},
    {"flip": True, "shift": 0.5, "cutout": 6},
]


def images_of(n, height=10, width=12, seed=0):
    return np.random.default_rng(seed).integers(1, 256, (n, height, width, 3)).astype(np.uint8)


def by_loop(images, draws, options):
    """Flip, pad, crop at the offset and paint the square, image by image."""
    results = []
    for i, image in enumerate(images):
        height, width = image.shape[:2]
        found = image[:, ::-1] if draws.get("flip", np.zeros(len(images), bool))[i] else image
        if "offset" in draws:
            row, column = draws["offset"][i]
            pad = max(height, width)
            pad = options.crop or pad
            mode = {"black": "constant"}.get(options.border, options.border)
            mode = mode if options.crop else "edge"
            padded = np.pad(found, ((pad, pad), (pad, pad), (0, 0)), mode)
            found = padded[pad + row : pad + row + height, pad + column : pad + column + width]
        found = found.astype(np.float32)
        if "center" in draws:
            row, column = draws["center"][i] - options.cutout // 2
            rows = slice(max(row, 0), max(row + options.cutout, 0))
            found[rows, max(column, 0) : max(column + options.cutout, 0)] = FILL
        results.append(found)
    return np.array(results)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_equals_a_loop_over_images(case, dtype):
    images, options = images_of(64), AugmentationOptions(**case)
    draws = draw(options, 64, images.shape[1:], seed=1, epoch=2)
    found = augment(images, draws, options, FILL, dtype)
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    found = keras.ops.convert_to_numpy(keras.ops.cast(found, "float32"))
    np.testing.assert_array_equal(found, by_loop(images, draws, options))


def test_values_of_a_small_image_by_hand():
    image = np.arange(1, 10, dtype=np.uint8).reshape(1, 3, 3, 1)
    crop = AugmentationOptions(crop=1)
    moved = augment(image, {"offset": np.array([[1, -1]], np.int32)}, crop)
    assert np.array(moved)[0, ..., 0].tolist() == [[0, 4, 5], [0, 7, 8], [0, 0, 0]]
    shift = AugmentationOptions(shift=0.4)
    moved = augment(image, {"offset": np.array([[1, -1]], np.int32)}, shift)
    assert np.array(moved)[0, ..., 0].tolist() == [[4, 4, 5], [7, 7, 8], [7, 7, 8]]
    mirrored = augment(image, {"flip": np.array([True])}, AugmentationOptions(flip=True))
    assert np.array(mirrored)[0, ..., 0].tolist() == [[3, 2, 1], [6, 5, 4], [9, 8, 7]]


@pytest.mark.parametrize("jit", [False, True])
def test_compiled_results_are_equal(jit):
    options = AugmentationOptions(flip=True, crop=2, cutout=3)
    images = images_of(32)
    draws = draw(options, 32, images.shape[1:], seed=0, epoch=0)
    given = {
        name: keras.Input(values.shape[1:], dtype=str(values.dtype), name=name)
        for name, values in {"images": images, **draws}.items()
    }

    class Layer(keras.layers.Layer):
        def call(self, batch):
            return augment(batch["images"], {name: batch[name] for name in draws}, options, FILL)

        def compute_output_spec(self, batch):
            return keras.KerasTensor(batch["images"].shape, "float32")

    model = keras.Model(given, Layer()(given))
    model.compile(jit_compile=jit)
    found = model.predict({"images": images, **draws}, batch_size=16, verbose=0)
    np.testing.assert_array_equal(found, by_loop(images, draws, options))


def test_draws_are_uniform_over_their_range():
    options = AugmentationOptions(flip=True, crop=3, cutout=4)
    draws = draw(options, 20_000, (8, 6, 3), seed=0, epoch=0)
    assert abs(draws["flip"].mean() - 0.5) < 0.02
    for column in range(2):
        values, counts = np.unique(draws["offset"][:, column], return_counts=True)
        assert values.tolist() == list(range(-3, 4))
        assert np.abs(counts / 20_000 - 1 / 7).max() < 0.01
        values = np.unique(draws["center"][:, column])
        assert values.tolist() == list(range((8, 6)[column]))
    numbers = [draws["flip"], *draws["offset"].T, *draws["center"].T]
    off_diagonal = np.corrcoef(numbers) - np.eye(5)
    assert np.abs(off_diagonal).max() < 0.03


def test_alternating_flips():
    """The first flip of each image is random; from then on it is flipped in every other epoch."""
    options = AugmentationOptions(flip="alternating")
    flips = [draw(options, 5000, (8, 8, 3), seed=0, epoch=epoch)["flip"] for epoch in range(1, 5)]
    assert abs(flips[0].mean() - 0.5) < 0.03
    np.testing.assert_array_equal(flips[1], ~flips[0])
    np.testing.assert_array_equal(flips[2], flips[0])
    np.testing.assert_array_equal(flips[3], flips[1])
    other = draw(options, 5000, (8, 8, 3), seed=1, epoch=1)["flip"]
    assert abs((other == flips[0]).mean() - 0.5) < 0.03


def test_a_border_without_a_crop_is_rejected():
    with pytest.raises(ValueError, match="found border: reflect without crop"):
        AugmentationOptions(border="reflect")


def test_shift_is_a_rounded_fraction_of_each_side():
    offsets = draw(AugmentationOptions(shift=0.125), 4000, (32, 20, 3), seed=0, epoch=0)["offset"]
    assert np.abs(offsets).max(axis=0).tolist() == [4, 2]
    assert offsets.dtype == np.int32


def test_draws_depend_on_seed_and_epoch_and_are_independent():
    both = AugmentationOptions(flip=True, crop=2)
    one, again = (draw(both, 50, (8, 8, 3), seed=3, epoch=4) for _ in range(2))
    assert all(np.array_equal(one[name], again[name]) for name in one)
    flip_alone = draw(AugmentationOptions(flip=True), 50, (8, 8, 3), seed=3, epoch=4)
    assert flip_alone.keys() == {"flip"}
    assert np.array_equal(flip_alone["flip"], one["flip"])
    for other in ({"seed": 4, "epoch": 4}, {"seed": 3, "epoch": 5}):
        assert not np.array_equal(draw(both, 50, (8, 8, 3), **other)["offset"], one["offset"])
    assert draw(AugmentationOptions(), 50, (8, 8, 3), seed=3, epoch=4) == {}
