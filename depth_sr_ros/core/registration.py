"""Registration: a depth image as another camera would have measured it, at that camera's own resolution."""

from __future__ import annotations

import copy
import math
from functools import lru_cache

import numpy as np

from depth_sr_ros.core.camera import PinholeCamera
from depth_sr_ros.core.rigid import checked_rigid

REDUCTIONS = ("median", "mean")
MAX_CELLS, MAX_DRAWN = 16, 8  # per pixel and axis, of dense depth and of tiles
LARGEST_TILE = 16  # pixels of the target to either side, unless usual ones are as large: only something at the lens covers more
FINEST = 1 << 19  # cells that tiles are drawn into: more take longer than a frame should
MAX_PARTS = 4  # that are drawn at the same time, each into memory of its own
LEAST_COVERAGE = 0.5
FAR = 1e4  # metres
ROUNDING, EXACT = 0.05, 1e-6  # of what counts as a whole number of cells


class Registration:
    """Moves depth images from one camera into another of any resolution.

    What is denser than the target is reduced: every depth pixel falls into one of n x n cells of a target pixel, n being what
    the depth camera's resolution allows, the nearest wins the cell, and the target pixel takes the median of its cells. What
    is not as dense is drawn: every depth pixel is a tile of the surface that it measured, which shares its borders with those
    neighbours that lie on the same surface; so a surface stays closed however it is turned, and ends where the depth jumps;
    in each cell the nearest tile wins, and the target pixel takes the mean of its cells, as a sensor's pixel does. Where
    nothing lands the depth is invalid. Tiles seen from behind are not drawn.

    Args:
        depth_camera: of the very pixels of the depth images.
        target: the camera of the result.
        target_from_depth: (4, 4) rigid transform, metres: points in the depth camera's optical frame -> the target's.
        reduction: "median", or "mean" (of the depth).
        coverage: share of a reduced pixel's cells that must hold depth, else it is invalid.
        extent: (rows, columns) of the target's pixels, fractions of one too, that the colour image covers: what lies beyond
            is not missed. None: all of them.

    Raises:
        ValueError: the matrix is not a rigid transform, the reduction is unknown, or the coverage is not from 0 to 1.
    """

    def __init__(
        self,
        depth_camera: PinholeCamera,
        target: PinholeCamera,
        target_from_depth: np.ndarray,
        *,
        reduction: str = "median",
        coverage: float = LEAST_COVERAGE,
        extent: tuple[float, float] | None = None,
    ) -> None:
        if reduction not in REDUCTIONS:
            raise ValueError(f"reduction is {reduction!r}; valid: {', '.join(REDUCTIONS)}")
        if not 0 <= coverage <= 1:
            raise ValueError(f"coverage is {coverage}; valid: 0 to 1")
        transform = checked_rigid(target_from_depth)
        self.target, self._depth_camera = target, depth_camera
        self._shape, size = (depth_camera.height, depth_camera.width), (target.height, target.width)
        rays = _rays(depth_camera)
        places = _far_places(rays, transform, target)
        cells = _cells(places, target)
        self.is_denser = cells > 1
        self.cells = cells if self.is_denser else int(np.clip(math.sqrt(FINEST / (size[0] * size[1])), 1, MAX_DRAWN))
        self._by_mean = reduction == "mean" or not self.is_denser
        self._rays = np.ascontiguousarray(rays.transpose(0, 2, 1), np.float32)
        self._steps = self.cells * _steps(places)
        usual = np.abs(self._steps[np.isfinite(self._steps)])
        usual = np.percentile(usual, 90) if usual.size else 0
        self._largest = np.float32(max(LARGEST_TILE * self.cells, 2 * usual))
        self._geometry = _geometry(depth_camera, target.scaled(self.cells), transform)
        self._first_cells = _first_cells(size, self.cells)
        self._work: dict[str, np.ndarray] = {}
        rows, columns = (np.clip(end - np.arange(n), 0, 1) * self.cells for n, end in zip(size, extent or size, strict=True))
        filled = np.outer(rows, columns)
        if self.is_denser:
            filled = np.minimum(filled, self._reachable())
        self._needed = np.ceil(coverage * filled - EXACT).astype(np.int32).clip(min=1)

    def __call__(self, depth: np.ndarray) -> np.ndarray:
        """(h, w) float32 metres -> (H, W) float32 as the target sees it; what is not positive and finite is NaN.

        Raises ValueError where the image is not of the depth camera's size.
        """
        if depth.shape != self._shape:
            raise ValueError(f"depth image is {depth.shape}, its camera (h, w) = {self._shape}")
        depth = np.ascontiguousarray(depth, np.float32)
        cells = self._splat(depth) if self.is_denser else self._draw(depth)
        return self._reduce(cells)

    def moved(self, target_from_depth: np.ndarray) -> Registration:
        """The registration with a transform that differs a little: the cells stay as they are, and so does the memory.

        Raises:
            ValueError: the matrix is not a rigid transform.
        """
        other = copy.copy(self)
        other._geometry = _geometry(self._depth_camera, self.target.scaled(self.cells), checked_rigid(target_from_depth))
        return other

    def _splat(self, depth: np.ndarray) -> np.ndarray:
        from depth_sr_ros.core import registration_cpu as cpu

        targets = self._targets()
        cpu.splat(depth, self._rays, *self._geometry, *self._first_cells, targets)
        return targets

    def _draw(self, depth: np.ndarray) -> np.ndarray:
        from depth_sr_ros.core import registration_cpu as cpu

        placed = [self._memory(name, self._shape) for name in ("u", "v", "nearness")]
        cpu.place_all(depth, self._rays, *self._geometry, *placed)
        targets = self._targets()
        cpu.draw_tiles(
            *(plane.reshape(-1) for plane in placed),
            self._steps,
            self._largest,
            *self._first_cells,
            targets,
        )
        return targets

    def _reduce(self, targets: np.ndarray) -> np.ndarray:
        from depth_sr_ros.core import registration_cpu as cpu

        registered = np.empty(self._needed.shape, np.float32)
        reduced, thin = (self._memory(name, self._needed.shape) for name in ("reduced", "thin"))
        cpu.reduce_cells(targets, self._needed, self._by_mean, reduced, thin)
        cpu.keep_thin(reduced, thin, registered)
        return registered

    def _reachable(self) -> np.ndarray:
        """(H, W): how many cells of each pixel, about, a depth image without holes would fill."""
        import cv2

        cells = self._splat(np.full(self._shape, FAR, np.float32)).max(axis=0)
        filled = (cells.reshape(self.target.height, self.target.width, -1) > 0).sum(axis=2)
        return cv2.dilate(filled.astype(np.float32), np.ones((3, 3), np.uint8))  # what is near is seen shifted

    def _targets(self) -> np.ndarray:
        return self._memory("targets", (_parts(), self.target.height * self.target.width * self.cells**2))

    def _memory(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """The same float32 array at every frame."""
        if name not in self._work or self._work[name].shape != shape:
            self._work[name] = np.empty(shape, np.float32)
        return self._work[name]


def _parts() -> int:
    import numba

    return min(numba.get_num_threads(), MAX_PARTS)


@lru_cache(maxsize=4)
def _rays(camera: PinholeCamera) -> np.ndarray:
    """(h, w, 2): every pixel's place on the plane at distance 1, NaN where the lens lets no ray through."""
    rows, columns = np.mgrid[: camera.height, : camera.width]
    pixels = np.stack([columns.ravel(), rows.ravel()], axis=1)
    places = (pixels - (camera.cx, camera.cy)) / (camera.fx, camera.fy)
    return camera.lens.undistort(places).reshape(camera.height, camera.width, 2)


def _far_places(rays: np.ndarray, transform: np.ndarray, target: PinholeCamera) -> np.ndarray:
    """(h, w, 2): where in the target a pixel lands that sees something infinitely far; NaN where it does not."""
    directions = np.concatenate([rays, np.ones((*rays.shape[:2], 1))], axis=2).reshape(-1, 3) @ transform[:3, :3].T
    in_front = directions[:, 2] > 0
    places = np.full((len(directions), 2), np.nan)
    places[in_front] = target.lens.distort(directions[in_front, :2] / directions[in_front, 2:])
    return places.reshape(rays.shape) * (target.fx, target.fy) + (target.cx, target.cy)


def _steps(places: np.ndarray) -> np.ndarray:
    """(h, w, 2) -> (h, w, 4) float32: how they change from pixel to pixel, u and v across, then down."""
    return np.concatenate([np.gradient(places, axis=1), np.gradient(places, axis=0)], axis=2).astype(np.float32)


def _cells(places: np.ndarray, target: PinholeCamera) -> int:
    """Cells a target pixel and axis: about one for each depth pixel that lands in it."""
    inside = ((places > -0.5) & (places < (target.width - 0.5, target.height - 0.5))).all(axis=2)
    steps = _steps(places)[inside]
    apart = np.maximum(np.hypot(steps[:, 0], steps[:, 1]), np.hypot(steps[:, 2], steps[:, 3]))
    apart = apart[np.isfinite(apart)]
    return int(np.clip(1 / np.median(apart) + ROUNDING, 1, MAX_CELLS)) if apart.size else 1


def _geometry(depth_camera: PinholeCamera, target: PinholeCamera, transform: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """What `registration_cpu.place_row` takes: camera, lens, model.

    A baseline in the depth camera's projection moves the origin of its rays.
    """
    origin = np.array([-depth_camera.tx / depth_camera.fx, -depth_camera.ty / depth_camera.fy, 0])
    matrix = np.concatenate([transform[:3, :3], (transform[:3, :3] @ origin + transform[:3, 3])[:, None]], axis=1)
    pinhole = target.fx, target.fy, target.cx, target.cy, target.tx, target.ty
    return np.array([*matrix.ravel(), *pinhole], np.float32), target.lens.numbers, target.lens.formula


def _first_cells(shape: tuple[int, int], cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the cells of each fine row begin, and how far behind it those of each fine column: a pixel's lie together."""
    rows, columns = (np.arange(cells * n) for n in shape)
    first = rows // cells * shape[1] * cells**2 + rows % cells * cells
    return first.astype(np.int64), (columns // cells * cells**2 + columns % cells).astype(np.int64)
