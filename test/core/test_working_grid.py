"""The grid that the network works on, whatever the sizes of the colour image."""

import numpy as np
import pytest

from depth_sr_ros import Upsampler
from depth_sr_ros.core.working_grid import grid_shape, pad_to_grid

SIZES = [  # colour width, height, scale, grid width, height
    (640, 480, 8, 80, 60),
    (1280, 720, 4, 320, 180),
    (1920, 1080, 8, 240, 135),
    (1920, 1080, 16, 120, 68),
    (1280, 800, 8, 160, 100),
    (1919, 1441, 8, 240, 181),
    (33, 47, 16, 3, 3),
]


@pytest.mark.parametrize("width, height, scale, columns, rows", SIZES)
def test_the_grid_covers_the_colour_image(width, height, scale, columns, rows):
    assert grid_shape((height, width, 3), scale) == (rows, columns)
    guide = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    padded = pad_to_grid(guide, scale)
    assert padded.shape == (scale * rows, scale * columns, 3)
    np.testing.assert_array_equal(padded[:height, :width], guide)
    np.testing.assert_array_equal(padded[height:, :width], np.broadcast_to(guide[-1:], (scale * rows - height, width, 3)))


@pytest.mark.parametrize("width, height, scale, columns, rows", SIZES[-3:])
@pytest.mark.parametrize("options", [{}, {"consistency": True}, {"ensemble": True}, {"min_depth": 1.1}])
def test_the_result_is_of_the_colour_images_very_size(width, height, scale, columns, rows, options):
    """And every pixel stands where it belongs: a plane comes out as that plane, holes where they were."""
    v, u = np.mgrid[:height, :width]
    low_v, low_u = (scale * (n + 0.5) - 0.5 for n in np.mgrid[:rows, :columns])
    depth = (2 + low_u / width + low_v / height).astype(np.float32)
    depth[1, 1] = np.nan
    result = Upsampler("bicubic", scale, **options)(np.zeros((height, width, 3), np.uint8), depth)
    assert result.depth.shape == result.valid.shape == (height, width)
    hole = np.zeros((height, width), bool)
    hole[scale : 2 * scale, scale : 2 * scale] = True
    np.testing.assert_array_equal(result.valid, ~hole)
    inner = np.s_[3 * scale : -3 * scale, 3 * scale : -3 * scale]
    np.testing.assert_allclose(result.depth[inner], (2 + u / width + v / height)[inner], atol=2e-3)
