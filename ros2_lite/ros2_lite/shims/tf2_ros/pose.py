"""Poses: a translation (3,) in metres and a rotation as a unit quaternion (x, y, z, w)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pose:
    """Where a child frame lies in its parent frame."""

    translation: np.ndarray
    rotation: np.ndarray

    def __matmul__(self, inner: Pose) -> Pose:
        """Return the pose of `inner`'s child in this pose's parent."""
        turned = rotate(self.rotation, inner.translation)
        return Pose(self.translation + turned, multiply(self.rotation, inner.rotation))

    def inverse(self) -> Pose:
        """Return where the parent lies in the child."""
        back = self.rotation * (-1.0, -1.0, -1.0, 1.0)
        return Pose(-rotate(back, self.translation), back)


def multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the rotation `b`, then `a`."""
    vector = a[3] * b[:3] + b[3] * a[:3] + np.cross(a[:3], b[:3])
    return np.append(vector, a[3] * b[3] - a[:3] @ b[:3])


def rotate(rotation: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Return the vector, turned."""
    twice = 2 * np.cross(rotation[:3], vector)
    return vector + rotation[3] * twice + np.cross(rotation[:3], twice)


def interpolate(before: Pose, after: Pose, share: float) -> Pose:
    """Return the pose at `share` (0 to 1) of the way: straight for the translation, along the arc for the rotation."""
    translation = (1 - share) * before.translation + share * after.translation
    cosine = float(before.rotation @ after.rotation)
    end = after.rotation if cosine >= 0 else -after.rotation
    angle = np.arccos(min(abs(cosine), 1.0))
    if angle < 1e-6:
        weights = 1 - share, share
    else:
        weights = np.sin((1 - share) * angle) / np.sin(angle), np.sin(share * angle) / np.sin(angle)
    rotation = weights[0] * before.rotation + weights[1] * end
    return Pose(translation, rotation / np.linalg.norm(rotation))
