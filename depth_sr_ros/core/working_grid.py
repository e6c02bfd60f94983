"""The working grid: the colour image in blocks of `scale` x `scale` pixels, one depth each, as the network sees them.

Its pixel (row, column) is centred on the colour pixel scale * (row + 0.5) - 0.5 and so on, so where the colour image is
no multiple of the scale the last blocks reach beyond it: the guide is padded by its edge, and the result cropped.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from depth_sr_ros.core.camera import IDEAL, PinholeCamera
from depth_sr_ros.core.depth_image import valid_mask
from depth_sr_ros.core.registration import LEAST_COVERAGE, Registration
from depth_sr_ros.core.result import FrameError
from depth_sr_ros.core.rigid import checked_rigid, is_identity
from depth_sr_ros.files.depth_units import MILLIMETRE, NO_RETURN, to_metres

REGISTRATIONS = ("auto", "none", "reproject")
WAYS = ("as it is", "reduced", "resampled", "projected")
SAME_ASPECT = 0.02  # relative difference of aspect ratios that the rounding of image sizes explains
HALF_A_PIXEL = 0.5
LITTLE = 0.02  # metres, and of the rotation matrix
KEPT = 0.8  # of the depth camera's resolution, so that a grid a little coarser is not passed over for one twice as fine


def grid_shape(colour_shape: tuple[int, ...], scale: int) -> tuple[int, int]:
    """(H, W, ...) of the colour image -> (h, w) of its grid: divided by `scale`, rounded up."""
    height, width = colour_shape[:2]
    return -(-height // scale), -(-width // scale)


def pad_to_grid(guide: np.ndarray, scale: int) -> np.ndarray:
    """Continue an image by its edge to whole blocks.

    Args:
        guide: (H, W) or (H, W, C) uint8.
        scale: pixels a block, per axis.

    Returns:
        (scale * h, scale * w, ...) with (h, w) = `grid_shape`; `guide` itself where nothing is missing.
    """
    height, width = guide.shape[:2]
    rows, columns = (scale * n for n in grid_shape(guide.shape, scale))
    if (rows, columns) == (height, width):
        return guide
    import cv2

    return cv2.copyMakeBorder(guide, 0, rows - height, 0, columns - width, cv2.BORDER_REPLICATE)


def grid_camera(colour_camera: PinholeCamera, scale: int) -> PinholeCamera:
    """The camera of the grid's pixels."""
    rows, columns = grid_shape((colour_camera.height, colour_camera.width), scale)
    return replace(colour_camera, width=scale * columns, height=scale * rows).resized(columns, rows)


def best_scale(colour_camera: PinholeCamera, depth_camera: PinholeCamera, scales: Sequence[int]) -> int:
    """Of several scales the largest whose grid keeps KEPT of the depth camera's resolution, else the smallest."""
    ratio = min(colour_camera.fx / depth_camera.fx, colour_camera.fy / depth_camera.fy)
    return max((scale for scale in scales if scale * KEPT <= ratio), default=min(scales))


