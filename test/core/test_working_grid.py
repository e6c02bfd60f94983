"""The grid that the network works on, whatever the sizes of the colour image."""

import numpy as np
import pytest
from rigs import low, rig_of

from depth_sr_ros import FrameError, Upsampler
from depth_sr_ros.core.camera import PinholeCamera
from depth_sr_ros.core.lens import Lens
from depth_sr_ros.core.rigid import from_euler
from depth_sr_ros.core.working_grid import Rig, best_scale, grid_camera, grid_shape, pad_to_grid

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


def test_a_pixel_of_the_grid_is_the_centre_of_its_block():
    colour = PinholeCamera(641, 477, 520.0, 522.0, 318.0, 236.0, lens=Lens("plumb_bob", (0.1, -0.1, 0.001, 0.0, 0.0)))
    points = np.random.default_rng(0).uniform((-0.5, -0.4, 1), (0.5, 0.4, 3), (100, 3))
    expected = (colour.project(points) + 0.5) / 8 - 0.5
    camera = grid_camera(colour, 8)
    assert (camera.width, camera.height) == (81, 60)
    np.testing.assert_allclose(camera.project(points), expected, atol=1e-9)


@pytest.mark.parametrize(
    "name, factor, scale",
    [
        ("kinect_v1", 8, 8),
        ("kinect_v1", 1, 4),
        ("azure_kinect", 1, 4),
        ("azure_kinect", 2, 4),
        ("azure_kinect", 4, 8),
        ("iphone_lidar", 1, 8),
    ],
)
def test_the_best_scale_keeps_the_sensors_resolution(name, factor, scale):
    rig = low(rig_of(name), factor)
    assert best_scale(rig.colour, rig.depth, (4, 8, 16)) == scale


COLOUR = PinholeCamera(640, 480, 528.0, 528.0, 318.5, 240.0)
SHIFTED = from_euler(-0.0185, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    "depth, transform, way",
    [
        (COLOUR.resized(80, 60), None, "as it is"),
        (COLOUR.resized(80, 60), np.eye(4), "as it is"),
        # the convention of drivers that scale the principal point alone
        (PinholeCamera(80, 60, 66.0, 66.0, 318.5 / 8, 30.0), None, "as it is"),
        (COLOUR, None, "reduced"),
        (COLOUR.resized(320, 240), None, "reduced"),
        (COLOUR.resized(1280, 960), None, "reduced"),
        (COLOUR.resized(100, 75), None, "resampled"),
        (COLOUR.resized(40, 30), None, "resampled"),
        (COLOUR.resized(80, 60), SHIFTED, "projected"),
        (PinholeCamera(80, 60, 73.0, 73.0, 39.5, 29.5), None, "projected"),
        (COLOUR.cropped(0, 0, 640, 400), None, "projected"),
    ],
)
def test_what_is_done_follows_from_the_cameras(depth, transform, way):
    rig = Rig(COLOUR, depth, transform, 8)
    assert rig.way == way
    assert rig.way == "projected" or f"{depth.width} x {depth.height}" in rig.reason
    brought = rig.bring(np.full((depth.height, depth.width), 1500, np.uint16))
    assert brought.shape == (60, 80)
    assert np.nanmax(np.abs(brought - (1500 if way == "as it is" else 1.5))) < 1e-5
    assert Rig(COLOUR, depth, transform, 8, registration="reproject").way == "projected"


def test_registration_none_trusts_the_user():
    depth = PinholeCamera(80, 60, 73.0, 73.0, 39.5, 29.5)
    assert Rig(COLOUR, depth, SHIFTED, 8, registration="none").way == "as it is"
    with pytest.raises(FrameError, match="640 x 480, depth image 100 x 50"):
        Rig(COLOUR, PinholeCamera(100, 50, 73.0, 73.0, 39.5, 29.5), SHIFTED, 8, registration="none")


