"""The camera_info of an upsampled depth image, and which camera_info belongs to an image. Imports no ROS."""

from __future__ import annotations

import copy
import threading
from collections import deque
from typing import Any

import numpy as np

from depth_sr_ros.core.camera import PinholeCamera, SensorWindow
from depth_sr_ros.core.result import FrameError
from depth_sr_ros.node.messages import stamp_ns

KEPT = 16  # camera_info messages a stream; images older than half a second are no longer waited for
SAME_PIXELS = 0.05  # cameras whose corner rays land closer than this, in pixels, are one camera


def image_camera(info: Any) -> PinholeCamera:
    """The camera (after P, or K where P is empty) of the very pixels of an image, its region and binning applied.

    Raises FrameError (bad_camera_info): not calibrated, no size, or a region that leaves the sensor.
    """
    return _checked(lambda: _window(info, _sensor(info)).image_camera())


def upsampled_info(depth_info: Any, scale: int, rgb_info: Any | None) -> Any:
    """A new sensor_msgs/CameraInfo for the depth image at `scale` times the resolution, header of `depth_info`.

    It is the colour camera's own where that sees the same pixels in the same frame, else the depth camera's with K, P,
    size and region scaled about pixel centres (cx' = s * (cx + 0.5) - 0.5); D, R and binning are carried.
    Raises FrameError (bad_camera_info).
    """
    if rgb_info is not None and _is_same_camera(depth_info, scale, rgb_info):
        out = copy.deepcopy(rgb_info)
        out.header = copy.deepcopy(depth_info.header)
        return out
    out = copy.deepcopy(depth_info)
    window = _checked(lambda: _window(depth_info, PinholeCamera.from_k(*_size(depth_info), depth_info.k)).scaled(scale))
    out.width, out.height = window.sensor.width, window.sensor.height
    out.k = np.array(window.sensor.k)
    if depth_info.p[0]:
        p = _checked(lambda: PinholeCamera.from_p(*_size(depth_info), depth_info.p).scaled(scale).p)
        out.p = np.array(p)
    roi = out.roi
    roi.x_offset, roi.y_offset, roi.width, roi.height = window.x, window.y, window.width, window.height
    return out


class CameraInfoCache:
    """The latest camera_info messages of one stream. Added to by one thread, asked by another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[Any] = deque(maxlen=KEPT)

    def add(self, info: Any) -> None:
        """Keep a sensor_msgs/CameraInfo."""
        with self._lock:
            self._kept.append(info)

    def find(self, width: int, height: int, stamp: int) -> Any:
        """The camera_info of an image of that size in pixels and stamp in ns: the one of its stamp, else the latest.

        Raises FrameError: no_camera_info (none came yet), camera_info_mismatch (none is for that size),
        bad_camera_info (the latest one cannot be a camera's).
        """
        with self._lock:
            kept = list(reversed(self._kept))
        if not kept:
            raise FrameError("no_camera_info", "no camera_info has come for this stream yet")
        latest = image_camera(kept[0])
        fitting = [info for info in kept if _fits(info, width, height)]
        if not fitting:
            raise FrameError(
                "camera_info_mismatch",
                f"image is {width} x {height} pixels, its camera_info is for {latest.width} x {latest.height}",
            )
        return next((info for info in fitting if stamp_ns(info) == stamp), fitting[0])


def _fits(info: Any, width: int, height: int) -> bool:
    try:
        camera = image_camera(info)
    except FrameError:
        return False
    return (camera.width, camera.height) == (width, height)


def _is_same_camera(depth_info: Any, scale: int, rgb_info: Any) -> bool:
    if depth_info.header.frame_id != rgb_info.header.frame_id:
        return False
    try:
        upsampled, rgb = image_camera(depth_info).scaled(scale), image_camera(rgb_info)
    except FrameError:
        return False
    same_size = (upsampled.width, upsampled.height) == (rgb.width, rgb.height)
    same_lens = _distortion(depth_info) == _distortion(rgb_info) and np.allclose(depth_info.r, rgb_info.r)
    return same_size and same_lens and upsampled.same_geometry(rgb, SAME_PIXELS)


def _distortion(info: Any) -> tuple:
    """Comparable: no distortion is no distortion, under whatever model and with however many zeros."""
    return (info.distortion_model, *(float(d) for d in info.d)) if any(info.d) else ()


def _size(info: Any) -> tuple[int, int]:
    return info.width, info.height


def _sensor(info: Any) -> PinholeCamera:
    if info.p[0]:
        return PinholeCamera.from_p(*_size(info), info.p)
    return PinholeCamera.from_k(*_size(info), info.k)


def _window(info: Any, sensor: PinholeCamera) -> SensorWindow:
    roi = info.roi
    return SensorWindow(sensor, roi.x_offset, roi.y_offset, roi.width, roi.height, info.binning_x, info.binning_y)


def _checked(make):
    try:
        return make()
    except ValueError as error:
        raise FrameError("bad_camera_info", f"camera_info cannot be used: {error}") from None
