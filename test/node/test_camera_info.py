"""The output's camera_info, checked by where points of space project to."""

import array
import copy
import tracemalloc

import numpy as np
import pytest
from make_messages import camera_info

from depth_sr_ros.core.result import FrameError
from depth_sr_ros.node.camera_info import MAX_COEFFICIENTS, CameraInfoCache, parse_info
from depth_sr_ros.node.camera_info import upsampled_info as upsampled_parsed


def upsampled_info(depth_info, scale, rgb_info):
    return upsampled_parsed(parse_info(depth_info), scale, rgb_info and parse_info(rgb_info))


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
    camera = parse_info(out).camera
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


def test_a_camera_with_k_alone_gets_the_p_that_follows_without_distortion_and_keeps_it_empty_with():
    info = camera_info(80, 60, 70.0)
    info.p = np.zeros(12)
    out = upsampled_info(info, 4, None)
    np.testing.assert_allclose(out.p, [*out.k[:3], 0, *out.k[3:6], 0, 0, 0, 1, 0])
    info.d = [0.1, 0.0, 0.0, 0.0, 0.0]
    out = upsampled_info(info, 4, None)
    assert out.k[0] == 280.0 and not any(out.p)


@pytest.mark.parametrize("k", [np.zeros(9), np.full(9, np.nan)])
@pytest.mark.parametrize("as_colour", [False, True])
def test_a_camera_with_p_alone_gets_the_k_that_follows(k, as_colour):
    info = camera_info(80, 60, 70.0, cx=41.3, cy=28.9, tx=-7.5)
    info.k = k
    rgb = camera_info(320, 240, 280.0, cx=4 * 41.8 - 0.5, cy=4 * 29.4 - 0.5, tx=-30.0) if as_colour else None
    if as_colour:
        rgb.k = k
    out = upsampled_info(info, 4, rgb)
    np.testing.assert_allclose(pixels(out), 4 * (pixels(info) + 0.5) - 0.5, atol=1e-9)
    np.testing.assert_allclose(np.delete(out.p, [3, 7, 11]), out.k)


@pytest.mark.parametrize("empty", ["k", "p"])
def test_what_is_empty_is_filled_where_nothing_is_distorted_and_the_message_that_came_stays_as_it_was(empty):
    whole, info = camera_info(80, 60, 70.0, cx=41.3), camera_info(80, 60, 70.0, cx=41.3)
    setattr(info, empty, np.zeros(9 if empty == "k" else 12))
    before = copy.deepcopy(info)
    np.testing.assert_allclose(getattr(parse_info(info).message, empty), getattr(whole, empty))
    info.d = before.d = [0.1, 0.0, 0.0, 0.0, 0.0]
    assert not any(getattr(parse_info(info).message, empty))
    assert info == before


@pytest.mark.parametrize("roi", [None, (16, 8, 40, 32)])
def test_an_image_that_is_not_rectified_has_k_and_the_lens(roi):
    info = camera_info(80, 60, 70.0)
    info.p[0] = info.p[5] = 60.0  # rectification zooms out
    info.d = [0.1, -0.05, 0.001, 0.002, 0.01]
    if roi:
        info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = roi
    parsed = parse_info(info)
    assert parsed.camera.fx == 60.0 and parsed.unrectified.fx == 70.0
    assert parsed.unrectified.lens.coefficients == tuple(info.d)
    assert (parsed.unrectified.width, parsed.unrectified.height) == image_size(info)
    info.distortion_model = "kaleidoscope"
    with pytest.raises(FrameError, match="kaleidoscope"):
        parse_info(info).unrectified  # noqa: B018
    info.k = np.zeros(9)
    with pytest.raises(FrameError, match="no K"):
        parse_info(info).unrectified  # noqa: B018


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
    "change",
    [
        {"k": np.zeros(9), "p": np.zeros(12)},
        {"k": np.full(9, np.nan), "p": np.full(12, np.nan)},
        {"width": 0},
        {"width": 2**31},
        {"binning_x": 1000},
        {"d": [0.0] * (MAX_COEFFICIENTS + 1)},
    ],
)
def test_a_camera_info_that_cannot_be_is_refused(change):
    info = camera_info(80, 60, 70.0)
    for name, value in change.items():
        setattr(info, name, value)
    cache = CameraInfoCache()
    cache.add(info)
    with pytest.raises(FrameError) as caught:
        cache.find(80, 60, 0)
    assert caught.value.reason == "bad_camera_info" and cache.fault in str(caught.value) != ""
    cache.add(camera_info(80, 60, 70.0))
    assert cache.find(80, 60, 0).camera.fx == 70.0 and cache.fault == ""


