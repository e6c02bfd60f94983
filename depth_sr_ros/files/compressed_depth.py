"""compressedDepth: a 12-byte header and the depth as PNG or RVL.

Source: compressed_depth_image_transport (format strings, ConfigHeader, quantisation of inverse depth).
"""

from __future__ import annotations

import math
import struct
from functools import lru_cache

import numpy as np

from depth_sr_ros.files.decoding import decode
from depth_sr_ros.files.depth_units import to_uint16_mm
from depth_sr_ros.files.errors import ImageError
from depth_sr_ros.files.rvl import decode_rvl, encode_rvl

CODECS = ("png", "rvl")
_CONFIG = struct.Struct("<iff")  # format, and the two parameters a, b of the quantisation: level = a / depth + b
_INVERSE_DEPTH = 1  # the format's number
_LEVELS = 65534  # of 16 bits, without 0 (invalid) and 65535 (which some take for no return)


def decode_compressed_depth(data: memoryview, encoding: str, codec: str) -> np.ndarray:
    """(h, w) depth: uint16 counts (0 invalid) of 16UC1, float32 metres (NaN invalid) of 32FC1.

    Args:
        data: the message's data.
        encoding: of the image that was compressed; 32FC1 is quantised, everything else is not.
        codec: "png" or "rvl".

    Raises:
        ImageError: unknown_encoding, bad_size, bad_data.
    """
    if codec not in CODECS:
        raise ImageError("unknown_encoding", f"compressedDepth by {codec[:20]!r}; read are {', '.join(CODECS)}")
    if len(data) < _CONFIG.size:
        raise ImageError("bad_data", f"compressedDepth of {len(data)} bytes; its header alone has {_CONFIG.size}")
    _, a, b = _CONFIG.unpack_from(data)
    body = data[_CONFIG.size :]
    levels = decode_rvl(body) if codec == "rvl" else decode_counts(body)
    if encoding != "32FC1":
        return levels
    if not (math.isfinite(a) and math.isfinite(b) and a > 0):
        raise ImageError("bad_data", f"compressedDepth of 32FC1 has the quantisation a = {a}, b = {b}; a must be positive")
    return _metres_of_levels(a, b)[levels]


def decode_counts(data: memoryview) -> np.ndarray:
    """(h, w) uint16 of an image file. Raises ImageError where it holds anything else."""
    image = decode(data, one_channel=True)
    if image.dtype != np.uint16 or image.ndim != 2:
        raise ImageError("bad_data", f"depth image holds {image.dtype} {image.shape}; expected one channel of 16 bits")
    return image


@lru_cache(maxsize=4)
def _metres_of_levels(a: float, b: float) -> np.ndarray:
    with np.errstate(divide="ignore"):
        metres = a / (np.arange(65536) - b)
    metres[(metres <= 0) | np.isinf(metres)] = np.nan
    metres[0] = np.nan
    return metres.astype(np.float32)


def encode_compressed_depth(depth: np.ndarray, encoding: str, codec: str = "png") -> bytes:
    """Depth as compressedDepth.

    Args:
        depth: (h, w) float32 metres, NaN invalid.
        encoding: "16UC1" (millimetres, exact) or "32FC1" (inverse depth in 65534 levels between this image's nearest and
            farthest depth: half a level is what may be lost).
        codec: "png" or "rvl".
    """
    a = b = 0.0
    if encoding == "16UC1":
        levels = to_uint16_mm(depth)
    else:
        levels, a, b = _quantise(depth)
    return _CONFIG.pack(_INVERSE_DEPTH if a else 0, a, b) + (encode_rvl(levels) if codec == "rvl" else _png(levels))


def _quantise(depth: np.ndarray) -> tuple[np.ndarray, float, float]:
    """(levels, a, b); the farthest depth is level 1, the nearest 65534."""
    with np.errstate(invalid="ignore"):
        valid = np.isfinite(depth) & (depth > 0)
    if not valid.any():
        return np.zeros(depth.shape, np.uint16), 1.0, 0.0
    nearest, farthest = float(depth[valid].min()), float(depth[valid].max())
    span = max(1 / nearest - 1 / farthest, 1e-3 / farthest)
    a = float(np.float32((_LEVELS - 1) / span))  # as the header holds it
    b = float(np.float32(1 - a / farthest))
    with np.errstate(divide="ignore", invalid="ignore"):
        levels = np.rint(a / depth.astype(np.float64) + b)
    return np.where(valid, np.clip(levels, 1, _LEVELS), 0).astype(np.uint16), a, b


def _png(levels: np.ndarray) -> bytes:
    import cv2

    return cv2.imencode(".png", levels, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
