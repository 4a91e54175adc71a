"""A picture of what `color_histogram` keeps of an image: bars beside it."""

from __future__ import annotations

from pipeline.features.color_histogram.bars import (
    CHANNEL_COLORS,
    bin_colors,
    fullest_bars,
    grid_of_bars,
)
from pipeline.features.color_histogram.color_histogram import ColorHistogram
from pipeline.features.picture_panels import Picture, enlarged, side_by_side


def picture(extractor: ColorHistogram, image: Picture) -> Picture:
    """Draw the image, and beside it its histograms.

    Histograms per channel are drawn for each cell, one below the other, in the colors of their
    channels; of joint histograms, the fullest bins of the whole image are drawn, each in its own
    color.
    """
    spec = extractor.spec
    histograms = extractor.histograms(extractor.transform(image[None]))
    if spec.joint:
        colors = bin_colors(spec.space, spec.channel_bins, extractor.tops)
        bars = fullest_bars(histograms[0][0].sum(axis=0), colors)
    else:
        channels = [histogram[0] for histogram in histograms]
        bars = grid_of_bars(channels, spec.grid, CHANNEL_COLORS[spec.space])
    return side_by_side(enlarged(image), bars)
