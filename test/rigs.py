"""Rigs of a colour and a depth camera that look at one scene, by ray casting: exact depth from both of them."""

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from depth_sr_ros.core.calibration import Calibration, read_calibration
from depth_sr_ros.core.camera import PinholeCamera

CAMERAS = sorted((Path(__file__).resolve().parent.parent / "config" / "cameras").glob("*.yaml"))
WALL, FLOOR, BOX, SHELF, POLE = range(5)
# normal . point = offset in the colour camera's frame, and the limits of x and y
FACES = {
    WALL: ((0.2, 0.1, 1.0), 3.0, (-9, 9, -9, 9)),
    FLOOR: ((0.0, 1.0, 0.12), 1.15, (-9, 9, -9, 9)),
    BOX: ((0.0, 0.0, 1.0), 1.3, (-0.45, 0.05, -0.3, 0.25)),
    SHELF: ((0.3, -0.1, 1.0), 0.9, (0.12, 0.36, -0.22, 0.1)),
    POLE: ((0.0, 0.0, 1.0), 1.0, (-0.62, -0.56, -9, 9)),
}


@dataclass(frozen=True)
class Seen:
    """What a camera sees along rays: depth in metres, and which face; NaN and -1 where there is none."""

    depth: np.ndarray
    face: np.ndarray


def pixels_of(camera: PinholeCamera) -> np.ndarray:
    rows, columns = np.mgrid[: camera.height, : camera.width]
    return np.stack([columns.ravel(), rows.ravel()], axis=1)


def cast(camera: PinholeCamera, colour_from_camera: np.ndarray, pixels=None) -> Seen:
    """Along the rays of `pixels`, as an image where these are all the camera's."""
    whole = pixels is None
    pixels = pixels_of(camera) if whole else pixels
    rays = camera.back_project(pixels, np.ones(len(pixels))) @ colour_from_camera[:3, :3].T
    origin = colour_from_camera[:3, 3]
    depth, face = np.full(len(rays), np.inf), np.full(len(rays), -1)
    for name, (normal, offset, (left, right, top, bottom)) in FACES.items():
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = (offset - np.dot(normal, origin)) / (rays @ normal)
            x, y, _ = (origin + distance[:, None] * rays).T
            hit = (distance > 0) & (left < x) & (x < right) & (top < y) & (y < bottom) & (distance < depth)
        depth[hit], face[hit] = distance[hit], name
    depth[face < 0] = np.nan
    shape = (camera.height, camera.width) if whole else len(pixels)
    return Seen(depth.reshape(shape), face.reshape(shape))


def visible(target: PinholeCamera, seen: Seen, depth_camera: PinholeCamera, depth_to_colour: np.ndarray) -> np.ndarray:
    """(H, W) bool: what of the target's image the depth camera sees too."""
    points = target.back_project(pixels_of(target), seen.depth.ravel())
    from_colour = np.linalg.inv(depth_to_colour)
    points = points @ from_colour[:3, :3].T + from_colour[:3, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        pixels = depth_camera.project(points)
    size = depth_camera.width - 0.5, depth_camera.height - 0.5
    inside = (points[:, 2] > 0) & (pixels > -0.5).all(axis=1) & (pixels < size).all(axis=1)
    result = np.zeros(len(points), bool)
    first = cast(depth_camera, depth_to_colour, pixels[inside]).depth
    result[inside] = np.abs(first - points[inside, 2]) < 1e-4
    return result.reshape(target.height, target.width)


def grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    return cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=pixels, borderValue=0).astype(bool)


def shrunk(mask: np.ndarray, pixels: int) -> np.ndarray:
    return cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=pixels, borderValue=0).astype(bool)


def low(calibration: Calibration, factor: int) -> Calibration:
    """The rig with a depth camera of a lower resolution, its incomplete blocks left out."""
    return replace(calibration, depth=calibration.depth.binned(factor, factor))


def rig_of(name: str) -> Calibration:
    return read_calibration(next(path for path in CAMERAS if path.stem == name))
