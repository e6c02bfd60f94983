"""What an image file says of itself, read before a decoder takes memory for it.

Each function looks at a header alone and believes nothing in it: what leads out of the data is an ImageError (bad_data).
Sources: PNG specification, 5 and 11.2.1 (IHDR); ITU-T T.81, B.2.2 (frame header); TIFF 6.0, sections 2 and 8;
OpenEXR file layout (header attributes).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from depth_sr_ros.files.errors import ImageError

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8"
TIFF = (b"II*\0", b"MM\0*")
EXR = b"\x76\x2f\x31\x01"
_FILL, _SCAN = 0xFF, 0xDA
_NO_FRAME = (0xC4, 0xC8, 0xCC)  # markers among those of frames that are tables' or reserved
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by PNG's colour type
_TIFF_TYPES = {1: "B", 3: "H", 4: "I"}  # integers; what is of another type here is not needed
_MAX_TAGS = 200  # an image has some 15


@dataclass(frozen=True)
class PngHeader:
    """IHDR, and where the chunks are that a decoder needs."""

    width: int
    height: int
    bits: int
    colour_type: int
    interlaced: bool
    critical: tuple[slice, ...]  # whole chunks, with length and checksum
    compressed: tuple[slice, ...]  # contents of the IDAT chunks

    @property
    def row_bytes(self) -> int:
        """Bytes of an inflated row, its filter's included."""
        return 1 + (self.width * self.bits * _CHANNELS[self.colour_type] + 7) // 8

    @property
    def channels(self) -> int:
        """Samples a pixel."""
        return _CHANNELS[self.colour_type]


def png_header(data: memoryview) -> PngHeader:
    """Walk the chunks of a PNG up to its end; each must lie within the data."""
    critical: list[slice] = []
    compressed: list[slice] = []
    at = len(PNG)
    while True:
        if at + 12 > len(data):
            raise ImageError("bad_data", f"PNG of {len(data)} bytes ends before its last chunk")
        (length,), kind = struct.unpack_from(">I", data, at), bytes(data[at + 4 : at + 8])
        end = at + 12 + length
        if end > len(data):
            raise ImageError("bad_data", f"PNG chunk {kind!r} says it has {length} bytes, {len(data) - at - 12} are there")
        if not critical and (kind != b"IHDR" or length != 13):
            raise ImageError("bad_data", f"PNG begins with a chunk {kind!r} of {length} bytes, not with its header")
        if not kind[0] & 0x20:
            critical.append(slice(at, end))
        if kind == b"IDAT":
            compressed.append(slice(at + 8, end - 4))
        if kind == b"IEND":
            break
        at = end
    if not compressed:
        raise ImageError("bad_data", f"PNG of {len(data)} bytes has no pixels")
    width, height, bits, colour_type, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    if colour_type not in _CHANNELS or bits not in (1, 2, 4, 8, 16):
        raise ImageError("bad_data", f"PNG has colour type {colour_type} and {bits} bits, which the format does not know")
    return PngHeader(width, height, bits, colour_type, bool(interlaced), tuple(critical), tuple(compressed))


def jpeg_size(data: memoryview) -> tuple[int, int]:
    """Width and height in pixels that a JPEG states; it must have an end-of-image marker after its first scan."""
    size = None
    for marker, at in _segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME and at + 9 <= len(data):
            height, width = struct.unpack_from(">HH", data, at + 5)
            size = width, height
        if marker == _SCAN:  # no scan has that marker in it; a segment before may hold a thumbnail with one
            if size is None or bytes(data).find(b"\xff\xd9", at) < 0:
                break
            return size
    part = "its size" if size is None else "its end"
    raise ImageError("bad_data", f"JPEG of {len(data)} bytes ends before {part}")


def _segments(data: memoryview) -> Iterator[tuple[int, int]]:
    """Markers and where they begin, from the first on; a fill byte is one byte, any other segment states its length."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        yield data[at + 1], at
        at += 1 if data[at + 1] == _FILL else 2 + struct.unpack_from(">H", data, at + 2)[0]


def tiff_tags(data: memoryview) -> dict[int, int]:
    """The first value of every integer tag of a TIFF's first image."""
    order = "<" if bytes(data[:2]) == b"II" else ">"
    try:
        (at,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, at)
        if count > _MAX_TAGS:
            raise ImageError("bad_data", f"TIFF says it has {count} tags")
        return dict(_tiff_tag(data, order, at + 2 + 12 * i) for i in range(count))
    except struct.error:
        raise ImageError("bad_data", f"TIFF of {len(data)} bytes ends before its tags") from None


def _tiff_tag(data: memoryview, order: str, at: int) -> tuple[int, int]:
    tag, kind, count = struct.unpack_from(order + "HHI", data, at)
    letter = _TIFF_TYPES.get(kind)
    if letter is None:
        return tag, 0
    if count * struct.calcsize(letter) > 4:  # then the value is elsewhere, and its place here
        (place,) = struct.unpack_from(order + "I", data, at + 8)
    else:
        place = at + 8
    return tag, struct.unpack_from(order + letter, data, place)[0]


def exr_size(data: memoryview) -> tuple[int, int]:
    """Width and height in pixels of an OpenEXR file's data window."""
    found = bytes(data[:65536]).find(b"dataWindow\0box2i\0\x10\0\0\0")
    if found < 0 or found + 37 > len(data):
        raise ImageError("bad_data", f"EXR of {len(data)} bytes ends before its size")
    x0, y0, x1, y1 = struct.unpack_from("<iiii", data, found + 21)
    return x1 - x0 + 1, y1 - y0 + 1
