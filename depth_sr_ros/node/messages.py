"""sensor_msgs/Image to numpy and back. Works on anything with the fields of the messages; imports no ROS.

A message that is no good is refused with a FrameError, whose reason is counted: unknown_encoding, bad_size, bad_step,
short_data. Messages that came in are never changed.
"""

from __future__ import annotations

import array
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from depth_sr_ros.core.result import FrameError
from depth_sr_ros.files import encodings, guides
from depth_sr_ros.files.depth_units import to_uint16_mm
from depth_sr_ros.files.encodings import DEPTH_LAYOUTS, RGB_LAYOUTS, Layout, RawImage
from depth_sr_ros.files.errors import ImageError

__all__ = ["DEPTH_LAYOUTS", "OUTPUT_ENCODINGS", "RGB_LAYOUTS", "Layout"]
OUTPUT_ENCODINGS = ("32FC1", "16UC1")


@contextmanager
def frame_errors() -> Iterator[None]:
    """Turn an ImageError into the FrameError that costs this frame and is counted by its reason."""
    try:
        yield
    except ImageError as error:
        raise FrameError(error.reason, str(error)) from None


def raw_image(message: Any) -> RawImage:
    """The bytes of a sensor_msgs/Image and what it says of them; nothing is copied."""
    return RawImage(
        message.encoding, message.width, message.height, message.step, bool(message.is_bigendian), memoryview(message.data)
    )


def check_image(message: Any, layouts: dict[str, Layout]) -> Layout:
    """Return the layout of a sensor_msgs/Image that is whole; no pixel is touched. Raises FrameError."""
    with frame_errors():
        return raw_image(message).layout(layouts)


def decode_rgb(message: Any, stretch: guides.Stretch | None = None) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a sensor_msgs/Image; see `guides.decode_guide`. Raises FrameError."""
    with frame_errors():
        return guides.decode_guide(raw_image(message), stretch)


def decode_depth(message: Any) -> np.ndarray:
    """(h, w) depth of a sensor_msgs/Image: uint16 counts (0 invalid) or float metres, as REP 118 has it.

    A view of the message's data where the byte order allows. Raises FrameError.
    """
    with frame_errors():
        return encodings.decode_depth(raw_image(message))


def fill_image(message: Any, header: Any, depth: np.ndarray, encoding: str) -> None:
    """Make `message`, a new sensor_msgs/Image, a depth image after REP 118: 32FC1 metres or 16UC1 millimetres.

    depth: (H, W) float32 metres, NaN invalid. encoding: one of OUTPUT_ENCODINGS. The header is shared, not copied.
    """
    pixels = np.ascontiguousarray(depth, np.float32) if encoding == "32FC1" else to_uint16_mm(depth)
    message.header = header
    message.height, message.width = pixels.shape
    message.encoding = encoding
    message.is_bigendian = int(sys.byteorder == "big")
    message.step = pixels.strides[0]
    message.data = as_octets(pixels)


def as_octets(values: Any) -> array.array:
    """A contiguous buffer as the array that rclpy takes for a field of bytes unchecked: one memcpy."""
    data = array.array("B")
    data.frombytes(memoryview(values).cast("B"))
    return data


def stamp_ns(message: Any) -> int:
    """The header's stamp in nanoseconds."""
    stamp = message.header.stamp
    return stamp.sec * 1_000_000_000 + stamp.nanosec
