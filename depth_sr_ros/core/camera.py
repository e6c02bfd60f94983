"""The camera with its lens, and what happens to it when its image is scaled, cropped or binned. No ROS here.

Convention: pixel centres are at integers, so an image of width W spans [-0.5, W - 0.5]. A point that projects
to u in an image projects to s * (u + 0.5) - 0.5 in the same image at s times the resolution. Scaling the
principal point by s alone is off by (s - 1) / 2 pixels: 3.5 at x8.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from depth_sr_ros.core.lens import Lens

IDEAL = Lens()


@dataclass(frozen=True)
class PinholeCamera:
    """The 3 x 4 projection [fx 0 cx tx; 0 fy cy ty; 0 0 1 0] of an image, the image's size, and its lens' distortion.

    A rectified image has the ideal lens. tx, ty are P[3], P[7] of sensor_msgs/CameraInfo (pixels x metres; tx = -fx *
    baseline for the right camera of a stereo pair, 0 otherwise). Raises ValueError for an empty image or a projection that
    is not one.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    tx: float = 0.0
    ty: float = 0.0
    lens: Lens = IDEAL

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"camera image is {self.width} x {self.height} pixels; both must be at least 1")
        if not (self.fx > 0 and self.fy > 0):
            raise ValueError(f"focal lengths fx={self.fx}, fy={self.fy} must be positive (is the camera calibrated?)")
        if not all(map(math.isfinite, (self.fx, self.fy, self.cx, self.cy, self.tx, self.ty))):
            raise ValueError(f"camera has a value that is not finite: {self}")

    @classmethod
    def from_k(cls, width: int, height: int, k: Sequence[float]) -> PinholeCamera:
        """From the row-major 3 x 3 matrix K of a sensor_msgs/CameraInfo."""
        return cls(width, height, fx=float(k[0]), fy=float(k[4]), cx=float(k[2]), cy=float(k[5]))

    @classmethod
    def from_p(cls, width: int, height: int, p: Sequence[float]) -> PinholeCamera:
        """From the row-major 3 x 4 matrix P of a sensor_msgs/CameraInfo."""
        return cls(width, height, float(p[0]), float(p[5]), float(p[2]), float(p[6]), float(p[3]), float(p[7]))

    @property
    def k(self) -> list[float]:
        """Row-major 3 x 3 intrinsic matrix (CameraInfo.k)."""
        return [self.fx, 0.0, self.cx, 0.0, self.fy, self.cy, 0.0, 0.0, 1.0]

    @property
    def p(self) -> list[float]:
        """Row-major 3 x 4 projection matrix (CameraInfo.p)."""
        return [self.fx, 0.0, self.cx, self.tx, 0.0, self.fy, self.cy, self.ty, 0.0, 0.0, 1.0, 0.0]

    def resized(self, width: int, height: int) -> PinholeCamera:
        """The camera of the whole image resampled to width x height pixels; the aspect ratio may change."""
        sx, sy = width / self.width, height / self.height
        return PinholeCamera(
            width,
            height,
            fx=sx * self.fx,
            fy=sy * self.fy,
            cx=sx * (self.cx + 0.5) - 0.5,
            cy=sy * (self.cy + 0.5) - 0.5,
            tx=sx * self.tx,
            ty=sy * self.ty,
            lens=self.lens,
        )

    def scaled(self, scale: int) -> PinholeCamera:
        """The camera of the image at `scale` (a positive integer) times the resolution."""
        return self.resized(scale * self.width, scale * self.height)

    def cropped(self, x: int, y: int, width: int, height: int) -> PinholeCamera:
        """The camera of the region with its top left pixel at (x, y).

        Raises ValueError where it leaves the image.
        """
        if x < 0 or y < 0 or x + width > self.width or y + height > self.height:
            size = f"{self.width} x {self.height}"
            raise ValueError(f"region {width} x {height} at ({x}, {y}) leaves the image of {size} pixels")
        return replace(self, width=width, height=height, cx=self.cx - x, cy=self.cy - y)

    def binned(self, bx: int, by: int) -> PinholeCamera:
        """The camera of the image whose pixels are blocks of bx x by of these, incomplete ones left out."""
        if bx < 1 or by < 1:
            raise ValueError(f"binning {bx} x {by} must be at least 1 x 1")
        whole = self.cropped(0, 0, self.width // bx * bx, self.height // by * by)
        return whole.resized(self.width // bx, self.height // by)

    def project(self, points: np.ndarray) -> np.ndarray:
        """(N, 3) metres in the optical frame (x right, y down, z forward) -> (N, 2) pixels (u, v).

        z must not be 0. NaN where the lens lets no ray through.
        """
        points = np.asarray(points, dtype=np.float64)
        z = points[:, 2]
        x, y = self.lens.distort(points[:, :2] / z[:, None]).T
        return np.stack([self.fx * x + self.tx / z + self.cx, self.fy * y + self.ty / z + self.cy], axis=1)

    def back_project(self, pixels: np.ndarray, z: np.ndarray) -> np.ndarray:
        """(N, 2) pixels (u, v) and (N,) depths along the optical axis, metres -> (N, 3) points, metres.

        NaN where no ray through the lens arrives.
        """
        u, v = np.asarray(pixels, dtype=np.float64).T
        z = np.asarray(z, dtype=np.float64)
        places = np.stack([(u - self.cx - self.tx / z) / self.fx, (v - self.cy - self.ty / z) / self.fy], axis=1)
        return np.concatenate([self.lens.undistort(places) * z[:, None], z[:, None]], axis=1)

    def same_geometry(self, other: PinholeCamera, tolerance: float = 0.5) -> bool:
        """Whether both see the same thing at the same place of the image, whatever their resolutions.

        Compared at this camera's resolution, by where points at one metre land that this camera sees on a lattice from
        corner to corner of the image: no further apart than `tolerance` pixels.
        """
        other = other.resized(self.width, self.height)
        columns, rows = np.meshgrid(np.linspace(-0.5, self.width - 0.5, 5), np.linspace(-0.5, self.height - 0.5, 5))
        pixels = np.stack([columns.ravel(), rows.ravel()], axis=1)
        points = self.back_project(pixels, np.ones(len(pixels)))
        points = points[np.isfinite(points).all(axis=1)]
        apart = np.abs(self.project(points) - other.project(points))
        return bool(apart.size and apart.max() <= tolerance)


@dataclass(frozen=True)
class SensorWindow:
    """A whole sensor and the part of it that an image shows, as sensor_msgs/CameraInfo (REP 104) puts it.

    sensor: the camera of the full, unbinned sensor (CameraInfo width, height and K or P). x, y, width,
    height: the region of interest in unbinned sensor pixels; width = height = 0 stands for the whole sensor.
    bx, by: binning, applied after the region is cut out; 0 stands for 1.
    """

    sensor: PinholeCamera
    x: int = 0
    y: int = 0
    width: int = 0
    height: int = 0
    bx: int = 1
    by: int = 1

    def image_camera(self) -> PinholeCamera:
        """The camera of the pixels that the image really has.

        Raises ValueError where the window leaves the sensor.
        """
        width, height = self._size()
        return self.sensor.cropped(self.x, self.y, width, height).binned(*self._binning())

    def scaled(self, scale: int) -> SensorWindow:
        """The window of the image at `scale` times the resolution: a finer sensor, the same binning.

        Its image_camera() is this one's scaled by `scale`: a block of binning that the image lacks, it lacks
        too.
        """
        (bx, by), (width, height) = self._binning(), self._size()
        width, height = width // bx * bx, height // by * by
        if (width, height) == (self.sensor.width, self.sensor.height):
            width = height = 0
        return SensorWindow(
            self.sensor.scaled(scale),
            scale * self.x,
            scale * self.y,
            scale * width,
            scale * height,
            self.bx,
            self.by,
        )

    def _size(self) -> tuple[int, int]:
        if self.width or self.height:
            return self.width, self.height
        return self.sensor.width, self.sensor.height

    def _binning(self) -> tuple[int, int]:
        return max(self.bx, 1), max(self.by, 1)
