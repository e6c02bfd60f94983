"""Registration: a depth image as the colour camera would have measured it, at its own resolution."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from depth_sr_ros.core.camera import PinholeCamera

CONTINUITY = 0.05  # neighbours whose depths differ by less than this part of the nearer one lie on one surface
LARGEST_TILE = 16  # pixels; what a depth pixel would cover beyond this (something at the lens) is left out


class Registration:
    """Moves depth images from one camera into another.

    Every depth pixel is a tile of the surface that it measured: its corners are shared with the neighbours
    that lie on the same surface, so a surface stays closed however it is turned, and ends where the depth
    jumps. The tiles are drawn into the colour camera with a z-buffer: the nearest wins, and where no tile
    lands the depth is invalid. Tiles seen from behind are not drawn.

    depth_camera, colour_camera: of the very pixels of the images. colour_from_depth: (4, 4) rigid transform,
    metres, points in the depth camera's optical frame -> the colour camera's. `camera` is that of the
    registered images: the colour camera at the depth camera's resolution. Raises ValueError for a matrix that
    is not a rigid transform.
    """

    def __init__(self, depth_camera: PinholeCamera, colour_camera: PinholeCamera, colour_from_depth: np.ndarray) -> None:
        self.camera = colour_camera.resized(depth_camera.width, depth_camera.height)
        transform = _checked_rigid(colour_from_depth)
        self._shape = (depth_camera.height, depth_camera.width)
        self._matrix = np.ascontiguousarray(_projection(self.camera) @ transform @ _back_projection(depth_camera))
        self._draw = _compiled_draw()

    def __call__(self, depth: np.ndarray) -> np.ndarray:
        """(h, w) float32 metres -> as the colour camera sees it; what is not positive and finite is NaN.

        Raises ValueError where the image is not of the depth camera's size.
        """
        if depth.shape != self._shape:
            raise ValueError(f"depth image is {depth.shape}, its camera (h, w) = {self._shape}")
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = np.reciprocal(depth, dtype=np.float32, order="C")
        inverse[~((inverse > 0) & np.isfinite(inverse))] = 0
        registered = np.zeros(self._shape, np.float32)  # inverse depth: 0 is infinitely far
        self._draw(inverse, self._matrix, registered)
        with np.errstate(divide="ignore"):
            return np.where(registered > 0, 1 / registered, np.float32(np.nan))


def _projection(camera: PinholeCamera) -> np.ndarray:
    """(3, 4): (x, y, z, 1) -> (u z, v z, z)."""
    return np.array(camera.p).reshape(3, 4)


def _back_projection(camera: PinholeCamera) -> np.ndarray:
    """(4, 4): (u z, v z, z, 1) -> (x, y, z, 1)."""
    return np.linalg.inv(np.vstack([_projection(camera), (0, 0, 0, 1)]))


def _checked_rigid(transform: np.ndarray) -> np.ndarray:
    transform = np.asarray(transform, dtype=np.float64)
    if transform.shape != (4, 4):
        raise ValueError(f"colour_from_depth must be a (4, 4) matrix, got {transform.shape}")
    rotation = transform[:3, :3]
    is_rotation = np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3) and np.linalg.det(rotation) > 0
    if not (is_rotation and np.isfinite(transform).all() and np.array_equal(transform[3], (0, 0, 0, 1))):
        raise ValueError(f"colour_from_depth is not a rigid transform: {transform.tolist()}")
    return transform


@lru_cache(maxsize=1)
def _compiled_draw():
    """Compile the z-buffer when it is first needed: numba takes a second to import and to load its cache."""
    import numba

    same_surface = np.float32(1 - CONTINUITY)

    @numba.njit(cache=True, nogil=True)
    def corner(inverse, row, column, down, right, matrix):
        """A tile's corner in the target: its place, its inverse depth there, and the sign of its depth.

        In inverse depth a plane is linear over the image, so the mean of the pixels around a corner is exact.
        """
        height, width = inverse.shape
        own = inverse[row, column]
        total, count = np.float32(0), 0
        for i in range(row - 1 + down, row + 1 + down):
            for j in range(column - 1 + right, column + 1 + right):
                if 0 <= i < height and 0 <= j < width:
                    other = inverse[i, j]
                    if min(own, other) > same_surface * max(own, other):
                        total += other
                        count += 1
        w = total / count
        u, v = column - 0.5 + right, row - 0.5 + down
        z = matrix[2, 0] * u + matrix[2, 1] * v + matrix[2, 2] + matrix[2, 3] * w
        if z <= 0:
            return 0.0, 0.0, -1.0
        x = (matrix[0, 0] * u + matrix[0, 1] * v + matrix[0, 2] + matrix[0, 3] * w) / z
        y = (matrix[1, 0] * u + matrix[1, 1] * v + matrix[1, 2] + matrix[1, 3] * w) / z
        return x, y, w / z

    @numba.njit(cache=True, nogil=True)
    def triangle(a, b, c, target):
        """Draw a triangle where it is nearer than what is there; a, b, c: (x, y, inverse depth)."""
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if area <= 0:
            return
        height, width = target.shape
        first_x, last_x = np.ceil(min(a[0], b[0], c[0])), np.floor(max(a[0], b[0], c[0]))
        first_y, last_y = np.ceil(min(a[1], b[1], c[1])), np.floor(max(a[1], b[1], c[1]))
        if last_x - first_x > LARGEST_TILE or last_y - first_y > LARGEST_TILE:
            return
        for y in range(int(max(first_y, 0.0)), int(min(last_y, height - 1.0)) + 1):
            for x in range(int(max(first_x, 0.0)), int(min(last_x, width - 1.0)) + 1):
                to_c = (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])
                to_a = (c[0] - b[0]) * (y - b[1]) - (c[1] - b[1]) * (x - b[0])
                to_b = area - to_a - to_c
                if to_a >= 0 and to_b >= 0 and to_c >= 0:
                    nearness = (to_a * a[2] + to_b * b[2] + to_c * c[2]) / area
                    if nearness > target[y, x]:
                        target[y, x] = nearness

    @numba.njit(cache=True, nogil=True)
    def draw(inverse, matrix, target):
        for row in range(inverse.shape[0]):
            for column in range(inverse.shape[1]):
                if inverse[row, column] == 0:
                    continue
                a = corner(inverse, row, column, 0, 0, matrix)
                b = corner(inverse, row, column, 0, 1, matrix)
                c = corner(inverse, row, column, 1, 1, matrix)
                d = corner(inverse, row, column, 1, 0, matrix)
                if a[2] > 0 and b[2] > 0 and c[2] > 0 and d[2] > 0:
                    triangle(a, b, c, target)
                    triangle(a, c, d, target)

    return draw
