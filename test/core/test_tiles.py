"""Tiles: they cover an image, and what comes out is what the whole image gives."""

import math

import numpy as np
import pytest

from depth_sr_ros.core.tiles import Division, TileGrid, upsample_in_tiles


@pytest.mark.parametrize(
    "shape, scale",
    [
        ((512, 512), 8), ((1024, 1024), 4), ((256, 256), 16), ((128, 128), 32), ((2048, 2048), 2), ((135, 241), 8),
        ((2, 131072), 8), ((131072, 2), 8), ((601, 97), 8), ((483, 861), 5),
    ],
)  # fmt: skip
def test_tiles_of_one_bounded_size_cover_an_image(shape, scale):
    grid = TileGrid.of(shape, scale, 1 << 21)
    assert math.prod(grid.shape) * scale**2 <= 1 << 21
    covered = np.zeros(shape, np.int8)
    for tile in grid.tiles():
        assert covered[tile].shape == grid.shape
        covered[tile] += 1
    assert covered.min() >= 1
    assert covered.sum() == grid.pixels < 2.1 * covered.size


def test_what_is_small_is_one_tile():
    assert TileGrid.of((135, 240), 8, 1 << 21) == TileGrid(Division(135, 135, 1), Division(240, 240, 1), 8)


def test_a_tiles_border_has_no_say():
    scale, rng = 4, np.random.default_rng(0)
    grid = TileGrid(Division(90, 48, 2), Division(88, 64, 3), 8)
    depth, rgb = rng.random((138, 216), np.float32), rng.integers(0, 255, (552, 864, 3), np.uint8)

    def whole(rgb, depth):
        return depth.repeat(scale, 0).repeat(scale, 1) + rgb.mean(-1, dtype=np.float32)

    def spoilt(rgb, depth):
        result = np.full((360, 352), 1e6, np.float32)
        inner = slice(scale * grid.thrown, -scale * grid.thrown)
        result[inner, inner] = whole(rgb, depth)[inner, inner]
        return result

    np.testing.assert_allclose(upsample_in_tiles(whole, grid, rgb, depth, scale), whole(rgb, depth), rtol=1e-5)
    result, inner = upsample_in_tiles(spoilt, grid, rgb, depth, scale), slice(32, -32)
    np.testing.assert_allclose(result[inner, inner], whole(rgb, depth)[inner, inner], rtol=1e-5)
