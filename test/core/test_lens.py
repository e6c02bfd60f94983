"""Lens distortion, compared with OpenCV's and undone."""

import cv2
import numpy as np
import pytest

from depth_sr_ros.core.camera import PinholeCamera
from depth_sr_ros.core.lens import EQUIDISTANT, IDEAL, Lens

LENSES = {
    "plumb_bob": Lens("plumb_bob", (0.12, -0.25, 0.001, -0.0008, 0.07)),
    "four coefficients": Lens("plumb_bob", (-0.2, 0.05, 0.001, -0.0008)),
    # of the kind that an Azure Kinect has
    "rational_polynomial": Lens("rational_polynomial", (0.75, -2.6, 0.0005, -0.0003, 1.5, 0.63, -2.4, 1.43)),
    "thin prism": Lens("rational_polynomial", (0.1, 0.02, 1e-3, 2e-3, 0.01, 0.05, 0.01, 0.0, 1e-3, -2e-3, 5e-4, 1e-3)),
    "equidistant": Lens("equidistant", (-0.01, 0.02, -0.006, 0.0008)),
}
SIDE = 0.7  # on the plane at distance 1


@pytest.fixture
def rays():
    return np.random.default_rng(0).uniform(-SIDE, SIDE, (500, 2))


@pytest.mark.parametrize("name", LENSES)
def test_distortion_is_opencvs(name, rays):
    lens, points = LENSES[name], np.concatenate([rays, np.ones((len(rays), 1))], axis=1)
    zero, coefficients = np.zeros(3), np.array(lens.coefficients)
    if lens.model == "equidistant":
        expected, _ = cv2.fisheye.projectPoints(points[:, None], zero, zero, np.eye(3), coefficients)
    else:
        expected, _ = cv2.projectPoints(points, zero, zero, np.eye(3), coefficients)
    np.testing.assert_allclose(lens.distort(rays), expected.reshape(-1, 2), atol=1e-7)


@pytest.mark.parametrize("name", LENSES)
def test_undistortion_undoes_it(name, rays):
    lens = LENSES[name]
    np.testing.assert_allclose(lens.undistort(lens.distort(rays)), rays, atol=1e-6)


def test_a_polynomial_that_folds_back_is_cut_off():
    lens = Lens("plumb_bob", (-0.3, 0.0, 0.0, 0.0, 0.0))  # r - 0.3 r^3 grows up to r = 1.054
    assert lens.limit == pytest.approx((1 / 0.9) ** 0.5, abs=1e-3)
    assert np.isnan(lens.distort(np.array([[1.5, 0.0]]))).all()
    assert np.isnan(lens.undistort(np.array([[0.9, 0.0]]))).all(), "nothing is projected there"


def test_no_coefficients_and_zeros_are_no_distortion(rays):
    for lens in (Lens(), Lens("plumb_bob", (0.0,) * 5), Lens("", ()), Lens("rational_polynomial", (0.0,) * 14)):
        assert lens.formula == IDEAL
        np.testing.assert_array_equal(lens.distort(rays), rays)
    assert Lens("equidistant", (0.0,) * 4).formula == EQUIDISTANT, "a fisheye without coefficients is a fisheye"


@pytest.mark.parametrize("name", LENSES)
def test_a_camera_with_a_lens_projects_and_back(name):
    camera = PinholeCamera(640, 480, 520.0, 521.0, 318.0, 242.0, lens=LENSES[name])
    pixels = np.random.default_rng(1).uniform(0, (640, 480), (300, 2))
    depth = np.linspace(0.4, 5, 300)
    points = camera.back_project(pixels, depth)
    np.testing.assert_array_equal(points[:, 2], depth)
    np.testing.assert_allclose(camera.project(points), pixels, atol=1e-3)
    np.testing.assert_allclose(camera.resized(80, 60).project(points), (pixels + 0.5) / 8 - 0.5, atol=1e-3)
    assert camera.same_geometry(camera.resized(80, 60))
    assert not camera.same_geometry(PinholeCamera(640, 480, 520.0, 521.0, 318.0, 242.0))


@pytest.mark.parametrize(
    "model, coefficients, says",
    [
        ("barrel", (0.1,), "'barrel'; known models are plumb_bob, rational_polynomial, equidistant"),
        ("plumb_bob", (0.1,), "4 or 5 coefficients, got 1"),
        ("plumb_bob", (0.1, 0, 0, float("nan")), "not finite"),
        ("equidistant", (0.0,) * 5, "4 coefficients, got 5"),
        ("rational_polynomial", (*(0.1,) * 12, 0.02, 0.0), "tilted sensor"),
    ],
)
def test_what_is_no_lens_is_refused_in_words(model, coefficients, says):
    with pytest.raises(ValueError, match=says):
        Lens(model, coefficients)
