"""Degradations of a sensor's depth, and measures that need no exact depth, against brute force."""

import numpy as np
import pytest

from depth_sr_ros.evaluation.lowering import DEGRADATIONS, lower
from depth_sr_ros.evaluation.sensor_metrics import flicker_m, inconsistency_m, nearest_relative_error, sensor_errors

RNG = np.random.default_rng(3)


def depth_image(height=13, width=18, holes=0.3):
    depth = RNG.uniform(1, 4, (height, width)).astype(np.float32)
    depth[RNG.random(depth.shape) < holes] = np.nan
    return depth


@pytest.mark.parametrize("how, reduce", [("median", np.nanmedian), ("mean", np.nanmean)])
@pytest.mark.filterwarnings("ignore:All-NaN|Mean of empty")
def test_blocks_are_reduced_by_their_valid_pixels(how, reduce):
    depth, scale = depth_image(), 4
    found = lower(depth, scale, how)
    assert found.shape == (4, 5) and found.dtype == np.float32
    for row in range(4):
        for column in range(5):
            block = depth[row * scale : (row + 1) * scale, column * scale : (column + 1) * scale]
            half = 2 * np.isfinite(block).sum() >= block.size
            np.testing.assert_allclose(found[row, column], reduce(block) if half else np.nan, rtol=1e-6)


def test_a_decimated_image_has_the_pixel_behind_each_blocks_centre():
    depth = depth_image(16, 24)
    np.testing.assert_array_equal(lower(depth, 8, "decimated"), depth[4::8, 4::8])


@pytest.mark.parametrize("how", [name for name in DEGRADATIONS if name != "none"])
def test_every_degradation_keeps_a_flat_wall_and_its_holes(how):
    depth = np.full((16, 24), 2.0, np.float32)
    depth[:8, :8] = np.nan
    found = lower(depth, 8, how, guide=np.full((16, 24, 3), 200, np.uint8), seed=1)
    assert found.shape == (2, 3) and np.isnan(found[0, 0])
    np.testing.assert_allclose(found[np.isfinite(found)], 2, atol=0.05)
    assert np.isfinite(found).sum() >= 4  # of 5: a time-of-flight camera may lose one


def test_none_leaves_depth_as_it_is():
    depth = depth_image()
    assert lower(depth, 4, "none") is depth


def test_an_unknown_degradation_names_the_known():
    with pytest.raises(ValueError, match="unknown degradation 'blur': known are median, mean, decimated, bicubic, tof, none"):
        lower(depth_image(), 4, "blur")


def test_what_is_wrong_is_far_from_every_depth_nearby():
    depth, reference = depth_image(), depth_image()
    found = nearest_relative_error(depth, reference)
    for row, column in [(0, 0), (5, 7), (12, 17), (6, 16)]:
        around = reference[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3]
        around = around[np.isfinite(around)]
        if np.isfinite(depth[row, column]):
            assert found[row, column] == pytest.approx((np.abs(depth[row, column] - around) / around).min(), rel=1e-5)


def test_a_shifted_edge_is_forgiven_and_a_smeared_one_is_not():
    reference = np.full((20, 40), 3.0, np.float32)
    reference[:, :20] = 1.0
    shifted = np.roll(reference, 2, axis=1)
    shifted[:, :2] = 1.0
    smeared = reference.copy()
    smeared[:, 18:22] = 2.0
    assert sensor_errors(shifted, reference, 8).wrong_share == 0
    assert sensor_errors(smeared, reference, 8).wrong_share == pytest.approx(4 / 40)
    assert sensor_errors(reference, reference, 8).rmse_m == 0


def test_errors_count_where_both_are_valid():
    reference, depth = np.full((8, 8), 2.0, np.float32), np.full((8, 8), 2.1, np.float32)
    reference[0], depth[:, 0] = np.nan, np.nan
    found = sensor_errors(depth, reference, 4)
    assert found.rmse_m == pytest.approx(0.1, rel=1e-5) and found.mae_m == pytest.approx(0.1, rel=1e-5)
    assert found.wrong_share == 1 and found.valid_share == 7 / 8
    nothing = sensor_errors(np.full((8, 8), np.nan, np.float32), reference, 4)
    assert np.isnan(nothing.rmse_m) and nothing.valid_share == 0


def test_consistency_compares_blocks_with_the_input():
    lr_depth = depth_image(3, 4, holes=0)
    depth = np.repeat(np.repeat(lr_depth, 4, 0), 4, 1)
    assert inconsistency_m(depth, lr_depth, 4) == pytest.approx(0, abs=1e-6)
    assert inconsistency_m(depth + 0.25, lr_depth, 4) == pytest.approx(0.25, rel=1e-5)


def test_flicker_counts_where_nothing_moved():
    lr_before = np.full((2, 2), 2.0, np.float32)
    lr_depth = lr_before.copy()
    lr_depth[0, 0] = 3.0  # something came by
    before = np.full((8, 8), 2.0, np.float32)
    depth = before.copy()
    depth[:4, :4] = 3.0
    depth[4:] += 0.1
    assert flicker_m(depth, before, lr_depth, lr_before, 4) == pytest.approx(0.1 * 32 / 48, rel=1e-5)
    assert np.isnan(flicker_m(depth, before, lr_depth, 2 * lr_depth, 4))
