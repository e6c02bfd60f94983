"""What a PNG or a JPEG says of its size, read before a decoder takes memory for it."""

from __future__ import annotations

import struct

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8"
_FILL, _SCAN = 0xFF, 0xDA
_NO_FRAME = (0xC4, 0xC8, 0xCC)  # markers among those of frames that are tables' or reserved


def stated_size(data: memoryview) -> tuple[int, int] | None:
    """Return the width and height in pixels that the header states; None for data that begin as neither format does.

    Raises:
        ValueError: it ends before its size; the message begins with the format's name.

    Source: PNG specification, 11.2.1 (IHDR); ITU-T T.81, B.2.2 (frame header).
    """
    if data[:8] == PNG:
        if len(data) < 24:
            raise ValueError(f"PNG of {len(data)} bytes ends before its size")
        return struct.unpack_from(">II", data, 16)
    if data[:2] != JPEG:
        return None
    for marker, at in _segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME and at + 9 <= len(data):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
    raise ValueError(f"JPEG of {len(data)} bytes ends before its size")


def is_cut_jpeg(data: memoryview) -> bool:
    """Whether a JPEG has no end-of-image marker after its first scan (ITU-T T.81, B.2); not every decoder minds."""
    if data[:2] != JPEG:
        return False
    for marker, at in _segments(data):
        if marker == _SCAN:  # no scan has that marker in it; a segment before may hold a thumbnail with one
            return bytes(data).find(b"\xff\xd9", at) < 0
    return False  # no JPEG's order, so the decoder has the word


def _segments(data: memoryview):
    """Markers and where they begin, from the first on; a fill byte is one byte, any other segment states its length."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        yield data[at + 1], at
        at += 1 if data[at + 1] == _FILL else 2 + struct.unpack_from(">H", data, at + 2)[0]
