"""Registration, checked against a scene that both cameras see by ray casting."""

import cv2
import numpy as np
import pytest

from depth_sr_ros.core.camera import PinholeCamera
from depth_sr_ros.core.registration import Registration

DEPTH = PinholeCamera(80, 60, 62.0, 61.5, 39.2, 29.1)
COLOUR = PinholeCamera(640, 480, 540.0, 541.0, 322.0, 236.0)
WALL = (np.array([0.25, 0.1, 1.0]), 3.0)  # normal . point = offset
BOX = (np.array([0.0, 0.0, 1.0]), 1.2), (-0.35, 0.3, -0.25, 0.2)  # plane, and x and y limits


def pose(degrees_yaw=0.0, degrees_pitch=0.0, translation=(0.0, 0.0, 0.0)) -> np.ndarray:
    a, b = np.radians([degrees_yaw, degrees_pitch])
    yaw = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    pitch = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    transform = np.eye(4)
    transform[:3, :3], transform[:3, 3] = yaw @ pitch, translation
    return transform


POSES = {
    "right": pose(translation=(-0.08, 0.0, 0.0)),
    "left": pose(translation=(0.08, 0.01, 0.0)),
    "turned": pose(3.0, -2.0, translation=(-0.05, 0.02, 0.03)),
    "far": pose(6.0, 1.0, translation=(-0.3, 0.0, -0.05)),
}


def cast(camera: PinholeCamera, camera_from_world: np.ndarray, pixels=None) -> tuple[np.ndarray, np.ndarray]:
    """Depth that the camera sees along rays through `pixels` (all by default), and whether it is the box."""
    if pixels is None:
        rows, columns = np.mgrid[0 : camera.height, 0 : camera.width]
        pixels = np.stack([columns.ravel(), rows.ravel()], axis=1)
    rays = camera.back_project(pixels, np.ones(len(pixels)))  # z = 1: the ray's parameter is depth
    world_from_camera = np.linalg.inv(camera_from_world)
    origin, rays = world_from_camera[:3, 3], rays @ world_from_camera[:3, :3].T
    (normal, offset), (left, right, top, bottom) = BOX
    to_wall = (WALL[1] - WALL[0] @ origin) / (rays @ WALL[0])
    to_box = (offset - normal @ origin) / (rays @ normal)
    x, y, _ = (origin + to_box[:, None] * rays).T
    on_box = (left < x) & (x < right) & (top < y) & (y < bottom)
    return np.where(on_box, to_box, to_wall), on_box


def image(values: np.ndarray, camera: PinholeCamera) -> np.ndarray:
    return values.reshape(camera.height, camera.width)


def grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    return cv2.dilate(mask.astype(np.uint8), None, iterations=pixels, borderValue=0).astype(bool)


def shrunk(mask: np.ndarray, pixels: int) -> np.ndarray:
    return cv2.erode(mask.astype(np.uint8), None, iterations=pixels, borderValue=0).astype(bool)


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("name", POSES)
class TestTwoCameras:
    @pytest.fixture
    def views(self, size, name):
        """Registered depth, the ground truth, where the ground truth is the box, and where the depth camera sees it too."""
        transform, camera = POSES[name], DEPTH.scaled(size)
        registration = Registration(camera, COLOUR.resized(camera.width, camera.height), transform)
        seen = image(cast(camera, np.eye(4))[0], camera).astype(np.float32)
        ground_truth, on_box = cast(registration.target, transform)
        rows, columns = np.mgrid[0 : camera.height, 0 : camera.width]
        points = registration.target.back_project(np.stack([columns.ravel(), rows.ravel()], axis=1), ground_truth)
        points = np.linalg.inv(transform) @ np.vstack([points.T, np.ones(len(points))])
        pixels = camera.project(points[:3].T)
        inside = (pixels > -0.5).all(axis=1) & (pixels < (camera.width - 0.5, camera.height - 0.5)).all(axis=1)
        visible = inside & (np.abs(cast(camera, np.eye(4), pixels)[0] - points[2]) < 1e-6)
        return registration(seen), *(image(values, camera) for values in (ground_truth, on_box, visible))

    def test_depth_is_that_of_the_colour_camera(self, views):
        found, ground_truth, on_box, visible = views
        for surface in (on_box, ~on_box):
            inner = shrunk(surface & visible, 2)
            assert inner.sum() > 50
            assert np.nanmax(np.abs(found - ground_truth)[inner]) < 2e-3

    def test_surfaces_stay_closed(self, views):
        found, _, on_box, visible = views
        for surface in (on_box, ~on_box):
            assert np.isfinite(found[shrunk(surface & visible, 2)]).all()

    def test_the_nearest_wins(self, views):
        found, ground_truth, on_box, visible = views
        covered = shrunk(on_box & visible, 1)
        np.testing.assert_allclose(found[covered], ground_truth[covered], atol=0.05)

    def test_what_only_the_colour_camera_sees_is_unknown(self, views):
        found, _, _, visible = views
        hidden = ~grown(visible, 2)
        assert np.isnan(found[hidden]).all()


