"""Large images in tiles of one size, so that memory does not grow with the image.

A network's memory is some gigabyte per million pixels. Tiles overlap: the outer half of each margin, which sees the tile's
border, is thrown away, over the inner half one tile passes into the next. The margin is wider than FDKN's and DKN's receptive
fields, so their results are those of the whole image. Those of methods with a wider view differ by less than they err
(docs/accuracy.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, product

import numpy as np

THROWN_PIXELS = 64  # of the result, about each tile: the receptive fields of FDKN and DKN
THROWN_LR_PIXELS = 4  # at least

Upsample = Callable[[np.ndarray, np.ndarray], np.ndarray]  # ((sh, sw, 3) uint8, (h, w) float32) -> (sh, sw) float32


@dataclass(frozen=True)
class Division:
    """Tiles along an axis: pixels of each, from one to the next, and how many."""

    side: int
    step: int
    count: int

    def slices(self) -> Iterator[slice]:
        """The pixels of each tile."""
        return (slice(begin, begin + self.side) for begin in range(0, self.count * self.step, self.step))


@dataclass(frozen=True)
class TileGrid:
    """Where tiles lie on a depth image, in its pixels.

    Attributes:
        rows, columns: the two axes' divisions.
        thrown: outer pixels of a tile that are not used where another tile has them.
    """

    rows: Division
    columns: Division
    thrown: int

    @classmethod
    def of(cls, depth_shape: tuple[int, int], scale: int, most_pixels: int) -> TileGrid:
        """The grid that computes the fewest pixels in tiles of bounded size.

        Args:
            depth_shape: (h, w) of the depth image.
            scale: pixels of the result per depth pixel, per axis.
            most_pixels: of the result, in a tile.
        """
        thrown = max(math.ceil(THROWN_PIXELS / scale), THROWN_LR_PIXELS)
        most = most_pixels // scale**2
        grids = []
        for rows in _divisions(depth_shape[0], thrown):
            fitting = (one for one in _divisions(depth_shape[1], thrown) if rows.side * one.side <= most)
            grids += [cls(rows, columns, thrown) for columns in islice(fitting, 1)]
        return min(grids, key=lambda grid: (grid.pixels, grid.rows.count * grid.columns.count))

    @property
    def shape(self) -> tuple[int, int]:
        """(h, w) of each tile."""
        return self.rows.side, self.columns.side

    @property
    def pixels(self) -> int:
        """Pixels of all tiles together."""
        return self.rows.side * self.rows.count * self.columns.side * self.columns.count

    def tiles(self) -> Iterator[tuple[slice, slice]]:
        """Rows and columns of each tile."""
        return product(self.rows.slices(), self.columns.slices())


def upsample_in_tiles(upsample: Upsample, grid: TileGrid, rgb: np.ndarray, depth: np.ndarray, scale: int) -> np.ndarray:
    """Upsample tile by tile.

    Args:
        upsample: takes a tile of the guide and of the depth; may use its result's memory again.
        grid: of `depth`'s shape.
        rgb: (s*h, s*w, 3) uint8.
        depth: (h, w) float32.
        scale: s.

    Returns:
        A new (s*h, s*w) float32.
    """
    result = np.zeros((scale * depth.shape[0], scale * depth.shape[1]), np.float32)
    weights = (_weights(axis, scale, grid.thrown) for axis in (grid.rows, grid.columns))
    for tile, (of_rows, of_columns) in zip(grid.tiles(), product(*weights), strict=True):
        rows, columns = (slice(scale * side.start, scale * side.stop) for side in tile)
        result[rows, columns] += upsample(rgb[rows, columns], depth[tile]) * of_rows[:, None] * of_columns
    return result


def _divisions(length: int, thrown: int) -> Iterator[Division]:
    """Ways to cover `length` pixels with tiles, by their count.

    Steps are multiples of `thrown`, 64 pixels of the result mostly: what networks fold or pool lies alike in every tile.
    """
    yield Division(length, length, 1)
    count = 2
    while (step := (length - 4 * thrown) // count // thrown * thrown) > 0:
        yield Division(length - (count - 1) * step, step, count)
        count += 1


def _weights(axis: Division, scale: int, thrown: int) -> list[np.ndarray]:
    """Of each tile along an axis of the result, (scale * side,) float32: they add up to one everywhere."""
    side = scale * axis.side
    rising = np.clip((np.arange(side) + 0.5 - scale * thrown) / (2 * scale * thrown), 0, 1)
    total = np.zeros(scale * ((axis.count - 1) * axis.step + axis.side))
    each = []
    for number in range(axis.count):
        begins = rising if number else np.ones(side)
        ends = rising[::-1] if number < axis.count - 1 else np.ones(side)
        each.append(np.minimum(begins, ends))
        total[scale * number * axis.step :][:side] += each[-1]
    return [(one / total[scale * number * axis.step :][:side]).astype(np.float32) for number, one in enumerate(each)]
