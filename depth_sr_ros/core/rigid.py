"""Rigid transforms as (4, 4) matrices that take points from one frame into another, metres."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

ORTHONORMAL = 1e-3  # what a rotation may lack, for the few digits of a calibration file
IDENTICAL = 1e-6
NORM = 0.01  # what a quaternion's length may lack, as tf2 has it


def from_euler(x: float, y: float, z: float, roll: float, pitch: float, yaw: float) -> np.ndarray:
    """From metres and radians about fixed axes, roll first, as static_transform_publisher and URDF take them."""
    (a, b, c), (d, e, f) = np.cos([roll, pitch, yaw]), np.sin([roll, pitch, yaw])
    about_x = np.array([[1, 0, 0], [0, a, -d], [0, d, a]])
    about_y = np.array([[b, 0, e], [0, 1, 0], [-e, 0, b]])
    about_z = np.array([[c, -f, 0], [f, c, 0], [0, 0, 1]])
    return from_rotation(about_z @ about_y @ about_x, (x, y, z))


def from_quaternion(translation: Sequence[float], quaternion: Sequence[float]) -> np.ndarray:
    """From x, y, z in metres and x, y, z, w of geometry_msgs/Transform. Raises ValueError where that is no rotation."""
    x, y, z, w = map(float, quaternion)
    norm = np.sqrt(x * x + y * y + z * z + w * w)
    if not abs(norm - 1) <= NORM:
        raise ValueError(f"quaternion ({x:g}, {y:g}, {z:g}, {w:g}) is of length {norm:g}; a rotation's is 1")
    x, y, z, w = x / norm, y / norm, z / norm, w / norm
    rotation = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return checked_rigid(from_rotation(np.array(rotation), translation))


def from_rotation(rotation: np.ndarray, translation: Sequence[float]) -> np.ndarray:
    """From a (3, 3) rotation and x, y, z in metres."""
    transform = np.eye(4)
    transform[:3, :3], transform[:3, 3] = rotation, translation
    return transform


def checked_rigid(transform: np.ndarray) -> np.ndarray:
    """The (4, 4) matrix as float64. Raises ValueError where it is no rotation with a translation."""
    transform = np.asarray(transform, dtype=np.float64)
    if transform.shape != (4, 4):
        raise ValueError(f"a rigid transform is a (4, 4) matrix, got {transform.shape}")
    rotation = transform[:3, :3]
    is_rotation = np.allclose(rotation @ rotation.T, np.eye(3), atol=ORTHONORMAL) and np.linalg.det(rotation) > 0
    if not (is_rotation and np.isfinite(transform).all() and np.array_equal(transform[3], (0, 0, 0, 1))):
        raise ValueError(f"not a rigid transform (a rotation and a translation in metres): {transform.tolist()}")
    return transform


def is_identity(transform: np.ndarray) -> bool:
    """Whether it moves nothing."""
    return bool(np.allclose(transform, np.eye(4), atol=IDENTICAL))