def test_the_far_pose_hides_something():
    """Else the tests above would show nothing about occlusion."""
    registration = Registration(DEPTH, COLOUR.binned(8, 8), POSES["far"])
    found = registration(image(cast(DEPTH, np.eye(4))[0], DEPTH).astype(np.float32))
    assert np.isnan(found[10:-10, 20:-20]).sum() > 20


def noisy_depth() -> np.ndarray:
    depth = np.random.default_rng(0).uniform(0.5, 4, (60, 80)).astype(np.float32)
    depth[10:20, 30:40] = np.nan
    return depth


def test_the_same_camera_changes_nothing():
    depth = noisy_depth()
    registered = Registration(DEPTH, DEPTH, np.eye(4))(depth)
    np.testing.assert_array_equal(np.isnan(registered), np.isnan(depth))
    smooth = np.linspace(1, 1.5, 80, dtype=np.float32) * np.ones((60, 1), np.float32)
    np.testing.assert_allclose(Registration(DEPTH, DEPTH, np.eye(4))(smooth), smooth, rtol=2e-3)


def test_a_thin_object_survives():
    depth = np.full((60, 80), 3.0, np.float32)
    depth[:, 40] = 1.0
    registered = Registration(DEPTH, DEPTH, pose(translation=(-0.05, 0.0, 0.0)))(depth)
    assert ((registered < 1.001).sum(axis=1) >= 1).all()


def test_very_coarse_depth_is_drawn_closed():
    coarse = PinholeCamera(8, 6, 6.2, 6.2, 3.5, 2.5)  # a tile reaches 30 pixels to either side
    registered = Registration(coarse, coarse.scaled(60), pose(translation=(-0.02, 0.0, 0.0)))(np.full((6, 8), 2.0, np.float32))
    np.testing.assert_allclose(registered[:, :-10], 2.0, rtol=1e-5)


def test_invalid_depth_lands_nowhere():
    for bad in (np.nan, np.inf, -np.inf, 0.0, -1.0):
        registered = Registration(DEPTH, COLOUR.binned(8, 8), POSES["turned"])(np.full((60, 80), bad, np.float32))
        assert np.isnan(registered).all()


def test_depth_behind_or_at_the_lens_of_the_colour_camera_is_left_out():
    backwards = pose(180.0)
    assert np.isnan(Registration(DEPTH, COLOUR.binned(8, 8), backwards)(np.ones((60, 80), np.float32))).all()
    at_the_lens = pose(translation=(0, 0, -0.9999))
    assert np.isnan(Registration(DEPTH, COLOUR.binned(8, 8), at_the_lens)(np.ones((60, 80), np.float32))).all()


def test_a_baseline_in_the_projection_is_a_baseline():
    depth = image(cast(DEPTH, np.eye(4))[0], DEPTH).astype(np.float32)
    camera = PinholeCamera(640, 480, 540.0, 541.0, 322.0, 236.0, tx=-540.0 * 0.08)
    by_projection = Registration(DEPTH, camera.binned(8, 8), np.eye(4))(depth)
    np.testing.assert_allclose(by_projection, Registration(DEPTH, COLOUR.binned(8, 8), POSES["right"])(depth), rtol=1e-5)


@pytest.mark.parametrize(
    "matrix, says",
    [
        (np.eye(3), r"\(3, 3\)"),
        (2 * np.eye(4), "not a rigid"),
        (np.diag([1.0, 1.0, -1.0, 1.0]), "not a rigid"),
        (np.full((4, 4), np.nan), "not a rigid"),
    ],
)
def test_what_is_no_rigid_transform_is_refused(matrix, says):
    with pytest.raises(ValueError, match=says):
        Registration(DEPTH, COLOUR.binned(8, 8), matrix)


def test_an_image_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"\(30, 40\)"):
        Registration(DEPTH, COLOUR.binned(8, 8), np.eye(4))(np.ones((30, 40), np.float32))
