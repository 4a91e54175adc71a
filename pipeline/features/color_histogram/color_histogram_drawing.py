"""A picture of what `color_histogram` keeps of an image: bars beside it."""

from __future__ import annotations

from pipeline.features.color_histogram.bars import (
    bin_colors,
    fullest_bars,
    grid_of_bars,
    labeled_bars,
)
from pipeline.features.color_histogram.color_histogram import ColorHistogram, Spec
from pipeline.features.picture_panels import Picture, enlarged, side_by_side


def picture(extractor: ColorHistogram, image: Picture) -> Picture:
    """Draw the image, and beside it its histograms.

    Histograms per channel are drawn one below the other, in the colors of their channels: those of
    a whole image with axes, those of cells in their places. Of joint histograms, the fullest bins
    of the whole image are drawn, each in its own color.
    """
    spec = extractor.spec
    histograms = extractor.histograms(extractor.transform(image[None]))
    if spec.joint:
        colors = bin_colors(spec.space, spec.channel_bins, extractor.tops)
        bars = fullest_bars(histograms[0][0].sum(axis=0), colors, _unit(spec))
    elif spec.grid == 1:
        channels = [histogram[0, 0] for histogram in histograms]
        bars = labeled_bars(channels, spec.space, extractor.tops, _unit(spec))
    else:
        channels = [histogram[0] for histogram in histograms]
        bars = grid_of_bars(channels, spec.grid, spec.space)
    return side_by_side(enlarged(image), bars)


def _unit(spec: Spec) -> str:
    """Return what the numbers of a histogram are."""
    if spec.norm == "none":
        return "pixels"
    if spec.norm == "l2":
        return "of length 1"
    return "root of the share of pixels" if spec.sqrt else "share of pixels"
