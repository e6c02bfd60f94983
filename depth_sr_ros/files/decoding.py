"""Image files in memory to arrays: PNG, JPEG, TIFF and what else users have, safe against files that lie.

What a file claims is compared with the limits and with its number of bytes before a decoder sees it, and no decoder writes
to stderr: Pillow is silent where OpenCV's libpng and libjpeg print a line for every bad frame.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from depth_sr_ros.files import headers
from depth_sr_ros.files.errors import ImageError
from depth_sr_ros.files.limits import check_size

if TYPE_CHECKING:
    from PIL.Image import Image

DEFLATE_RATIO = 1032  # bytes that a byte of deflated data can become
LZW_RATIO = 2731  # 12-bit codes for at most 4096 bytes
JPEG_PIXELS_PER_BYTE = 1024  # a block of 64 pixels has at least a bit in the scan of its means
_OTHER_PIXELS_PER_BYTE = 8 * DEFLATE_RATIO
_BAND = 32  # rows
_OTHER_FORMATS = ("BMP", "PPM", "WEBP")
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_BITS, _TIFF_COMPRESSION, _TIFF_ORIENTATION, _TIFF_SAMPLES = 256, 257, 258, 259, 274, 277
_TIFF_TILE = (322, 323)
_TIFF_RATIOS = {1: 1, 5: LZW_RATIO, 8: DEFLATE_RATIO, 32946: DEFLATE_RATIO, 32773: 64}  # none, LZW, deflate, PackBits


def decode(data: memoryview, one_channel: bool = False) -> np.ndarray:
    """The pixels of an image file as they are stored: an EXIF orientation is not applied (see `images.read_rgb`).

    Args:
        data: the whole file.
        one_channel: refuse colours by the header, before they take memory.

    Returns:
        (H, W), (H, W, 3) RGB or (H, W, 4) RGBA, uint8, uint16, float32 or float64; a palette is resolved.

    Raises:
        ImageError: unknown_encoding (no format that is read here), bad_size (too large, or more than so few bytes can
            hold), bad_data (damaged, cut).
    """
    head = bytes(data[:8])
    if head == headers.PNG:
        return _decode_png(data, one_channel)
    if head[:2] == headers.JPEG:
        _check_claim(*headers.jpeg_size(data), JPEG_PIXELS_PER_BYTE, data)
        return _by_pillow(data, ("JPEG",))
    if head[:4] in headers.TIFF:
        return _decode_tiff(data, one_channel)
    if head[:4] == headers.EXR:
        _check_claim(*headers.exr_size(data), _OTHER_PIXELS_PER_BYTE, data)
        return _by_opencv(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's of large images, which are refused
        return _by_pillow(data, _OTHER_FORMATS)


def _check_claim(width: int, height: int, per_byte: float, data: memoryview) -> None:
    """Raise ImageError (bad_size) for a size beyond the limits, or beyond `per_byte` pixels per byte of data."""
    check_size(width, height)
    if width * height > per_byte * len(data):
        raise ImageError("bad_size", f"image says it is {width} x {height}: {len(data)} bytes cannot hold so many pixels")


def _check_channels(channels: int, one_channel: bool) -> None:
    if one_channel and channels > 1:
        raise ImageError("bad_data", f"image has {channels} channels; expected one")


def _decode_png(data: memoryview, one_channel: bool) -> np.ndarray:
    header = headers.png_header(data)
    size = sum(part.stop - part.start for part in header.compressed)
    check_size(header.width, header.height, header.bits * header.channels // 8)
    _check_channels(header.channels, one_channel)
    if header.row_bytes * header.height > DEFLATE_RATIO * size:
        claim = f"{header.width} x {header.height}"
        raise ImageError("bad_size", f"image says it is {claim}: {size} compressed bytes cannot hold so many pixels")
    plain = headers.PNG + b"".join(data[part] for part in header.critical)  # texts and profiles can be bombs too
    if header.bits == 16 and header.channels > 1:  # Pillow would keep 8 of the 16 bits
        _check_inflates(header, data)
        return _by_opencv(memoryview(plain))
    return _by_pillow(memoryview(plain), ("PNG",))


def _check_inflates(header: headers.PngHeader, data: memoryview) -> None:
    """Raise ImageError unless the rows are whole and of filters that exist, which libpng would complain of on stderr."""
    if header.interlaced:
        raise ImageError("unknown_encoding", "interlaced PNG with several channels of 16 bits is not supported")
    expected = header.row_bytes * header.height
    inflater = zlib.decompressobj()
    try:
        rows = inflater.decompress(b"".join(data[part] for part in header.compressed), expected + 1)
    except zlib.error as error:
        raise ImageError("bad_data", f"PNG is damaged: {error}") from None
    filters = rows[:: header.row_bytes]
    if len(rows) != expected or not inflater.eof or max(filters) > 4 or not _checksums_hold(header, data):
        raise ImageError("bad_data", f"PNG of {header.width} x {header.height} pixels is damaged")


def _checksums_hold(header: headers.PngHeader, data: memoryview) -> bool:
    return all(
        struct.unpack_from(">I", data, part.stop - 4)[0] == zlib.crc32(data[part.start + 4 : part.stop - 4])
        for part in header.critical
    )


def _decode_tiff(data: memoryview, one_channel: bool) -> np.ndarray:
    tags = headers.tiff_tags(data)
    width, height = tags.get(_TIFF_WIDTH, 0), tags.get(_TIFF_HEIGHT, 0)
    samples = tags.get(_TIFF_SAMPLES, 1)
    pixel = max(1, tags.get(_TIFF_BITS, 1) * samples // 8)
    check_size(width, height, pixel)
    _check_channels(samples, one_channel)
    ratio = _TIFF_RATIOS.get(tags.get(_TIFF_COMPRESSION, 1))
    if ratio is None:
        raise ImageError("unknown_encoding", f"TIFF has compression {tags[_TIFF_COMPRESSION]}; read are none, LZW and deflate")
    if tags.get(_TIFF_ORIENTATION, 1) > 1:
        raise ImageError("unknown_encoding", f"TIFF has orientation {tags[_TIFF_ORIENTATION]}: save it upright")
    if max(tags.get(tag, 0) for tag in _TIFF_TILE) > 1024:
        raise ImageError("bad_size", "TIFF has tiles of more than 1024 pixels per axis")
    if pixel > 32:
        raise ImageError("unknown_encoding", f"TIFF has {pixel} bytes per pixel")
    _check_claim(width, height, ratio * 1.05 / pixel, data)
    return _by_opencv(data)


def _by_pillow(data: memoryview, formats: tuple[str, ...]) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(data), formats=formats)
        _check_claim(*image.size, _OTHER_PIXELS_PER_BYTE, data)
        return _pixels(image)
    except UnidentifiedImageError:
        begins = bytes(data[:8])
        raise ImageError("unknown_encoding", f"data begins with {begins!r}: not an image that is read here") from None
    except ImageError:
        raise
    except Exception as error:  # decoders raise what they like; whatever it is, this image is bad
        raise ImageError("bad_data", f"image of {len(data)} bytes cannot be decoded: {error}") from None


def _pixels(image: Image) -> np.ndarray:
    """A Pillow image as an array: what is neither grey, RGB nor RGBA becomes RGB."""
    if image.mode not in ("L", "RGB", "RGBA", "F") and not image.mode.startswith("I"):
        image = image.convert("L" if image.mode in ("1", "LA") else "RGB")
    width, height = image.size
    first = np.asarray(image.crop((0, 0, width, 1)))
    # what begins with I is 16 bits, as int32 up to Pillow 10
    pixels = np.empty((height, *first.shape[1:]), np.uint16 if image.mode.startswith("I") else first.dtype)
    for row in range(0, height, _BAND):  # Pillow copies twice: band by band both are in the cache, half the time at 1080p
        pixels[row : row + _BAND] = np.asarray(image.crop((0, row, width, min(row + _BAND, height))))
    return pixels


def _by_opencv(data: memoryview) -> np.ndarray:
    """Decode by OpenCV what has been looked through; colours in RGB order."""
    import cv2

    with _opencv_silent(cv2):
        try:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error as error:
            raise ImageError("bad_data", f"image of {len(data)} bytes cannot be decoded: {error.err}") from None
    if image is None:
        raise ImageError("bad_data", f"image of {len(data)} bytes cannot be decoded by OpenCV {cv2.__version__}")
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB if image.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)
    return image


@contextmanager
def _opencv_silent(cv2: Any) -> Iterator[None]:
    """Keep OpenCV from logging what an ImageError says; before 4.6 Python cannot, and a damaged TIFF is heard of."""
    logging = getattr(cv2.utils, "logging", None)
    if logging is None:
        yield
        return
    before = logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(before)