@pytest.mark.parametrize("colour_size", [(640, 480), (643, 485)])
@pytest.mark.parametrize("reduction, expected", [("median", np.nanmedian), ("mean", np.nanmean)])
def test_depth_of_the_colour_images_size_is_reduced_block_by_block(colour_size, reduction, expected):
    """A ramp with noise and holes; a block that is less than half measured is a hole, its part beyond the image not missed."""
    width, height = colour_size
    rng = np.random.default_rng(0)
    depth = (1 + np.arange(width) / width + rng.normal(0, 0.003, (height, width))).astype(np.float32)
    depth[rng.random(depth.shape) < 0.3] = 0
    depth[100:140, 200:300] = np.nan
    camera = PinholeCamera(width, height, 528.0, 528.0, 318.5, 240.0, lens=Lens("plumb_bob", (0.2, -0.3, 0, 0, 0)))
    found = Rig(camera, camera, scale=8, reduction=reduction).bring(depth)
    rows, columns = grid_shape((height, width), 8)
    padded = np.full((8 * rows, 8 * columns), np.nan)
    padded[:height, :width] = np.where(depth > 0, depth, np.nan)
    blocks = padded.reshape(rows, 8, columns, 8).swapaxes(1, 2).reshape(rows, columns, 64)
    inside = np.zeros_like(padded, bool)
    inside[:height, :width] = True
    inside = inside.reshape(rows, 8, columns, 8).swapaxes(1, 2).reshape(rows, columns, 64).sum(axis=2)
    measured = np.isfinite(blocks).sum(axis=2)
    enough = 2 * measured >= inside
    assert 0.9 < enough.mean() < 1
    np.testing.assert_array_equal(np.isfinite(found), enough)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(found[enough], expected(blocks[enough], axis=1), rtol=2e-5)


def test_what_is_narrower_than_half_a_pixel_is_kept_and_borders_stay_where_they_are():
    depth = np.full((480, 640), 3.0, np.float32)
    depth[:, 321:324] = 1.0  # 3 of the 8 columns of a block
    depth[:, 403:] = 2.0  # a border that cuts a block at 5 of 8
    found = Rig(COLOUR, COLOUR, scale=8).bring(depth)
    np.testing.assert_array_equal(found[:, 40], 1)
    np.testing.assert_array_equal(found[:, 39], 3)
    np.testing.assert_array_equal(found[:, 41], 3)
    np.testing.assert_array_equal(found[:, 49:52], [[3, 2, 2]] * 60)


def test_depth_that_lands_nowhere_is_an_error_that_names_what_to_look_at():
    rig = Rig(COLOUR, COLOUR.resized(80, 60), from_euler(50, 0, 0, 0, 0, 0), 8)
    with pytest.raises(FrameError, match=r"none of the 4800 valid depth pixels \(1.5 to 1.5 m\).*50000.*unit") as caught:
        rig.bring(np.full((60, 80), 1500, np.uint16))
    assert caught.value.reason == "no_overlap"
    assert np.isnan(rig.bring(np.zeros((60, 80), np.uint16))).all(), "what is empty is said to be empty later"


@pytest.mark.parametrize(
    "options, says",
    [
        ({"registration": "maybe"}, "auto, none, reproject"),
        ({"reduction": "mode"}, "median, mean"),
        ({"coverage": 2}, "0 to 1"),
    ],
)
def test_wrong_options_are_refused_with_the_choices(options, says):
    with pytest.raises(ValueError, match=says):
        Rig(COLOUR, COLOUR, scale=8, **options)
    with pytest.raises(ValueError, match=r"\(480, 640\)"):
        Rig(COLOUR, COLOUR, scale=8).bring(np.ones((30, 40), np.float32))


@pytest.mark.parametrize("by", [0.005, 0.5])
def test_a_rig_whose_depth_camera_has_moved_is_that_of_its_new_place(by):
    depth_camera = COLOUR.resized(160, 120)
    depth = np.where(np.arange(160) < 80, 1.0, 2.0).astype(np.float32) * np.ones((120, 1), np.float32)
    place = from_euler(-0.0185 - by, 0, 0, 0, 0.01 * by, 0)
    rig = Rig(COLOUR, depth_camera, SHIFTED, 8)
    before = rig.bring(depth)
    moved = rig.moved(place)
    np.testing.assert_array_equal(moved.bring(depth), Rig(COLOUR, depth_camera, place, 8).bring(depth))
    np.testing.assert_array_equal(rig.bring(depth), before)
    assert not np.array_equal(moved.bring(depth), before, equal_nan=True)
