"""The camera_info of an upsampled depth image, and which camera_info belongs to an image. Imports no ROS.

A camera_info is looked through once when it comes, and again only when one of another content comes; the result's is made
once for a pair of cameras and a scale. Source: sensor_msgs/CameraInfo, REP 104 (region and binning).
"""

from __future__ import annotations

import copy
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from depth_sr_ros.core.camera import PinholeCamera, SensorWindow
from depth_sr_ros.core.lens import Lens
from depth_sr_ros.core.result import FrameError
from depth_sr_ros.node.messages import stamp_ns

KEPT = 16  # camera_info messages per stream; images older than half a second are no longer waited for
SAME_PIXELS = 0.05  # cameras whose corner rays land closer than this, in pixels, are one camera
MAX_COEFFICIENTS = 14  # of distortion that any model has
MAX_SENSOR = 1 << 16  # pixels per axis; times any scale it still fits the message's fields
MAX_DECIMATION = 16
_SIZE_FIELDS = ("width", "height", "binning_x", "binning_y")
_ROI_FIELDS = ("x_offset", "y_offset", "width", "height")


@dataclass(frozen=True, eq=False)
class ParsedInfo:
    """A camera_info that can be a camera's. Two are equal only where they are one, which makes what follows cacheable.

    Attributes:
        message: the sensor_msgs/CameraInfo, which nobody may change; others of the same content may stand for it. Of K and P
            the one that is empty is made of the other, where there is no distortion.
        by_k, by_p: the whole sensor after K and after P; None where that is empty or no camera's.
        window: the sensor, after P if there is one, and the part of it that the image shows.
        camera: of the image's very pixels where the image is rectified.
    """

    message: Any
    by_k: PinholeCamera | None
    by_p: PinholeCamera | None
    window: SensorWindow
    camera: PinholeCamera

    @property
    def unrectified(self) -> PinholeCamera:
        """The camera of the image's very pixels where it is not rectified: K with the lens, the region and the binning.

        Raises:
            FrameError: bad_camera_info where K is empty, or the distortion is of an unknown model.
        """
        if self.by_k is None:
            raise FrameError("bad_camera_info", "camera_info has no K, which an image that is not rectified needs")
        info = self.message
        lens = _checked(lambda: Lens(info.distortion_model, tuple(map(float, info.d))))
        return replace(self.window, sensor=replace(self.by_k, lens=lens)).image_camera()


def parse_info(info: Any) -> ParsedInfo:
    """Look through a sensor_msgs/CameraInfo.

    Raises:
        FrameError: bad_camera_info: neither K nor P is a camera's, no size, too many coefficients in D, or a region that
            leaves the sensor.
    """
    if len(info.d) > MAX_COEFFICIENTS:
        raise FrameError(
            "bad_camera_info",
            f"camera_info has {len(info.d)} coefficients in D; there are at most {MAX_COEFFICIENTS}",
        )
    if max(info.width, info.height) > MAX_SENSOR:
        raise FrameError("bad_camera_info", f"camera_info is for {info.width} x {info.height} pixels: more than any sensor has")
    by_k = _camera_or_none(PinholeCamera.from_k, info, info.k)
    by_p = _camera_or_none(PinholeCamera.from_p, info, info.p)
    roi = info.roi
    region = (roi.x_offset, roi.y_offset, roi.width, roi.height, info.binning_x, info.binning_y)
    sensor = by_p or by_k or _checked(lambda: PinholeCamera.from_k(info.width, info.height, info.k))  # which says why not
    window = SensorWindow(sensor, *region)
    parsed = ParsedInfo(info, by_k, by_p, window, _checked(window.image_camera))
    return parsed if by_k and by_p else replace(parsed, message=_with_k_and_p(parsed, lambda camera: camera))


def upsampled_info(depth: ParsedInfo, scale: int, rgb: ParsedInfo | None) -> Any:
    """A new sensor_msgs/CameraInfo for the depth image at `scale` times the resolution, with a header of its own.

    It is the colour camera's own where that sees the same pixels in the same frame, else the depth camera's with K, P,
    size and region scaled about pixel centres (cx' = s * (cx + 0.5) - 0.5); D, R and binning are carried. The arrays are
    shared with other results: set fields, do not change what they hold. Raises FrameError (bad_camera_info).
    """
    out = copy.copy(_upsampled_info(depth, scale, rgb))
    out.header = copy.deepcopy(depth.message.header)
    return out


@lru_cache(maxsize=8)
def _upsampled_info(depth: ParsedInfo, scale: int, rgb: ParsedInfo | None) -> Any:
    if rgb is not None and _is_same_camera(depth, scale, rgb):
        return rgb.message
    window = _checked(lambda: depth.window.scaled(scale))
    out = _with_k_and_p(depth, lambda camera: camera.scaled(scale))
    out.width, out.height = window.sensor.width, window.sensor.height
    out.roi = copy.copy(out.roi)
    out.roi.x_offset, out.roi.y_offset, out.roi.width, out.roi.height = window.x, window.y, window.width, window.height
    return out


def _with_k_and_p(parsed: ParsedInfo, change: Callable[[PinholeCamera], PinholeCamera]) -> Any:
    """A copy of a camera_info with K and P changed; without distortion the one that is empty is made of the other."""
    out = copy.copy(parsed.message)
    distorts = any(out.d)
    if by_k := parsed.by_k or (None if distorts else parsed.by_p):
        out.k = np.array(change(by_k).k)
    if by_p := parsed.by_p or (None if distorts else parsed.by_k):
        out.p = np.array(change(by_p).p)
    return out


