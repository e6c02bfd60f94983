"""Camera geometry, proven by where points land."""

import numpy as np
import pytest

from depth_sr_ros.core.camera import PinholeCamera, SensorWindow

SCALES = (2, 4, 8, 16)
COLOUR = PinholeCamera(640, 480, fx=525.3, fy=524.1, cx=318.7, cy=241.2, tx=-41.5, ty=3.25)
DEPTH = PinholeCamera(80, 60, fx=65.2, fy=66.1, cx=38.9, cy=30.4, tx=-5.5, ty=0.75)


@pytest.fixture
def points():
    rng = np.random.default_rng(0)
    return rng.uniform((-2, -2, 0.4), (2, 2, 6), size=(500, 3))


def fraction_of_image(camera: PinholeCamera, points: np.ndarray) -> np.ndarray:
    """Where points land as fractions of the image: 0 its left (upper) edge, 1 its right (lower) edge."""
    return (camera.project(points) + 0.5) / (camera.width, camera.height)


@pytest.mark.parametrize("scale", SCALES)
def test_a_point_lands_at_the_same_place_of_the_image_at_every_scale(scale, points):
    fine = DEPTH.scaled(scale)
    assert (fine.width, fine.height) == (scale * 80, scale * 60)
    np.testing.assert_allclose(fraction_of_image(fine, points), fraction_of_image(DEPTH, points), atol=1e-9)


@pytest.mark.parametrize("scale", SCALES)
def test_a_low_pixel_is_the_centre_of_its_block_of_fine_pixels(scale):
    fine = DEPTH.scaled(scale)
    rows, columns = np.mgrid[0:scale, 0:scale]
    block = np.stack([scale * 17 + columns.ravel(), scale * 9 + rows.ravel()], axis=1)
    seen = fine.back_project(block, np.full(scale * scale, 1.7)).mean(axis=0)
    np.testing.assert_allclose(DEPTH.project(seen[None]), [[17, 9]], atol=1e-9)


@pytest.mark.parametrize("scale", SCALES)
def test_scaling_matches_an_image_resampled_by_area(scale):
    """The camera convention is the one by which pixels are resampled: the centroid of a blob says so."""
    import cv2

    fine = DEPTH.scaled(scale)
    point = DEPTH.back_project(np.array([[40.3, 28.6]]), np.array([2.0]))
    u, v = fine.project(point)[0]
    rows, columns = np.mgrid[0 : fine.height, 0 : fine.width]
    blob = np.exp(-((columns - u) ** 2 + (rows - v) ** 2) / (2 * (3.0 * scale) ** 2))
    low = cv2.resize(blob, (DEPTH.width, DEPTH.height), interpolation=cv2.INTER_AREA)
    rows, columns = np.mgrid[0 : DEPTH.height, 0 : DEPTH.width]
    centroid = [(low * columns).sum() / low.sum(), (low * rows).sum() / low.sum()]
    np.testing.assert_allclose(centroid, DEPTH.project(point)[0], atol=1e-4)


def test_back_projection_undoes_projection(points):
    np.testing.assert_allclose(DEPTH.back_project(DEPTH.project(points), points[:, 2]), points, atol=1e-9)


def test_cropping_moves_the_pixels_and_nothing_else(points):
    np.testing.assert_allclose(COLOUR.cropped(31, 17, 200, 100).project(points), COLOUR.project(points) - (31, 17))


def test_binning_undoes_scaling():
    assert DEPTH.scaled(4).binned(4, 4) == DEPTH


def test_binning_leaves_out_incomplete_blocks(points):
    odd = PinholeCamera(641, 483, 525.0, 525.0, 320.0, 240.0)
    binned = odd.binned(2, 4)
    assert (binned.width, binned.height) == (320, 120)
    np.testing.assert_allclose(binned.project(points), (odd.project(points) + 0.5) / (2, 4) - 0.5)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(
    "window",
    [
        SensorWindow(COLOUR),
        SensorWindow(COLOUR, bx=0, by=0),
        SensorWindow(COLOUR, bx=2, by=4),
        SensorWindow(COLOUR, x=64, y=31, width=320, height=241),
        SensorWindow(COLOUR, x=64, y=31, width=321, height=243, bx=2, by=4),
        SensorWindow(PinholeCamera(641, 483, 525.0, 520.0, 322.0, 239.0), bx=2, by=2),
    ],
)
def test_region_and_binning_survive_scaling(scale, window, points):
    low, fine = window.image_camera(), window.scaled(scale).image_camera()
    assert (fine.width, fine.height) == (scale * low.width, scale * low.height)
    np.testing.assert_allclose(fraction_of_image(fine, points), fraction_of_image(low, points), atol=1e-9)


def test_region_of_interest_is_in_unbinned_sensor_pixels(points):
    camera = SensorWindow(COLOUR, x=100, y=40, width=200, height=120, bx=2, by=2).image_camera()
    assert (camera.width, camera.height) == (100, 60)
    np.testing.assert_allclose(camera.project(points), (COLOUR.project(points) - (100, 40) + 0.5) / 2 - 0.5)


def test_a_whole_sensor_stays_a_whole_sensor():
    window = SensorWindow(COLOUR).scaled(8)
    assert (window.x, window.y, window.width, window.height) == (0, 0, 0, 0)


def test_matrices_round_trip():
    assert PinholeCamera.from_p(COLOUR.width, COLOUR.height, COLOUR.p) == COLOUR
    without_baseline = PinholeCamera.from_k(COLOUR.width, COLOUR.height, COLOUR.k)
    assert without_baseline.k == COLOUR.k and without_baseline.tx == without_baseline.ty == 0


def test_same_geometry_is_about_the_view_not_the_resolution():
    assert COLOUR.same_geometry(COLOUR.binned(8, 8))
    assert COLOUR.binned(8, 8).scaled(8).same_geometry(COLOUR, tolerance=1e-6)
    naive = COLOUR.binned(8, 8)
    naive = PinholeCamera(640, 480, 8 * naive.fx, 8 * naive.fy, 8 * naive.cx, 8 * naive.cy, 8 * naive.tx, 8 * naive.ty)
    assert not COLOUR.same_geometry(naive), "scaling the principal point by 8 alone is 3.5 pixels off"
    assert not COLOUR.same_geometry(COLOUR.cropped(0, 0, 640, 400))
    assert not COLOUR.same_geometry(PinholeCamera(640, 480, COLOUR.fx, COLOUR.fy, COLOUR.cx, COLOUR.cy))


@pytest.mark.parametrize(
    "make, says",
    [
        (lambda: PinholeCamera(0, 480, 1, 1, 0, 0), "0 x 480"),
        (lambda: PinholeCamera.from_k(640, 480, [0.0] * 9), "calibrated"),
        (lambda: PinholeCamera(640, 480, float("nan"), 1, 0, 0), "nan"),
        (lambda: PinholeCamera(640, 480, 1, 1, float("inf"), 0), "finite"),
        (lambda: COLOUR.cropped(600, 0, 41, 10), "41 x 10 at"),
        (lambda: COLOUR.cropped(-1, 0, 41, 10), "leaves the image"),
        (lambda: COLOUR.binned(0, 1), "binning 0 x 1"),
        (lambda: COLOUR.binned(1000, 1), "0 x 480"),
        (lambda: SensorWindow(COLOUR, x=10).image_camera(), "640 x 480 at"),
    ],
)
def test_what_is_no_camera_is_refused_in_words(make, says):
    with pytest.raises(ValueError, match=says):
        make()
