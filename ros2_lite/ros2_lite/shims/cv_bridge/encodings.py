"""What an image encoding (sensor_msgs/image_encodings.hpp) says, and how pixels of one become those of another."""

import functools
import re
from typing import NamedTuple

import cv2
import numpy as np


class CvBridgeError(TypeError):
    """An image or a conversion that makes no sense; the text says which and why."""


class Encoding(NamedTuple):
    """Pixel layout: `dtype` of a channel in native byte order, `channels`, `colour` ("", "mono", "bayer_rggb" ...)."""

    dtype: np.dtype
    channels: int
    colour: str


_NUMBERED = re.compile(r"(8U|8S|16U|16S|32S|32F|64F)(?:C(\d+))?")
_NAMED = re.compile(r"(mono|rgb|bgr|rgba|bgra|bayer_(?:rggb|bggr|gbrg|grbg))(8|16)")
_TYPES = {"8U": "u1", "8S": "i1", "16U": "u2", "16S": "i2", "32S": "i4", "32F": "f4", "64F": "f8"}
_PACKED_422 = {"yuv422": "YUV2{}_UYVY", "uyvy": "YUV2{}_UYVY", "yuv422_yuy2": "YUV2{}_YUY2", "yuyv": "YUV2{}_YUY2"}
_CHANNELS = {"mono": 1, "rgb": 3, "bgr": 3, "rgba": 4, "bgra": 4}
# OpenCV names a Bayer pattern by its second row and second column.
_BAYER = {"bayer_rggb": "BayerBG", "bayer_bggr": "BayerRG", "bayer_gbrg": "BayerGR", "bayer_grbg": "BayerGB"}


@functools.lru_cache(maxsize=64)
def parse(encoding):
    """The `Encoding` of a name such as "rgb8", "16UC1" or "bayer_rggb8"; CvBridgeError where it is none."""
    if match := _NUMBERED.fullmatch(encoding):
        return Encoding(np.dtype(_TYPES[match[1]]), int(match[2] or 1), "")
    if match := _NAMED.fullmatch(encoding):
        return Encoding(np.dtype("u1" if match[2] == "8" else "u2"), _CHANNELS.get(match[1], 1), match[1])
    if encoding in _PACKED_422:
        return Encoding(np.dtype("u1"), 2, encoding)
    raise CvBridgeError(
        f"unknown image encoding {encoding!r}; known are mono8, mono16, rgb8, bgr8, rgba8, bgra8 (and 16), "
        "bayer_*, yuv422, yuv422_yuy2, and the plain 8UC1 ... 64FC4"
    )


def convert(pixels, source, target):
    """Pixels (h, w[, c]) of encoding `source` as those of encoding `target`.

    Depth changes only between colour formats, where the full range stays the full range (16 bit / 257 = 8 bit). A plain
    type such as 8UC3 becomes a colour of the same type and channels, and the other way round, untouched.
    """
    if target == "passthrough" or source == target:
        return pixels
    have, want = parse(source), parse(target)
    if not (have.colour and want.colour):
        if have[:2] != want[:2]:
            raise CvBridgeError(
                f"no conversion from {source} to {target}: one of them is not a colour format, "
                "and their types or numbers of channels differ"
            )
        return pixels
    if have.colour != want.colour:
        pixels = cv2.cvtColor(pixels, _colour_code(source, have.colour, target, want.colour))
    if have.dtype != want.dtype:
        pixels = (pixels // 257).astype(np.uint8) if want.dtype == np.uint8 else pixels.astype(np.uint16) * 257
    return pixels


def _colour_code(source, have, target, want):
    """OpenCV's code for a change of colour format; CvBridgeError where it has none."""
    to = {"mono": "GRAY"}.get(want, want.upper())
    if have in _PACKED_422:
        name = "COLOR_" + _PACKED_422[have].format(to)
    else:
        name = f"COLOR_{_BAYER.get(have) or {'mono': 'GRAY'}.get(have, have.upper())}2{to}"
    code = getattr(cv2, name, None)
    if code is None:
        raise CvBridgeError(f"no conversion from {source} to {target}")
    return code
