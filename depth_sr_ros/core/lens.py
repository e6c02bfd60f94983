"""Lens distortion, after the models of sensor_msgs/CameraInfo: plumb_bob, rational_polynomial and equidistant.

All of it happens on the plane at distance 1, (x, y) = (X / Z, Y / Z). The first two models are Brown's with OpenCV's
coefficients (k1, k2, p1, p2, k3, k4, k5, k6, s1, s2, s3, s4), the third is Kannala and Brandt's (2006, eq. 6) in the angle
from the optical axis. A polynomial folds back beyond some radius; what lies beyond is seen by no pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

COUNTS = {"plumb_bob": (4, 5), "rational_polynomial": (8, 12, 14), "equidistant": (4,)}  # of coefficients, by model
IDEAL, BROWN, EQUIDISTANT = range(3)
LARGEST_RADIUS = 5.0  # of a ray on the plane at distance 1: 79 degrees from the axis
TABLE = 8192
ITERATIONS = 20
SOLVED = 1e-7  # what undistortion may leave, on the plane at distance 1


@dataclass(frozen=True)
class Lens:
    """A distortion model with its coefficients, CameraInfo's distortion_model and d; without coefficients, none.

    Raises ValueError for an unknown model, a number of coefficients that it does not have, or a tilted sensor.
    """

    model: str = "plumb_bob"
    coefficients: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.formula == IDEAL:
            return
        counts = COUNTS.get(self.model)
        if counts is None:
            raise ValueError(f"distortion_model is {self.model!r}; known models are {', '.join(COUNTS)}")
        if len(self.coefficients) not in counts:
            expected = " or ".join(map(str, counts))
            raise ValueError(f"{self.model} has {expected} coefficients, got {len(self.coefficients)}")
        if not all(map(math.isfinite, self.coefficients)):
            raise ValueError(f"distortion coefficients are not finite: {self.coefficients}")
        if any(self.coefficients[12:]):
            raise ValueError(f"a tilted sensor (coefficients 13 and 14: {self.coefficients[12:]}) is not supported")

    @cached_property
    def limit(self) -> float:
        """The radius on the plane at distance 1 up to which the distorted radius grows."""
        radius = np.linspace(0, LARGEST_RADIUS, 20_001)
        distorted = radius * self._factor(radius**2)
        falls = np.flatnonzero(~(np.diff(distorted) > 0))
        return float(radius[falls[0]]) if falls.size else LARGEST_RADIUS

    @property
    def formula(self) -> int:
        """IDEAL, BROWN or EQUIDISTANT."""
        if self.model == "equidistant":
            return EQUIDISTANT if self.coefficients else IDEAL  # a fisheye without distortion is a fisheye
        return BROWN if any(self.coefficients) else IDEAL

    @property
    def numbers(self) -> np.ndarray:
        """(13,) float32: the limit, squared, and the coefficients, with zeros behind."""
        return np.array([self.limit**2, *self.coefficients[:12], *(0.0,) * (12 - len(self.coefficients))], np.float32)

    def distort(self, rays: np.ndarray) -> np.ndarray:
        """(N, 2) places on the plane at distance 1 -> where the lens puts them there; NaN beyond the limit."""
        x, y = np.asarray(rays, np.float64).T
        if self.formula == IDEAL:
            return np.stack([x, y], axis=1)
        square = x * x + y * y
        factor = np.where(square <= self.limit**2, self._factor(square), np.nan)
        if self.formula == EQUIDISTANT:
            return np.stack([x * factor, y * factor], axis=1)
        _, _, p1, p2, _, _, _, _, s1, s2, s3, s4 = self._brown()
        out_x = x * factor + 2 * p1 * x * y + p2 * (square + 2 * x * x) + s1 * square + s2 * square**2
        out_y = y * factor + p1 * (square + 2 * y * y) + 2 * p2 * x * y + s3 * square + s4 * square**2
        return np.stack([out_x, out_y], axis=1)

    def undistort(self, places: np.ndarray) -> np.ndarray:
        """Undo `distort`, by Newton's method with the radial part's derivative; NaN where no ray arrives."""
        places = np.asarray(places, np.float64)
        if self.formula == IDEAL:
            return places.copy()
        rays = places * self._first_guess(np.hypot(*places.T))[:, None]
        for _ in range(ITERATIONS):
            residual = self.distort(rays) - places
            solved = np.abs(residual).max(axis=1) < SOLVED
            if solved.all():
                break
            rays -= self._newton_step(rays, residual)
            inside = np.minimum(1, 0.999 * self.limit / np.maximum(np.hypot(*rays.T), 1e-12))
            rays *= inside[:, None]  # beyond the limit there is no way back
        return np.where(solved[:, None], rays, np.nan)

    def _first_guess(self, radius: np.ndarray) -> np.ndarray:
        """Undistorted by distorted radius, from the radial part alone."""
        table = np.linspace(0, self.limit, TABLE)
        guess = np.interp(radius, table * self._factor(table**2), table)
        return guess / np.maximum(radius, 1e-12)

    def _newton_step(self, rays: np.ndarray, residual: np.ndarray) -> np.ndarray:
        """Residual divided by the derivative of the radial part: along the radius (r f)', across it f."""
        radius = np.maximum(np.hypot(*rays.T), 1e-12)
        step = 1e-5
        across = self._factor(radius**2)
        along = ((radius + step) * self._factor((radius + step) ** 2) - radius * across) / step
        unit = rays / radius[:, None]
        part = (residual * unit).sum(axis=1)[:, None]
        return part * unit / np.maximum(along, 0.05)[:, None] + (residual - part * unit) / across[:, None]

    def _factor(self, square: np.ndarray) -> np.ndarray:
        """Distorted by undistorted radius, without the tangential part, at a squared radius."""
        if self.formula == EQUIDISTANT:
            radius = np.sqrt(np.maximum(square, 1e-16))
            angle = np.arctan(radius)
            powers = angle[..., None] ** np.array([2, 4, 6, 8])
            return angle * (1 + powers @ np.array(self.coefficients)) / radius
        k = self._brown()
        above = 1 + square * (k[0] + square * (k[1] + square * k[4]))
        below = 1 + square * (k[5] + square * (k[6] + square * k[7]))
        with np.errstate(divide="ignore", invalid="ignore"):
            return above / below

    def _brown(self) -> tuple[float, ...]:
        return (*self.coefficients[:12], *(0.0,) * (12 - len(self.coefficients)))
