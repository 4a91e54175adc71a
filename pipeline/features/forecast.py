"""Whether the features of a study fit in memory, before any is computed."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.channels import RGB
from pipeline.checks import StudyError
from pipeline.features.spec import FeatureSpec
from pipeline.host_memory import byte_size


def expected_width(spec: FeatureSpec, side: int, channels: int = RGB) -> int | None:
    """Return the features per image that a set has for images of this stored size and channels.

    None if the images are too small for it, which its own stage says.
    """
    try:
        return spec.features_per_image(spec.sides_seen((side, side)), channels)
    except StudyError:
        return None


def check_features_fit(
    name: str,
    spec: FeatureSpec,
    sizes: Mapping[str, int],
    side: int,
    memory: int,
    channels: int = RGB,
) -> None:
    """Raise `StudyError` if the features of the largest split alone exceed the memory.

    Args:
        name: of the feature set.
        spec: its options.
        sizes: split -> number of images.
        side: of the stored images, in pixels.
        memory: bytes that there are.
        channels: of the stored images.
    """
    width, n = expected_width(spec, side, channels), max(sizes.values())
    if width is None or 4 * width * n <= memory:
        return
    seen = "×".join(map(str, spec.sides_seen((side, side))))
    raise StudyError(
        f"features.{name}: {spec.method} has {width:,} features for an image of {seen} pixels, "
        f"which is {byte_size(4 * width * n)} of memory for {n:,} images; expected at most the "
        f"{byte_size(memory)} of this machine. Set a smaller features.{name}.image_size"
        f"{_other_ways(spec, channels)}, dataset.size or dataset.limit"
    )


def _other_ways(spec: FeatureSpec, channels: int) -> str:
    """Return options of the method itself that make its vectors shorter."""
    options = spec.model_dump()
    ways = {
        "a larger cell": "cell" in options,
        "a smaller grid": "grid" in options,
        "gray: true": options.get("gray") is False and channels == RGB,
        "pooling: average": options.get("pooling") == "flatten",
    }
    return "".join(f", {how}" for how, helps in ways.items() if helps)