class CameraInfoCache:
    """The latest camera_info messages of one stream. Added to by one thread, asked by another.

    Attributes:
        fault: why the latest one is useless; empty where it is not, or none has come.
        note: what had to be assumed of the one that was found last; empty for nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[tuple[int, ParsedInfo]] = deque(maxlen=KEPT)
        self._content: tuple | None = None
        self._parsed: ParsedInfo | None = None
        self.fault = ""
        self.note = ""

    def add(self, info: Any) -> None:
        """Keep a sensor_msgs/CameraInfo; one that cannot be a camera's is the `fault` until a better one comes."""
        content = _content(info)
        with self._lock:
            if content != self._content:
                self._content = content
                try:
                    self._parsed, self.fault = parse_info(info), ""
                except FrameError as error:
                    self._parsed, self.fault = None, str(error)
            if self._parsed is not None:
                self._kept.append((stamp_ns(info), self._parsed))

    @property
    def latest(self) -> ParsedInfo | None:
        """The newest one; None before any has come, and where it cannot be a camera's."""
        with self._lock:
            return self._parsed

    def find(self, width: int, height: int, stamp: int) -> ParsedInfo:
        """The camera_info of an image of that size in pixels and stamp in ns: the one of its stamp, else the latest.

        One of the undecimated size, a whole multiple of the image's, is scaled down; `note` says so.

        Raises:
            FrameError: no_camera_info (none came yet), camera_info_mismatch (none is for that size), bad_camera_info (the
                latest one cannot be a camera's).
        """
        with self._lock:
            kept, fault = list(reversed(self._kept)), self.fault
        if fault:
            raise FrameError("bad_camera_info", fault)
        if not kept:
            raise FrameError("no_camera_info", "no camera_info has come for this stream yet")
        fitting = [(at, parsed) for at, parsed in kept if (parsed.camera.width, parsed.camera.height) == (width, height)]
        if fitting:
            self.note = ""
            return next((parsed for at, parsed in fitting if at == stamp), fitting[0][1])
        latest = kept[0][1]
        size = f"{latest.camera.width} x {latest.camera.height}"
        factor = _decimation(latest, width, height)
        if not factor:
            raise FrameError("camera_info_mismatch", f"image is {width} x {height} pixels, its camera_info is for {size}")
        self.note = f"camera_info is for {size} pixels, the image has {width} x {height}: taken for decimated by {factor}"
        return _decimated(latest, factor)


def _content(info: Any) -> tuple:
    """All of a camera_info but its stamp, comparable; too long a D by its length."""
    roi = info.roi
    lens = np.asarray(info.d, np.float64).tobytes() if len(info.d) <= MAX_COEFFICIENTS else len(info.d)
    return (
        info.header.frame_id,
        info.distortion_model,
        lens,
        *(getattr(info, name) for name in _SIZE_FIELDS),
        *(getattr(roi, name) for name in _ROI_FIELDS),
        *(np.asarray(numbers, np.float64).tobytes() for numbers in (info.k, info.r, info.p)),
    )


def _decimation(parsed: ParsedInfo, width: int, height: int) -> int:
    """The whole factor by which an image is smaller than its camera's, 0 for none; a region or binning says its own."""
    camera, info = parsed.camera, parsed.message
    factor = camera.width // width
    whole = (camera.width // factor, camera.height // factor) == (width, height) if factor > 1 else False
    explicit = info.roi.width or info.roi.height or max(info.binning_x, info.binning_y) > 1
    return factor if whole and factor <= MAX_DECIMATION and not explicit else 0


@lru_cache(maxsize=8)
def _decimated(parsed: ParsedInfo, factor: int) -> ParsedInfo:
    """The camera_info of the image whose pixels are blocks of factor x factor of these."""
    out = _with_k_and_p(parsed, lambda camera: camera.binned(factor, factor))
    out.width, out.height = parsed.camera.width // factor, parsed.camera.height // factor
    return parse_info(out)


def _is_same_camera(depth: ParsedInfo, scale: int, rgb: ParsedInfo) -> bool:
    depth_info, rgb_info = depth.message, rgb.message
    if depth_info.header.frame_id != rgb_info.header.frame_id:
        return False
    upsampled = depth.camera.scaled(scale)
    same_size = (upsampled.width, upsampled.height) == (rgb.camera.width, rgb.camera.height)
    same_lens = _distortion(depth_info) == _distortion(rgb_info) and np.allclose(depth_info.r, rgb_info.r)
    return same_size and same_lens and upsampled.same_geometry(rgb.camera, SAME_PIXELS)


def _distortion(info: Any) -> tuple:
    """Comparable: no distortion is no distortion, under whatever model and with however many zeros."""
    return (info.distortion_model, *(float(d) for d in info.d)) if any(info.d) else ()


def _camera_or_none(make: Callable, info: Any, numbers: Any) -> PinholeCamera | None:
    try:
        return make(info.width, info.height, numbers)
    except ValueError:
        return None


def _checked(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except ValueError as error:
        raise FrameError("bad_camera_info", f"camera_info cannot be used: {error}") from None
