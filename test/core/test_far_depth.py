"""What is far or saturated does not spoil what is near, whatever method looks at it."""

import numpy as np
import pytest

from depth_sr_ros import Upsampler
from depth_sr_ros.methods.layers import resize_matrix
from depth_sr_ros.methods.registry import available

SCALE, HEIGHT, WIDTH = 8, 24, 32
LEARNED = [info.name for info in available() if info.learned and SCALE in info.scales]


def scene() -> tuple[np.ndarray, np.ndarray]:
    """Discs of several distances before a slanted wall: colour, and (s*h, s*w) float32 metres."""
    rows, columns = np.mgrid[0 : SCALE * HEIGHT, 0 : SCALE * WIDTH].astype(np.float32) / (SCALE * HEIGHT)
    depth, shade = 2.5 + columns, 90 + 40 * rows
    for number, (row, column) in enumerate([(0.3, 0.25), (0.7, 0.5), (0.35, 0.8), (0.75, 1.1), (0.2, 1.2)]):
        disc = (rows - row) ** 2 + (columns - column) ** 2 < 0.025
        depth, shade = np.where(disc, 1.0 + 0.3 * number, depth), np.where(disc, 30 + 45 * number, shade)
    return np.stack([shade, 255 - shade, 40 + shade / 2], -1).astype(np.uint8), depth.astype(np.float32)


RGB, GROUND_TRUTH = scene()
LOW = resize_matrix(SCALE * HEIGHT, HEIGHT) @ GROUND_TRUTH @ resize_matrix(SCALE * WIDTH, WIDTH).T
AWAY = (slice(None), slice(0, SCALE * (WIDTH // 2 - 4)))  # of all that is made far below


def error(result) -> float:
    return float(np.sqrt(np.mean((result.depth - GROUND_TRUTH)[AWAY] ** 2)))


@pytest.mark.parametrize("method", LEARNED)
def test_near_is_as_exact_as_without_what_is_far(method):
    upsampler = Upsampler(method, SCALE, backend="torch_eager")
    clean = error(upsampler(RGB, LOW))
    assert clean < 0.9 * error(Upsampler("bicubic", SCALE)(RGB, LOW)), "where a network has no say this test shows nothing"
    one_pixel, half = (12, 24), (slice(None), slice(WIDTH // 2, None))
    for far, metres in ((one_pixel, 65.0), (half, 1000.0)):
        depth = LOW.copy()
        depth[far] = metres
        assert error(upsampler(RGB, depth)) < 1.05 * clean, (far, metres)


def test_a_far_scene_is_upsampled_like_a_near_one():
    upsampler = Upsampler("fdkn", SCALE, backend="torch_eager")
    far = LOW.copy()
    far[:, : WIDTH // 2] *= 15
    within = (slice(None), slice(0, SCALE * (WIDTH // 2 - 4)))

    def of(depth, factor):
        return np.sqrt(np.mean((upsampler(RGB, depth).depth - factor * GROUND_TRUTH)[within] ** 2)) / factor

    assert of(far, 15) < 1.1 * of(LOW, 1)
