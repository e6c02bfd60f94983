"""sensor_msgs/CompressedImage to numpy and back: the transports compressed and compressedDepth. Imports no ROS.

Refusals are FrameErrors: unknown_encoding, bad_size, bad_data.
Source: image_transport_plugins (format strings such as "rgb8; jpeg compressed bgr8", "16UC1; compressedDepth rvl").
"""

from __future__ import annotations

from typing import Any

import numpy as np

from depth_sr_ros.core.result import FrameError
from depth_sr_ros.files.compressed_depth import decode_compressed_depth as decode_transport
from depth_sr_ros.files.compressed_depth import encode_compressed_depth
from depth_sr_ros.files.decoding import decode
from depth_sr_ros.files.encodings import DEPTH_LAYOUTS, RGB_LAYOUTS
from depth_sr_ros.files.guides import Stretch, guide_of_pixels
from depth_sr_ros.node.messages import as_octets, frame_errors

_FILE_FORMATS = ("png", "tiff", "tif")  # `format` alone, as many drivers and scripts write it


def check_compressed(message: Any) -> None:
    """Raise FrameError (bad_data) for a message without data; the rest is seen when it is decoded."""
    if not len(message.data):
        raise FrameError("bad_data", "compressed image has no data")


def decode_compressed_rgb(message: Any, stretch: Stretch | None = None) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a JPEG, PNG or TIFF, of 8 or 16 bits. Raises FrameError.

    Bayer images are compressed as the mosaics that they are: the format's first word says so.
    """
    encoding = message.format.partition(";")[0].strip()
    with frame_errors():
        pixels = decode(memoryview(message.data))
        mosaic = RGB_LAYOUTS.get(encoding) if encoding.startswith("bayer") and pixels.ndim == 2 else None
        return guide_of_pixels(pixels, stretch, mosaic)


def decode_compressed_depth(message: Any) -> np.ndarray:
    """(h, w) depth: uint16 counts (0 invalid) or float metres (NaN invalid). Raises FrameError.

    Both transports: `compressed` (a PNG or TIFF of 16 bits, a TIFF of floats) and `compressedDepth` (PNG, RVL).
    """
    encoding, _, transport = (part.strip() for part in message.format.partition(";"))
    is_file = not transport and encoding in _FILE_FORMATS
    if encoding not in DEPTH_LAYOUTS and not is_file:
        raise FrameError(
            "unknown_encoding",
            f"format {message.format[:60]!r} is not a depth image's; it must begin with {', '.join(DEPTH_LAYOUTS)}, "
            f"or be {' or '.join(_FILE_FORMATS)}",
        )
    with frame_errors():
        data = memoryview(message.data)
        if transport.startswith("compressedDepth") and encoding != "64FC1":  # of which there is no such thing
            codec = transport.removeprefix("compressedDepth").strip() or "png"  # before Humble the codec was not named
            return decode_transport(data, encoding, codec)
        pixels = decode(data, one_channel=True)
    stored = {"u2": "16UC1", "f4": "32FC1", "f8": "64FC1"}.get(pixels.dtype.str[1:]) if pixels.ndim == 2 else None
    expected = {"mono16": "16UC1"}.get(encoding, encoding)
    if stored is None or not (is_file or stored == expected):
        raise FrameError(
            "bad_data",
            f"format {message.format[:60]!r}, but the file holds {pixels.dtype} {pixels.shape}; "
            "expected one channel of 16 bits, or of floats in a TIFF",
        )
    return pixels


def fill_compressed_depth(message: Any, header: Any, depth: np.ndarray, encoding: str, codec: str = "png") -> None:
    """Make `message`, a new sensor_msgs/CompressedImage, a depth image as compressedDepth sends it.

    depth: (H, W) float32 metres, NaN invalid. encoding: "16UC1" or "32FC1". The header is shared, not copied.
    """
    message.header = header
    message.format = f"{encoding}; compressedDepth {codec}"
    message.data = as_octets(encode_compressed_depth(depth, encoding, codec))
