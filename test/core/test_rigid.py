"""Rigid transforms from what users and TF write."""

import numpy as np
import pytest

from depth_sr_ros.core import rigid


def test_euler_angles_turn_about_fixed_axes_roll_first():
    turned = rigid.from_euler(1, 2, 3, 0.1, -0.4, 0.7)
    about_x, about_y, about_z = (rigid.from_euler(0, 0, 0, *angles) for angles in np.diag([0.1, -0.4, 0.7]))
    np.testing.assert_allclose(turned[:3, :3], (about_z @ about_y @ about_x)[:3, :3], atol=1e-12)
    np.testing.assert_array_equal(turned[:, 3], (1, 2, 3, 1))
    quarter = rigid.from_euler(0, 0, 0, 0, 0, np.pi / 2)
    np.testing.assert_allclose(quarter @ (1, 0, 0, 1), (0, 1, 0, 1), atol=1e-12)  # x to y about z


def test_a_quaternion_is_the_same_rotation():
    half = np.array([0.3, -0.2, 0.5]) / 2
    angle = np.linalg.norm(half)
    quaternion = (*(half / angle * np.sin(angle)), np.cos(angle))
    import cv2

    expected, _ = cv2.Rodrigues(2 * half)
    transform = rigid.from_quaternion((0.1, 0.2, 0.3), quaternion)
    np.testing.assert_allclose(transform[:3, :3], expected, atol=1e-12)
    np.testing.assert_array_equal(transform[:3, 3], (0.1, 0.2, 0.3))
    assert rigid.is_identity(rigid.from_quaternion((0, 0, 0), (0, 0, 0, 1)))
    assert not rigid.is_identity(transform)


@pytest.mark.parametrize("quaternion", [(0, 0, 0, 0), (1, 1, 0, 0), (0, 0, 0, float("nan"))])
def test_what_is_no_rotation_is_refused(quaternion):
    with pytest.raises(ValueError, match="of length"):
        rigid.from_quaternion((0, 0, 0), quaternion)
    with pytest.raises(ValueError, match="not a rigid"):
        rigid.from_quaternion((0, 0, float("inf")), (0, 0, 0, 1))
