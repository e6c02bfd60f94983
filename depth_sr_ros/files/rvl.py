"""RVL, the run-length coding of depth images that compressedDepth uses.

Source: A. Wilson, Fast Lossless Depth Image Compression (ISS 2017), section 3; the size in front as in
compressed_depth_image_transport: width and height as int32, little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from depth_sr_ros.files.errors import ImageError
from depth_sr_ros.files.limits import check_size
from depth_sr_ros.system.compiled import compiled

_SIZE = struct.Struct("<ii")
_SPARE_BYTES = 8  # that may stand behind the last pixel
_EMPTY_PIXELS = 1 << 22  # of an image without any depth, which is a few bytes whatever its size
_PIXELS_PER_BYTE = 1 << 10
_ENDS, _NO_RUN, _LEAVES, _RANGE, _LONG = -1, -2, -3, -4, -5
_FAULTS = {
    _ENDS: "ends before its last pixel",
    _NO_RUN: "has a run of nothing",
    _LEAVES: "has a run that leaves the image",
    _RANGE: "has a depth outside 0 to 65535",
    _LONG: "has a number of more than 32 bits",
}


def decode_rvl(data: memoryview) -> np.ndarray:
    """(h, w) uint16 counts of an RVL image, 0 invalid.

    Raises:
        ImageError: bad_size, or bad_data for what no encoder writes: a stream that ends early or goes on, runs that leave
            the image, differences that leave 16 bits.
    """
    if len(data) < _SIZE.size:
        raise ImageError("bad_data", f"RVL image of {len(data)} bytes has no size")
    width, height = _SIZE.unpack_from(data)
    check_size(width, height)
    if width * height > max(_EMPTY_PIXELS, _PIXELS_PER_BYTE * len(data)):
        raise ImageError("bad_size", f"RVL image says it is {width} x {height}: {len(data)} bytes cannot hold so many pixels")
    words = np.frombuffer(data[_SIZE.size : len(data) - len(data) % 4], "<u4")
    depth = np.zeros(width * height, np.uint16)
    used = _compiled()[0](words, depth)
    if used < 0:
        raise ImageError("bad_data", f"RVL image of {width} x {height} pixels {_FAULTS[used]}")
    if 4 * (words.size - used) > _SPARE_BYTES:
        raise ImageError("bad_data", f"RVL image of {width} x {height} pixels has {4 * (words.size - used)} bytes too many")
    return depth.reshape(height, width)


def encode_rvl(depth: np.ndarray) -> bytes:
    """(h, w) uint16 counts, 0 invalid -> an RVL image."""
    flat = np.ascontiguousarray(depth).reshape(-1)
    words = np.zeros(flat.size + 4, np.uint32)  # a pixel has at most 6 nibbles and a run's two lengths share theirs
    used = _compiled()[1](flat, words)
    return _SIZE.pack(depth.shape[1], depth.shape[0]) + words[:used].astype("<u4", copy=False).tobytes()


def prepare() -> None:
    """Compile ahead of the first image: a second or two where nothing is cached."""
    decode_rvl(memoryview(encode_rvl(np.ones((2, 2), np.uint16))))


@lru_cache(maxsize=1)
def _compiled() -> tuple[Callable, Callable]:
    """The loops of decoder and encoder."""

    @compiled()
    def number(words, nibble):
        """The number that begins at a nibble: three bits each, low ones first, the fourth says that it goes on."""
        value, shift = np.int64(0), 0
        while nibble < 8 * words.size:
            part = np.int64(words[nibble >> 3] >> np.uint32(28 - 4 * (nibble & 7))) & 15
            nibble += 1
            value |= (part & 7) << shift
            if part < 8:
                return value, nibble
            shift += 3
            if shift > 30:
                return np.int64(_LONG), nibble
        return np.int64(_ENDS), nibble

    @compiled()
    def decode(words, depth):
        """Fill `depth`, zeros so far; return the number of words read, or a fault."""
        pixel, nibble, previous = 0, 0, np.int64(0)
        while pixel < depth.size:
            zeros, nibble = number(words, nibble)
            if zeros < 0:
                return zeros
            count, nibble = number(words, nibble)
            if count < 0:
                return count
            if zeros + count == 0:
                return np.int64(_NO_RUN)
            if zeros + count > depth.size - pixel:
                return np.int64(_LEAVES)
            pixel += zeros
            end = pixel + count
            while pixel < end:
                step, nibble = number(words, nibble)
                if step < 0:
                    return step
                previous += (step >> 1) ^ -(step & 1)
                if previous < 0 or previous > 65535:
                    return np.int64(_RANGE)
                depth[pixel] = previous
                pixel += 1
        return np.int64((nibble + 7) >> 3)

    @compiled()
    def put(words, nibble, value):
        while True:
            part = value & 7
            value >>= 3
            if value:
                part |= 8
            words[nibble >> 3] |= np.uint32(part << (28 - 4 * (nibble & 7)))
            nibble += 1
            if not value:
                return nibble

    @compiled()
    def encode(depth, words):
        """Fill `words`, zeros so far; return how many are used."""
        pixel, nibble, previous = 0, 0, np.int64(0)
        while pixel < depth.size:
            end = pixel
            while end < depth.size and depth[end] == 0:
                end += 1
            nibble = put(words, nibble, np.int64(end - pixel))
            pixel = end
            while end < depth.size and depth[end] != 0:
                end += 1
            nibble = put(words, nibble, np.int64(end - pixel))
            while pixel < end:
                step = np.int64(depth[pixel]) - previous
                previous = np.int64(depth[pixel])
                nibble = put(words, nibble, (step << 1) ^ (step >> 63))
                pixel += 1
        return (nibble + 7) >> 3

    return decode, encode
