"""The option `image_size`: the size of the images that a feature set or a network gets."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from pipeline.config.registry import MethodSpec
from pipeline.resizing import Sides


class SizeOptions(MethodSpec):
    """What feature sets and networks share: a size of their own."""

    enlarges: ClassVar[bool] = False
    """Whether the method itself enlarges images that are smaller than `image_size`."""

    image_size: Annotated[int, Field(ge=8, le=512)] | None = None
    """Side of the square images that the method gets. The stored images are resized to it: areas
    are averaged, or, to enlarge, pixels interpolated. null: as they are stored."""

    def sides_seen(self, stored: Sides) -> Sides:
        """Return (height, width) of the images that the method gets.

        Args:
            stored: (height, width) of the images of the study.
        """
        size = self.image_size
        if size is None:
            return stored
        if self.enlarges:
            return min(stored[0], size), min(stored[1], size)
        return size, size
