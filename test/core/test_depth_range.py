"""The range of depth: ordinary images fill it, and what is far leaves it to what is near."""

import numpy as np
import pytest
from real_data import DATA, needs_data

from depth_sr_ros.core.depth_image import fill_nearest, valid_mask
from depth_sr_ros.core.depth_range import DepthRange, upsample_in_layers
from depth_sr_ros.files.depth_units import from_uint16_mm


def room(height: int = 60, width: int = 80) -> np.ndarray:
    """Walls and things from 0.7 to 4 m, most of them beyond 1.5 m."""
    rng = np.random.default_rng(0)
    return np.sort(rng.choice([0.7, 1.5, 2.0, 3.0, 3.9], (height, width)) + rng.uniform(0, 0.1, (height, width))).astype(
        np.float32
    )


def with_far(share: float, far: float, mixed: bool = False) -> np.ndarray:
    depth = room()
    columns = max(1, round(share * depth.shape[1]))
    if share == 0:
        depth[30, 0] = far
    else:
        depth[:, :columns] = far
        if mixed:  # the sensor's pixels at the edge see both
            depth[:, columns] += np.linspace(0, 1, len(depth)) * (far - depth[:, columns])
    return depth


def test_a_linear_range_spans_zero_to_one_and_is_undone():
    depth = room()
    depth_range = DepthRange.linear(depth)
    unit = depth_range.to_unit(depth)
    assert unit.min() == 0.0 and unit.max() == 1.0
    assert (depth_range.nearest, depth_range.farthest) == (depth.min(), depth.max())
    np.testing.assert_allclose(depth_range.to_metres(unit), depth, rtol=1e-6)
    np.testing.assert_allclose(depth_range.to_metres(np.float32([-0.1, 1.1])), depth_range.to_metres(np.float32([0, 1])) + [
        -0.1 * np.ptp(depth), 0.1 * np.ptp(depth)], rtol=1e-5)  # fmt: skip


@pytest.mark.parametrize("make", [DepthRange.linear, DepthRange.robust])
def test_a_constant_depth_comes_back_whatever_the_network_says(make):
    depth = np.full((4, 5), 1.7, np.float32)
    depth_range = make(depth)
    assert (depth_range.to_unit(depth) == 0).all()
    assert (depth_range.to_metres(depth_range.to_unit(depth) + np.float32(0.3)) == np.float32(1.7)).all()


@pytest.mark.parametrize("farthest", [4.0, 8.0, 11.0])
def test_an_ordinary_image_has_its_linear_range(farthest):
    depth = np.maximum(room(), np.linspace(0, farthest, 80, dtype=np.float32))
    assert DepthRange.robust(depth) == DepthRange.linear(depth)


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("far", [65.535, 1000.0, 3e38])
@pytest.mark.parametrize("share", [0, 0.05, 0.25, 0.5])
def test_the_near_part_keeps_its_range_whatever_is_far(share, far, mixed):
    depth = with_far(share, far, mixed)
    depth_range = DepthRange.robust(depth)
    assert 3.9 < depth_range.knee <= 4.0 * (2 if mixed else 1)
    unit = depth_range.to_unit(depth)
    near = unit[depth <= 4]
    assert unit.min() == 0 and unit.max() == pytest.approx(1) and np.ptp(near) > 0.75 / (2 if mixed else 1)
    order = np.argsort(depth, axis=None)
    assert (np.diff(unit.ravel()[order]) >= 0).all()
    back = depth_range.to_metres(unit)
    np.testing.assert_allclose(back[depth <= 4], depth[depth <= 4], rtol=1e-5)
    np.testing.assert_allclose(back, depth, rtol=0.01)
    assert np.isfinite(depth_range.to_metres(unit + np.float32(1))).all()


@needs_data
def test_images_of_real_cameras_have_their_linear_range():
    import cv2

    files = sorted((DATA / "real_dev" / "depth").glob("*.png")) + sorted((DATA / "kinect_kitchen").glob("*.depth.png"))[::30]
    assert len(files) > 10
    for file in files:
        depth = from_uint16_mm(cv2.imread(str(file), cv2.IMREAD_UNCHANGED)[4::8, 4::8])
        filled = fill_nearest(depth, valid_mask(depth))
        assert DepthRange.robust(filled) == DepthRange.linear(filled), file.name


def test_two_parts_of_a_room_are_no_far_part():
    depth = room()
    depth[:40] = 1.0  # a table, much of the picture, and a wall four metres away
    assert DepthRange.robust(depth) == DepthRange.linear(depth)


def seen(depth: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """What comes out where the network repeats pixels, and what it saw."""
    units = []

    def upsample(layer, depth_range):
        units.append(depth_range.to_unit(layer))
        return depth_range.to_metres(units[-1].repeat(2, 0).repeat(2, 1))

    return upsample_in_layers(upsample, depth), units


@pytest.mark.parametrize("share, runs", [(None, 1), (0, 1), (0.04, 1), (0.1, 2), (0.5, 2)])
def test_a_large_far_part_is_upsampled_in_a_range_of_its_own(share, runs):
    depth = room() if share is None else with_far(share, 1.0)
    if share:
        columns = round(share * depth.shape[1])
        depth[:, :columns] = np.linspace(40, 60, columns)
    elif share == 0:
        depth[30, 0] = 60
    result, units = seen(depth)
    assert len(units) == runs
    np.testing.assert_allclose(result, depth.repeat(2, 0).repeat(2, 1), rtol=1e-3)
    if runs == 2:
        far = units[1][:, :columns]
        assert np.ptp(far) > 0.3 and (units[1][:, columns:] == 0).all()
