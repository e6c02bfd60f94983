"""Counts to metres and back, what means no return, and units that cannot be."""

import numpy as np
import pytest

from depth_sr_ros.files.depth_units import check_unit, to_counts, to_metres, unit_doubt

COUNTS = np.array([[0, 1, 5000], [40000, 65534, 65535]], np.uint16)


@pytest.mark.parametrize("unit", [0.001, 0.0001, 1 / 5000, 1 / 8000, 0.00025])
@pytest.mark.parametrize("order", ["<", ">"])
def test_counts_are_metres_by_their_unit_and_back(unit, order):
    metres = to_metres(COUNTS.astype(COUNTS.dtype.newbyteorder(order)), unit)
    expected = np.where((COUNTS == 0) | (COUNTS == 65535), np.nan, COUNTS * unit)
    assert metres.dtype == np.float32
    np.testing.assert_allclose(metres, expected, rtol=1e-6)
    np.testing.assert_array_equal(to_counts(metres, unit), np.where(COUNTS == 65535, 0, COUNTS))


def test_a_round_unit_is_exact_to_the_last_bit():
    np.testing.assert_array_equal(to_metres(COUNTS)[0, 1:], np.float32([0.001, 5.0]))


def test_other_values_of_no_return_are_invalid_too():
    metres = to_metres(COUNTS, no_return=(65535, 40000))
    np.testing.assert_array_equal(np.isnan(metres), [[True, False, False], [True, False, True]])
    assert np.isfinite(to_metres(COUNTS, no_return=())[1, 2])


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8", "f2"])
def test_float_metres_lose_only_what_means_no_return(dtype):
    depth = np.array([[1.5, 8.0, np.nan], [np.inf, -1.0, 0.0]], dtype)
    metres = to_metres(depth, no_return=(8.0,))
    assert metres.dtype == np.float32 and metres.dtype.isnative
    np.testing.assert_array_equal(metres, np.float32([[1.5, np.nan, np.nan], [np.inf, -1.0, 0.0]]))


def test_float_metres_are_not_copied_without_need():
    depth = np.ones((4, 5), np.float32)
    assert np.shares_memory(to_metres(depth), depth)


def test_float64_beyond_float32_becomes_infinite():
    assert np.isinf(to_metres(np.array([[1e300]]))).all()


@pytest.mark.parametrize("unit", [0.0, -0.001, float("nan"), float("inf"), 5.0])
def test_units_that_no_camera_has_are_refused(unit):
    with pytest.raises(ValueError, match="depth_unit"):
        check_unit(unit)


def counts(median, unit):
    return np.full((40, 50), round(median / unit), np.uint16)


@pytest.mark.parametrize(
    ("depth", "unit", "says"),
    [
        (counts(3.0, 0.0001), 0.01, "0.0001 "),
        (counts(1.5, 0.001), 0.1, "0.001 (millimetres"),
        (counts(1.5, 0.001), 1e-6, "0.001 (millimetres"),
        (np.full((4, 5), 1500.0), 0.001, "is it millimetres?"),
        (np.full((4, 5), 0.015), 0.001, "inverse depth"),
    ],
)
def test_values_that_make_no_sense_name_the_likely_unit(depth, unit, says):
    doubt = unit_doubt(depth, unit)
    assert says in doubt, doubt


@pytest.mark.parametrize(
    "depth",
    [counts(1.5, 0.001), counts(60, 0.001), np.full((4, 5), 80.0), np.zeros((4, 5), np.uint16), np.full((4, 5), np.nan)],
)
def test_depth_that_may_be_is_not_doubted(depth):
    assert unit_doubt(depth) == ""


def test_a_few_far_pixels_do_not_make_a_unit_doubtful():
    depth = counts(2.0, 0.001).astype(np.float32) / 1000
    depth[:10] = 1000.0
    assert unit_doubt(depth) == ""