class Rig:
    """A colour camera, a depth camera and the grid: brings depth images, of any size and view, onto it.

    >>> import numpy as np
    >>> from depth_sr_ros.core.rigid import from_euler
    >>> colour = PinholeCamera(640, 480, 528.0, 528.0, 318.5, 240.0)
    >>> depth = PinholeCamera(320, 240, 292.0, 292.0, 160.0, 120.0)
    >>> rig = Rig(colour, depth, from_euler(-0.0185, 0, 0, 0, 0, 0), scale=8)
    >>> rig.bring(np.full((240, 320), 1500, np.uint16)).shape, rig.way
    ((60, 80), 'projected')

    `way` is one of WAYS, `reason` says in words what was decided and why. "as it is": the depth image shows the colour
    image's view on the grid's very pixels. "reduced", "resampled": the same view at a higher resolution than the grid's, at
    a lower or an uneven one. "projected": another view, so every depth pixel goes where the colour camera sees it.

    Args:
        colour_camera, depth_camera: of the very pixels of the images, with their lenses.
        depth_to_colour: (4, 4) rigid transform, metres: points in the depth camera's optical frame -> the colour camera's.
            None: both are in one frame.
        scale: colour pixels a grid pixel, per axis.
        registration: "auto", "none" (take the depth image for the colour image's view whatever the cameras say) or
            "reproject" (project it even where the views are the same).
        reduction: "median" or "mean", where depth is denser than the grid.
        coverage: share of a grid pixel that must be measured there, else it is invalid.

    Raises:
        ValueError: the transform is not rigid, or an argument is none of its choices.
        FrameError: "bad_guide", with registration "none" the images are of different aspect ratios.
    """

    def __init__(
        self,
        colour_camera: PinholeCamera,
        depth_camera: PinholeCamera,
        depth_to_colour: np.ndarray | None = None,
        scale: int = 8,
        *,
        registration: str = "auto",
        reduction: str = "median",
        coverage: float = LEAST_COVERAGE,
    ) -> None:
        if registration not in REGISTRATIONS:
            raise ValueError(f"registration is {registration!r}; valid: {', '.join(REGISTRATIONS)}")
        self.camera = grid_camera(colour_camera, scale)
        self.scale = scale
        self._depth_shape = (depth_camera.height, depth_camera.width)
        self._cameras, self._wanted = (colour_camera, depth_camera), registration
        self._options: dict[str, Any] = {"reduction": reduction, "coverage": coverage}
        extent = colour_camera.height / scale, colour_camera.width / scale
        self._transform = transform = np.eye(4) if depth_to_colour is None else checked_rigid(depth_to_colour)
        difference = "" if registration == "none" else _difference(colour_camera, depth_camera, transform, self.camera)
        if difference or registration == "reproject":
            self.way, self.reason = "projected", difference or "registration is 'reproject'"
            self._registration: Registration | None = Registration(
                depth_camera, self.camera, transform, extent=extent, **self._options
            )
        else:
            self._registration = self._same_view(colour_camera, depth_camera, extent)

    def bring(self, depth: np.ndarray, depth_unit: float = MILLIMETRE, no_return: Sequence[float] = NO_RETURN) -> np.ndarray:
        """Bring a depth image onto the grid.

        Args:
            depth: (h, w) float, metres, or uint16 counts; what is not positive and finite is invalid.
            depth_unit: metres per count.
            no_return: values of the image's own numbers that mean no return.

        Returns:
            The grid's (h, w): `depth` itself where it is there as it is, else float32 metres with NaN for invalid.

        Raises:
            ValueError: the image is not of the depth camera's size.
            FrameError: "no_overlap", nothing of the valid depth lands in the colour image.
        """
        if depth.shape != self._depth_shape:
            raise ValueError(f"depth image is {depth.shape}, its camera (h, w) = {self._depth_shape}")
        if self._registration is None:
            return depth
        metres = to_metres(depth, depth_unit, no_return)
        brought = self._registration(metres)
        if np.isnan(brought).all():
            self._complain(metres)
        return brought

    def moved(self, depth_to_colour: np.ndarray | None) -> Rig:
        """The rig with another transform; at little cost where the depth camera is projected and has moved a little only.

        Raises:
            ValueError: the transform is not rigid.
        """
        transform = np.eye(4) if depth_to_colour is None else checked_rigid(depth_to_colour)
        if self._registration is None or self.way != "projected" or np.abs(transform - self._transform).max() > LITTLE:
            return Rig(*self._cameras, transform, self.scale, registration=self._wanted, **self._options)
        rig = copy.copy(self)
        rig._registration = self._registration.moved(transform)
        return rig

    def _same_view(self, colour: PinholeCamera, depth: PinholeCamera, extent: tuple[float, float]) -> Registration | None:
        """Choose the way between two resolutions of one view."""
        grid = self.camera
        sizes = f"{depth.width} x {depth.height} for the grid of {grid.width} x {grid.height}"
        if (depth.width, depth.height) == (grid.width, grid.height):
            self.way, self.reason = "as it is", f"one view, depth is {sizes}"
            return None
        check_view((colour.height, colour.width), (depth.height, depth.width))
        flat = replace(colour, lens=IDEAL, tx=0.0, ty=0.0)  # the pixels of one image are related without its lens
        registration = Registration(
            flat.resized(depth.width, depth.height), grid_camera(flat, self.scale), np.eye(4), extent=extent, **self._options
        )
        self.way = "reduced" if registration.is_denser else "resampled"
        self.reason = f"one view, depth is {sizes}"
        return registration

    def _complain(self, metres: np.ndarray) -> None:
        """Raise FrameError where there was something to bring; an empty image is said to be empty later."""
        valid = metres[valid_mask(metres)]
        if valid.size:
            raise FrameError(
                "no_overlap",
                f"none of the {valid.size} valid depth pixels ({valid.min():.3g} to {valid.max():.3g} m) lands in the colour "
                f"image ({self.reason}): are the transform between the cameras, the camera_infos and the depth's unit right?",
            )


