"""sensor_msgs/CompressedImage to numpy: JPEG and PNG, and compressedDepth (PNG or RVL). Imports no ROS.

The size that a file claims is read from its header and checked before the decoder takes memory for it. Refusals are
FrameErrors: unknown_encoding, bad_size, bad_data.
Sources: the transports compressed and compressedDepth of image_transport_plugins (format strings, 12-byte header);
A. Wilson, Fast Lossless Depth Image Compression (2017) for RVL.
"""

from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np

from depth_sr_ros.core.result import FrameError
from depth_sr_ros.files.headers import stated_size
from depth_sr_ros.files.limits import check_size
from depth_sr_ros.node.messages import frame_errors

_CONFIG = struct.Struct("<iff")  # compressedDepth: format, and the two parameters of its quantisation
_RVL_SIZE = struct.Struct("<ii")
_PIXELS_PER_BYTE = 8 * 1032  # deflate shrinks by 1032 at most, a pixel has at least a bit; JPEG stays far below
_DEPTH_ENCODINGS = ("16UC1", "mono16", "32FC1")


def check_compressed(message: Any) -> None:
    """Raise FrameError (bad_data) for a message without data; the rest is seen when it is decoded."""
    if not len(message.data):
        raise FrameError("bad_data", "compressed image has no data")


def decode_compressed_rgb(message: Any) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a JPEG or PNG. Raises FrameError."""
    bgr = _decode_file(memoryview(message.data), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def decode_compressed_depth(message: Any) -> np.ndarray:
    """(h, w) depth: uint16 millimetres (0 unknown) or float32 metres (NaN unknown).

    Both transports: `compressed` (a 16-bit PNG of 16UC1) and `compressedDepth`. Raises FrameError.
    """
    data = memoryview(message.data)
    encoding, _, transport = (part.strip() for part in message.format.partition(";"))
    if encoding not in _DEPTH_ENCODINGS:
        raise FrameError(
            "unknown_encoding",
            f"format {message.format!r} is not a depth image's; it must begin with {', '.join(_DEPTH_ENCODINGS)}",
        )
    if not transport.startswith("compressedDepth"):
        if encoding == "32FC1":
            raise FrameError("unknown_encoding", f"format {message.format!r}: 32FC1 comes by compressedDepth only")
        return _decode_png16(data)
    if len(data) < _CONFIG.size:
        raise FrameError("bad_data", f"compressedDepth of {len(data)} bytes; its header alone has {_CONFIG.size}")
    _, quantum_a, quantum_b = _CONFIG.unpack_from(data)
    body = data[_CONFIG.size :]
    levels = _decode_rvl(body) if transport.endswith("rvl") else _decode_png16(body)
    return _dequantise(levels, quantum_a, quantum_b) if encoding == "32FC1" else levels


def _dequantise(levels: np.ndarray, a: float, b: float) -> np.ndarray:
    """Metres from quantised inverse depth: level = a / depth + b, level 0 unknown."""
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.float32(a) / (levels.astype(np.float32) - np.float32(b))
    depth[levels == 0] = np.nan
    return depth


def _decode_png16(data: memoryview) -> np.ndarray:
    image = _decode_file(data, cv2.IMREAD_UNCHANGED)
    if image.dtype != np.uint16 or image.ndim != 2:
        raise FrameError("bad_data", f"depth PNG has {image.dtype} {image.shape}; expected one channel of 16 bits")
    return image


def _decode_file(data: memoryview, flags: int) -> np.ndarray:
    width, height = _file_size(data)
    with frame_errors():
        check_size(width, height)
    if width * height > _PIXELS_PER_BYTE * len(data):
        raise FrameError("bad_size", f"compressed image of {len(data)} bytes says it has {width} x {height} pixels")
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if image is None:
        raise FrameError("bad_data", f"compressed image of {width} x {height} pixels cannot be decoded")
    if image.shape[:2] != (height, width):
        raise FrameError(
            "bad_size", f"compressed image says {width} x {height} and has {image.shape[1]} x {image.shape[0]} pixels"
        )
    return image


def _file_size(data: memoryview) -> tuple[int, int]:
    try:
        size = stated_size(data)
    except ValueError as error:
        raise FrameError("bad_data", str(error)) from None
    if size is None:
        raise FrameError("unknown_encoding", f"compressed data begins with {bytes(data[:8])!r}: neither a PNG nor a JPEG")
    return size


def _decode_rvl(data: memoryview) -> np.ndarray:
    """(h, w) uint16 of an RVL image: numbers of 4-bit parts, alternately a run of zeros and a run of differences."""
    if len(data) < _RVL_SIZE.size:
        raise FrameError("bad_data", f"RVL image of {len(data)} bytes has no size")
    width, height = _RVL_SIZE.unpack_from(data)
    with frame_errors():
        check_size(width, height)
    numbers = _rvl_numbers(data[_RVL_SIZE.size :])
    flat = np.zeros(width * height, np.uint16)
    at = pixel = 0
    previous = 0
    while pixel < flat.size:
        if at + 2 > len(numbers):
            raise FrameError("bad_data", f"RVL image ends after {pixel} of {flat.size} pixels")
        zeros, count = int(numbers[at]), int(numbers[at + 1])
        pixel += zeros
        at += 2
        if pixel + count > flat.size or at + count > len(numbers):
            raise FrameError("bad_data", f"RVL run of {count} at pixel {pixel} leaves the image or the data")
        run = numbers[at : at + count]
        values = previous + np.cumsum((run >> 1) ^ -(run & 1))
        flat[pixel : pixel + count] = values.astype(np.uint16)
        if count:
            previous = int(values[-1])
        pixel, at = pixel + count, at + count
    return flat.reshape(height, width)


def _rvl_numbers(data: memoryview) -> np.ndarray:
    """All numbers of an RVL stream as int64: nibbles from each word's top, three bits in each, low bits first."""
    words = np.frombuffer(data[: len(data) // 4 * 4], "<u4")
    nibbles = ((words[:, None] >> np.arange(28, -1, -4, dtype=np.uint32)) & 0xF).astype(np.int64).reshape(-1)
    ends = np.flatnonzero(nibbles < 8)  # the fourth bit says that the number goes on
    if not ends.size:
        return np.zeros(0, np.int64)
    nibbles = nibbles[: ends[-1] + 1]
    starts = np.concatenate(([0], ends[:-1] + 1))
    place = np.arange(nibbles.size) - np.repeat(starts, ends - starts + 1)
    if place.max() > 10:
        raise FrameError("bad_data", "RVL number of more than 33 bits")
    return np.add.reduceat((nibbles & 7) << (3 * place), starts)