def test_a_camera_info_is_looked_through_once_and_its_result_made_once():
    cache = CameraInfoCache()
    found = []
    for stamp in range(3):
        cache.add(camera_info(80, 60, 70.0, stamp_ns=stamp))
        found.append(cache.find(80, 60, stamp))
    assert found[0] is found[1] is found[2]
    first, second = (upsampled_parsed(parsed, 8, None) for parsed in found[:2])
    assert first.k is second.k and first is not second and first.header is not second.header
    cache.add(camera_info(80, 60, 71.0, stamp_ns=3))
    assert upsampled_parsed(cache.find(80, 60, 3), 8, None).k[0] == 8 * 71.0


def test_a_d_of_millions_of_numbers_costs_nothing():
    info = camera_info(80, 60, 70.0)
    info.d = array.array("d", bytes(8_000_000))
    tracemalloc.start()
    cache = CameraInfoCache()
    for _ in range(3):
        cache.add(info)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "1000000 coefficients" in cache.fault and peak < 1_000_000


@pytest.mark.parametrize("factor", [2, 3, 8])
def test_a_camera_info_of_the_undecimated_size_is_scaled_and_told_of(factor):
    cache = CameraInfoCache()
    whole = camera_info(80 * factor + factor - 1, 60 * factor, 70.0 * factor)
    cache.add(whole)
    found = cache.find(80, 60, 0)
    assert f"taken for decimated by {factor}" in cache.note
    assert (found.camera.width, found.camera.height) == (80, 60)
    np.testing.assert_allclose(pixels(found.message), (pixels(whole) + 0.5) / factor - 0.5, atol=1e-9)
    assert cache.find(80, 60, 0) is found
    cache.add(camera_info(80, 60, 70.0))
    assert cache.find(80, 60, 0).camera.fx == 70.0 and cache.note == ""


@pytest.mark.parametrize("change", ["aspect", "region", "more than a camera decimates by", "smaller"])
def test_a_size_that_is_no_whole_multiple_is_a_mismatch(change):
    sizes = {"aspect": (160, 180), "more than a camera decimates by": (80 * 20, 60 * 20), "smaller": (40, 30)}
    info = camera_info(*sizes.get(change, (160, 120)), 70.0)
    if change == "region":
        info.roi.width, info.roi.height = 160, 120
    cache = CameraInfoCache()
    cache.add(info)
    with pytest.raises(FrameError) as caught:
        cache.find(80, 60, 0)
    assert caught.value.reason == "camera_info_mismatch"


def test_the_cache_prefers_the_images_stamp_and_else_gives_the_latest():
    cache = CameraInfoCache()
    for stamp in (10, 20, 30):
        cache.add(camera_info(80, 60, 70.0 + stamp, stamp_ns=stamp))
    assert cache.find(80, 60, 20).camera.fx == 90.0
    assert cache.find(80, 60, 25).camera.fx == 100.0


def test_the_cache_follows_a_change_of_size():
    cache = CameraInfoCache()
    cache.add(camera_info(80, 60, 70.0))
    cache.add(camera_info(160, 120, 140.0))
    assert cache.find(160, 120, 0).camera.width == 160
    assert cache.find(80, 60, 0).camera.width == 80


def test_a_missing_and_a_wrong_camera_info_have_names_of_their_own():
    cache = CameraInfoCache()
    with pytest.raises(FrameError) as caught:
        cache.find(80, 60, 0)
    assert caught.value.reason == "no_camera_info"
    cache.add(camera_info(80, 60, 70.0))
    with pytest.raises(FrameError) as caught:
        cache.find(81, 60, 0)
    assert caught.value.reason == "camera_info_mismatch"
