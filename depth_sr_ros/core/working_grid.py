"""The working grid: the colour image in blocks of `scale` x `scale` pixels, one depth each, as the network sees them.

Its pixel (row, column) is centred on the colour pixel scale * (row + 0.5) - 0.5 and so on, so where the colour image is
no multiple of the scale the last blocks reach beyond it: the guide is padded by its edge, and the result cropped.
"""

from __future__ import annotations

import numpy as np


def grid_shape(colour_shape: tuple[int, ...], scale: int) -> tuple[int, int]:
    """(H, W, ...) of the colour image -> (h, w) of its grid: divided by `scale`, rounded up."""
    height, width = colour_shape[:2]
    return -(-height // scale), -(-width // scale)


def pad_to_grid(guide: np.ndarray, scale: int) -> np.ndarray:
    """Continue an image by its edge to whole blocks.

    Args:
        guide: (H, W) or (H, W, C) uint8.
        scale: pixels a block, per axis.

    Returns:
        (scale * h, scale * w, ...) with (h, w) = `grid_shape`; `guide` itself where nothing is missing.
    """
    height, width = guide.shape[:2]
    rows, columns = (scale * n for n in grid_shape(guide.shape, scale))
    if (rows, columns) == (height, width):
        return guide
    import cv2

    return cv2.copyMakeBorder(guide, 0, rows - height, 0, columns - width, cv2.BORDER_REPLICATE)
