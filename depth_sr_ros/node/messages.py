"""sensor_msgs/Image to numpy and back. Works on anything with the fields of the messages; imports no ROS.

Views instead of copies wherever the bytes already are what is wanted. What a message claims about itself is checked
before memory is taken for it; a message that is no good is refused with a FrameError, whose reason is counted:
unknown_encoding, bad_size, bad_step, short_data. Messages that came in are never changed.
Source: sensor_msgs/msg/Image and sensor_msgs/image_encodings.hpp; depth: REP 118.
"""

from __future__ import annotations

import array
import sys
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from depth_sr_ros.core.result import FrameError
from depth_sr_ros.files.depth_units import to_uint16_mm

MAX_SIDE = 16384  # pixels; wider than any camera this is for, small enough that a header cannot ask for gigabytes
MAX_PIXELS = 1 << 26
OUTPUT_ENCODINGS = ("32FC1", "16UC1")


@dataclass(frozen=True)
class Layout:
    """How the pixels of an encoding lie in memory, and the OpenCV conversion to RGB, if one is needed."""

    dtype: str
    channels: int
    to_rgb: int | None = None
    even_width: bool = False  # two pixels share their colour


_BAYER = {  # OpenCV names a pattern after its second row and column, ROS after the first
    "rggb": cv2.COLOR_BayerBG2RGB,
    "bggr": cv2.COLOR_BayerRG2RGB,
    "gbrg": cv2.COLOR_BayerGR2RGB,
    "grbg": cv2.COLOR_BayerGB2RGB,
}
RGB_LAYOUTS = {
    "rgb8": Layout("u1", 3),
    "bgr8": Layout("u1", 3, cv2.COLOR_BGR2RGB),
    "8UC3": Layout("u1", 3, cv2.COLOR_BGR2RGB),
    "rgba8": Layout("u1", 4, cv2.COLOR_RGBA2RGB),
    "bgra8": Layout("u1", 4, cv2.COLOR_BGRA2RGB),
    "mono8": Layout("u1", 1, cv2.COLOR_GRAY2RGB),
    "8UC1": Layout("u1", 1, cv2.COLOR_GRAY2RGB),
    "mono16": Layout("u2", 1, cv2.COLOR_GRAY2RGB),
    "yuv422": Layout("u1", 2, cv2.COLOR_YUV2RGB_UYVY, even_width=True),
    "uyvy": Layout("u1", 2, cv2.COLOR_YUV2RGB_UYVY, even_width=True),
    "yuv422_yuy2": Layout("u1", 2, cv2.COLOR_YUV2RGB_YUY2, even_width=True),
    "yuyv": Layout("u1", 2, cv2.COLOR_YUV2RGB_YUY2, even_width=True),
    **{f"bayer_{pattern}8": Layout("u1", 1, code) for pattern, code in _BAYER.items()},
    **{f"bayer_{pattern}16": Layout("u2", 1, code) for pattern, code in _BAYER.items()},
}
DEPTH_LAYOUTS = {
    "16UC1": Layout("u2", 1),
    "mono16": Layout("u2", 1),
    "32FC1": Layout("f4", 1),
}


def check_size(width: int, height: int) -> None:
    """Raise FrameError (bad_size) unless width x height pixels is an image that a camera could have made."""
    if width < 1 or height < 1 or max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise FrameError(
            "bad_size",
            f"image is {width} x {height} pixels; expected 1 to {MAX_SIDE} a side and at most {MAX_PIXELS} in all",
        )


def check_image(message: Any, layouts: dict[str, Layout]) -> Layout:
    """Return the layout of a sensor_msgs/Image that is whole; no pixel is touched.

    Raises FrameError: unknown_encoding, bad_size, bad_step (a row does not fit into `step` bytes, or there is more data
    than height rows of step bytes), short_data (there is less).
    """
    layout = layouts.get(message.encoding)
    if layout is None:
        raise FrameError("unknown_encoding", f"encoding {message.encoding!r} is not supported; supported: {', '.join(layouts)}")
    width, height, step = message.width, message.height, message.step
    check_size(width, height)
    if layout.even_width and width % 2:
        raise FrameError("bad_size", f"{message.encoding} image is {width} pixels wide; its width must be even")
    row = width * layout.channels * np.dtype(layout.dtype).itemsize
    if step < row:
        raise FrameError("bad_step", f"step is {step} bytes; a row of {width} {message.encoding} pixels has {row}")
    expected = height * step
    if len(message.data) < expected:
        raise FrameError("short_data", f"{len(message.data)} bytes of data; {height} rows of {step} have {expected}")
    if len(message.data) > expected:
        raise FrameError("bad_step", f"{len(message.data)} bytes of data; {height} rows of {step} have only {expected}")
    return layout


def _pixels(message: Any, layout: Layout) -> np.ndarray:
    """(h, w) or (h, w, channels) of a checked message: a view, or a copy where the byte order is not the machine's."""
    dtype = np.dtype(layout.dtype).newbyteorder(">" if message.is_bigendian else "<")
    shape, strides = (message.height, message.width), (message.step, dtype.itemsize * layout.channels)
    if layout.channels > 1:
        shape, strides = (*shape, layout.channels), (*strides, dtype.itemsize)
    view = np.ndarray(shape, dtype, buffer=memoryview(message.data), strides=strides)
    return view.astype(dtype.newbyteorder("="), copy=False)


def decode_rgb(message: Any) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a sensor_msgs/Image; a view of its data where it is rgb8. Raises FrameError."""
    layout = check_image(message, RGB_LAYOUTS)
    pixels = _pixels(message, layout)
    if layout.dtype == "u2":
        pixels = (pixels >> 8).astype(np.uint8)
    return pixels if layout.to_rgb is None else cv2.cvtColor(np.ascontiguousarray(pixels), layout.to_rgb)


def decode_depth(message: Any) -> np.ndarray:
    """(h, w) depth of a sensor_msgs/Image: uint16 millimetres (0 unknown) or float32 metres, as REP 118 has it.

    A view of the message's data where the byte order allows. Raises FrameError.
    """
    return _pixels(message, check_image(message, DEPTH_LAYOUTS))


def fill_image(message: Any, header: Any, depth: np.ndarray, encoding: str) -> None:
    """Make `message`, a new sensor_msgs/Image, a depth image after REP 118: 32FC1 metres or 16UC1 millimetres.

    depth: (H, W) float32 metres, NaN unknown. encoding: one of OUTPUT_ENCODINGS. The header is shared, not copied.
    """
    pixels = np.ascontiguousarray(depth, np.float32) if encoding == "32FC1" else to_uint16_mm(depth)
    message.header = header
    message.height, message.width = pixels.shape
    message.encoding = encoding
    message.is_bigendian = int(sys.byteorder == "big")
    message.step = pixels.strides[0]
    data = array.array("B")
    data.frombytes(memoryview(pixels).cast("B"))  # one memcpy; rclpy takes it unchecked
    message.data = data


def stamp_ns(message: Any) -> int:
    """The header's stamp in nanoseconds."""
    stamp = message.header.stamp
    return stamp.sec * 1_000_000_000 + stamp.nanosec
