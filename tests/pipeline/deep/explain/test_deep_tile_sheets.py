"""Tiles on a sheet."""

import numpy as np

from pipeline.deep.explain.tile_sheets import GAP, tile_sheet


def test_each_tile_is_in_its_place(rng):
    tiles = rng.integers(0, 200, (5, 4, 6, 3), dtype=np.uint8)
    sheet = tile_sheet(tiles, sheet=3 * 12 + 4 * GAP)
    assert sheet.shape == (2 * 8 + 3 * GAP, 3 * 12 + 4 * GAP, 3)
    for place, tile in enumerate(tiles):
        y, x = GAP + (8 + GAP) * (place // 3), GAP + (12 + GAP) * (place % 3)
        assert (sheet[y : y + 8 : 2, x + 1 : x + 12 : 2] == tile).all()
    assert (sheet[:GAP] == 255).all()
    assert (sheet[8 + 2 * GAP :, 2 * (12 + GAP) + GAP :] == 255).all(), "no sixth tile"


def test_tiles_that_fill_the_sheet_are_not_reduced():
    assert tile_sheet(np.zeros((4, 50, 50, 3), dtype=np.uint8), sheet=64).shape[1] == 100 + 3 * GAP
