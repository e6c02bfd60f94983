"""The output's camera_info, checked by where points of space project to."""

import copy

import numpy as np
import pytest
from make_messages import camera_info

from depth_sr_ros.core.result import FrameError
from depth_sr_ros.node.camera_info import CameraInfoCache, image_camera, upsampled_info

POINTS = np.random.default_rng(0).uniform((-1, -1, 1), (1, 1, 5), (50, 3))


def pixels(info, points=POINTS):
    """Where points land in the image that `info` belongs to: P of the sensor, then region, then binning (REP 104).

    Written out from the message alone, pixel centres at integers.
    """
    p = np.asarray(info.p).reshape(3, 4)
    u, v, w = p @ np.vstack([points.T, np.ones(len(points))])
    offset = np.array([info.roi.x_offset, info.roi.y_offset])
    binning = np.array([max(info.binning_x, 1), max(info.binning_y, 1)])
    return (np.stack([u / w, v / w], axis=1) - offset + 0.5) / binning - 0.5


def image_size(info):
    width, height = (info.roi.width or info.width), (info.roi.height or info.height)
    return width // max(info.binning_x, 1), height // max(info.binning_y, 1)


@pytest.mark.parametrize("scale", [2, 4, 8, 16])
@pytest.mark.parametrize("binning", [(0, 0), (2, 2), (2, 4)])
@pytest.mark.parametrize("roi", [None, (16, 8, 40, 32)])
def test_a_point_lands_where_the_enlarged_image_shows_it(scale, binning, roi):
    info = camera_info(80, 60, 70.0, cx=41.3, cy=28.9, tx=-7.5)
    info.binning_x, info.binning_y = binning
    if roi:
        info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = roi
    out = upsampled_info(info, scale, None)
    assert image_size(out) == tuple(scale * n for n in image_size(info))
    np.testing.assert_allclose(pixels(out), scale * (pixels(info) + 0.5) - 0.5, atol=1e-9)
    np.testing.assert_allclose(np.delete(out.p, [3, 7, 11]), out.k)  # rectified: K is P's left part
    camera = image_camera(out)
    assert (camera.width, camera.height) == image_size(out)
    np.testing.assert_allclose(camera.project(POINTS), pixels(out), atol=1e-9)


def test_lens_rotation_and_header_are_carried_and_nothing_received_is_changed():
    info = camera_info(80, 60, 70.0, stamp_ns=123)
    info.d, info.distortion_model = [0.1, -0.2, 0.0, 0.0, 0.05], "rational_polynomial"
    info.r = np.array([0, 1, 0, -1, 0, 0, 0, 0, 1.0])
    before = copy.deepcopy(info)
    out = upsampled_info(info, 8, None)
    out.header.frame_id = "changed"
    assert info == before
    assert list(out.d) == list(info.d) and out.distortion_model == info.distortion_model
    np.testing.assert_array_equal(out.r, info.r)


def test_a_camera_with_k_alone_keeps_p_empty():
    info = camera_info(80, 60, 70.0)
    info.p = np.zeros(12)
    out = upsampled_info(info, 4, None)
    assert out.k[0] == 280.0 and not any(out.p)


def test_it_is_the_colour_cameras_own_where_both_see_the_same():
    rgb = camera_info(640, 480, 525.0, cx=319.2, cy=241.7, stamp_ns=5)
    depth = camera_info(80, 60, 525.0 / 8, cx=(319.2 + 0.5) / 8 - 0.5, cy=(241.7 + 0.5) / 8 - 0.5, stamp_ns=9)
    out = upsampled_info(depth, 8, rgb)
    np.testing.assert_array_equal(out.k, rgb.k)
    np.testing.assert_array_equal(out.p, rgb.p)
    assert out.header.stamp.nanosec == 9


@pytest.mark.parametrize("change", ["frame", "focal length", "size", "lens", "bare division by the scale"])
def test_it_is_the_depth_cameras_where_they_differ(change):
    f, frame = (530.0 if change == "focal length" else 525.0), ("other" if change == "frame" else "f")
    rgb = camera_info(640, 480, f, frame=frame)
    if change == "lens":
        rgb.d = [0.1, 0.0, 0.0, 0.0, 0.0]
    depth = camera_info(80, 60, 525.0 / 8, frame="f", cx=319.5 / 8 if change.startswith("bare") else None)
    scale = 4 if change == "size" else 8
    out = upsampled_info(depth, scale, rgb)
    np.testing.assert_allclose(pixels(out), scale * (pixels(depth) + 0.5) - 0.5, atol=1e-9)


@pytest.mark.parametrize(
    "change", [{"k": np.zeros(9), "p": np.zeros(12)}, {"width": 0}, {"k": np.full(9, np.nan)}, {"binning_x": 1000}]
)
def test_a_camera_info_that_cannot_be_is_refused(change):
    info = camera_info(80, 60, 70.0)
    for name, value in change.items():
        setattr(info, name, value)
    cache = CameraInfoCache()
    cache.add(info)
    with pytest.raises(FrameError) as caught:
        upsampled_info(cache.find(80, 60, 0), 8, None)
    assert caught.value.reason == "bad_camera_info"


def test_the_cache_prefers_the_images_stamp_and_else_gives_the_latest():
    cache = CameraInfoCache()
    for stamp in (10, 20, 30):
        cache.add(camera_info(80, 60, 70.0 + stamp, stamp_ns=stamp))
    assert cache.find(80, 60, 20).k[0] == 90.0
    assert cache.find(80, 60, 25).k[0] == 100.0


def test_the_cache_follows_a_change_of_size():
    cache = CameraInfoCache()
    cache.add(camera_info(80, 60, 70.0))
    cache.add(camera_info(160, 120, 140.0))
    assert cache.find(160, 120, 0).width == 160
    assert cache.find(80, 60, 0).width == 80


def test_a_missing_and_a_wrong_camera_info_have_names_of_their_own():
    cache = CameraInfoCache()
    with pytest.raises(FrameError) as caught:
        cache.find(80, 60, 0)
    assert caught.value.reason == "no_camera_info"
    cache.add(camera_info(80, 60, 70.0))
    with pytest.raises(FrameError) as caught:
        cache.find(81, 60, 0)
    assert caught.value.reason == "camera_info_mismatch"