def registered_rig(colour_shape: tuple[int, ...], depth_shape: tuple[int, int], scale: int, **options: Any) -> Rig:
    """Make the rig of images whose cameras are not known, and which are trusted to show one view.

    Args:
        colour_shape: (H, W, ...) of the colour image.
        depth_shape: (h, w) of the depth image.
        scale: colour pixels a grid pixel, per axis.
        **options: `reduction` and `coverage` of the rig.

    Raises:
        FrameError: "bad_guide", the aspect ratios differ.
    """
    (rows, columns), (height, width) = colour_shape[:2], depth_shape
    colour = PinholeCamera(columns, rows, columns, columns, columns / 2, rows / 2)
    return Rig(colour, colour.resized(width, height), None, scale, registration="none", **options)


def check_view(colour_shape: tuple[int, ...], depth_shape: tuple[int, ...]) -> None:
    """Refuse images of different aspect ratios: neither can show what the other shows, pixel for pixel.

    Raises:
        FrameError: "bad_guide".
    """
    (rows, columns), (height, width) = colour_shape[:2], depth_shape[:2]
    if abs(columns * height / (rows * width) - 1) > SAME_ASPECT:
        raise FrameError(
            "bad_guide",
            f"colour image is {columns} x {rows}, depth image {width} x {height} pixels: "
            "their aspect ratios differ, so they cannot show the same view",
        )


def _difference(colour: PinholeCamera, depth: PinholeCamera, transform: np.ndarray, grid: PinholeCamera) -> str:
    """Say why the views are not the same; empty where they are, as far as half a depth pixel goes.

    So much do the conventions differ by which drivers scale the principal point: s * (c + 0.5) - 0.5, or s * c.
    """
    if not is_identity(transform):
        x, y, z = (round(1e3 * value, 1) for value in transform[:3, 3])
        angle = math.degrees(math.acos(min(1.0, max(-1.0, (np.trace(transform[:3, :3]) - 1) / 2))))
        return f"the depth camera is at ({x:g}, {y:g}, {z:g}) mm of the colour camera, turned by {angle:.2g} degrees"
    if (depth.width, depth.height) == (grid.width, grid.height) and grid.same_geometry(depth, HALF_A_PIXEL):
        return ""
    if colour.same_geometry(depth, HALF_A_PIXEL * max(1.0, colour.width / depth.width)):
        return ""
    return f"the cameras are in one place but do not see the same: colour {_describe(colour)}, depth {_describe(depth)}"


def _describe(camera: PinholeCamera) -> str:
    focal = f"{camera.fx:.5g}" if math.isclose(camera.fx, camera.fy, rel_tol=1e-3) else f"{camera.fx:.5g}, {camera.fy:.5g}"
    return f"{camera.width} x {camera.height} with f = {focal} at ({camera.cx:.5g}, {camera.cy:.5g})"
