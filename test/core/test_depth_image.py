"""Units, validity, holes, normalisation and consistency of depth images."""

import numpy as np
import pytest

from depth_sr_ros.core import depth_image
from depth_sr_ros.files.depth_units import from_uint16_mm, to_uint16_mm
from depth_sr_ros.methods.layers import resize_matrix

NAN, INF = np.nan, np.inf


def smooth_depth(height=24, width=32) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width] / 10.0
    return (2.0 + np.sin(rows) + np.cos(columns * 1.3)).astype(np.float32)


def test_every_millimetre_round_trips():
    millimetres = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    metres = from_uint16_mm(millimetres)
    assert metres.dtype == np.float32 and np.isnan(metres[0, 0]) and np.isfinite(metres).sum() == 65534
    assert metres[3, 232] == 1.0
    np.testing.assert_array_equal(to_uint16_mm(metres), np.where(millimetres == 65535, 0, millimetres))


def test_what_millimetres_cannot_say_is_unknown():
    depth = np.array([[NAN, INF, -INF, -1.0, 0.0, 4e-4, 65.5341, 65.535, 1e30]], np.float32)
    millimetres = to_uint16_mm(depth)
    assert millimetres.dtype == np.uint16
    np.testing.assert_array_equal(millimetres, [[0, 0, 0, 0, 0, 0, 65534, 0, 0]])


@pytest.mark.filterwarnings("error")
def test_only_finite_positive_depth_in_range_is_valid():
    depth = np.array([[NAN, INF, -INF, -1.0, 0.0, 0.3, 0.5, 5.0, 9.0]], np.float32)
    assert depth_image.valid_mask(depth).tolist() == [[False] * 5 + [True] * 4]
    assert depth_image.valid_mask(depth, 0.5, 5.0).tolist() == [[False] * 6 + [True, True, False]]


def test_holes_take_the_nearest_valid_value():
    rng = np.random.default_rng(1)
    depth = rng.uniform(1, 5, (20, 30)).astype(np.float32)
    valid = rng.random((20, 30)) < 0.1
    filled = depth_image.fill_nearest(depth, valid)
    known = np.argwhere(valid)
    for pixel in np.argwhere(~valid):
        distance = np.hypot(*(known - pixel).T)
        candidates = depth[tuple(known[distance <= distance.min() + 0.5].T)]  # the transform's 5 x 5 mask is approximate
        assert filled[tuple(pixel)] in candidates
    np.testing.assert_array_equal(filled[valid], depth[valid])


@pytest.mark.parametrize("garbage", [NAN, INF, -INF, 0.0, -3.0, 100.0])
def test_what_stands_in_a_hole_never_shows(garbage):
    depth = smooth_depth()
    valid = np.ones(depth.shape, bool)
    valid[5:12, 8:20] = False
    valid[0, :] = False
    spoilt = np.where(valid, depth, np.float32(garbage))
    np.testing.assert_array_equal(depth_image.fill_nearest(spoilt, valid), depth_image.fill_nearest(depth, valid))


def test_a_single_valid_pixel_fills_the_image():
    depth = np.full((6, 7), NAN, np.float32)
    depth[4, 2] = 1.25
    assert (depth_image.fill_nearest(depth, depth_image.valid_mask(depth)) == 1.25).all()


@pytest.mark.parametrize("scale", [2, 3, 8, 16])
def test_a_mask_is_upsampled_block_by_block(scale):
    mask = np.random.default_rng(0).random((13, 17)) < 0.5
    large = depth_image.upsample_mask(mask, scale)
    assert large.dtype == bool and large.shape == (13 * scale, 17 * scale)
    for row in range(scale):
        for column in range(scale):
            np.testing.assert_array_equal(large[row::scale, column::scale], mask)


class TestConsistency:
    ground_truth = smooth_depth(96, 128)
    rows, columns = resize_matrix(96, 12), resize_matrix(128, 16)
    matrices = (rows, columns, np.linalg.pinv(rows), np.linalg.pinv(columns))
    measured = rows @ ground_truth @ columns.T
    estimate = ground_truth + np.random.default_rng(0).normal(0, 0.1, ground_truth.shape).astype(np.float32)

    def test_the_reduction_of_the_result_is_the_measurement(self):
        result = depth_image.project_consistent(self.estimate, self.measured, *self.matrices)
        np.testing.assert_allclose(self.rows @ result @ self.columns.T, self.measured, atol=1e-5)

    def test_the_error_does_not_grow_where_the_measurement_is_true(self):
        result = depth_image.project_consistent(self.estimate, self.measured, *self.matrices)
        assert np.linalg.norm(result - self.ground_truth) < np.linalg.norm(self.estimate - self.ground_truth)

    def test_what_is_consistent_already_stays(self):
        result = depth_image.project_consistent(self.ground_truth, self.measured, *self.matrices)
        np.testing.assert_allclose(result, self.ground_truth, atol=1e-5)


class TestClipping:
    measured = smooth_depth(4, 6)
    wild = measured.repeat(3, 0).repeat(3, 1) + np.random.default_rng(1).normal(0, 2, (12, 18)).astype(np.float32)

    def test_every_pixel_stays_within_what_was_measured_around_it(self):
        clipped = depth_image.clip_to_measured(self.wild.copy(), self.measured, 3)
        for row, column in np.ndindex(self.wild.shape):
            rows, columns = (slice(max(0, at // 3 - 1), at // 3 + 2) for at in (row, column))
            around = self.measured[rows, columns]
            assert clipped[row, column] == np.clip(self.wild[row, column], around.min(), around.max())

    def test_what_lies_within_stays(self):
        depth = self.measured.repeat(3, 0).repeat(3, 1)
        np.testing.assert_array_equal(depth_image.clip_to_measured(depth.copy(), self.measured, 3), depth)

    def test_any_layout_of_the_memory_will_do(self):
        expected = depth_image.clip_to_measured(self.wild.copy(), self.measured, 3)
        turned = depth_image.clip_to_measured(np.asfortranarray(self.wild), self.measured, 3)
        np.testing.assert_array_equal(turned, expected)
