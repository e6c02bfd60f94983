"""Colour and depth images in files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from depth_sr_ros.files import arrays
from depth_sr_ros.files.depth_units import MILLIMETRE, to_counts, to_metres
from depth_sr_ros.files.limits import MAX_PIXELS

FLOAT_IMAGES = (".tif", ".tiff", ".exr")  # hold metres; a PNG holds counts
DEPTH_ENDINGS = (".png", *FLOAT_IMAGES, *arrays.ENDINGS)
DEPTH_FORMATS = (
    "one channel of 16-bit counts or of float metres: a PNG (millimetres unless depth_unit says otherwise, 0 invalid), "
    "TIFF, EXR, .npy or .npz file"
)


def read_rgb(path: Path) -> np.ndarray:
    """An image file -> (H, W, 3) uint8 RGB; 16 bits are stretched by the range that they use.

    An EXIF orientation is not applied, here as in the node: depth images and camera_infos know the pixels as the sensor
    has them, and an image that was turned alone would no longer fit them. See `orientation`.

    Raises:
        ValueError: it is no image, a part of one, or too large.
        OSError: it cannot be read.
    """
    from depth_sr_ros.files.guides import guide_of_pixels

    pixels = read_array(path)
    try:
        return guide_of_pixels(pixels)
    except (ValueError, KeyError):
        raise ValueError(f"{path} holds {pixels.dtype} of shape {pixels.shape}, no colour image") from None


def orientation(path: Path) -> int:
    """The EXIF orientation of an image file that could be read, 1 to 8; 1 where it has none."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.getexif().get(0x0112, 1)
    except Exception:  # formats and tags that Pillow does not know have no orientation for us
        return 1


def read_depth(path: Path) -> np.ndarray:
    """Depth as a file holds it -> (h, w) uint16 counts or float metres, in the machine's byte order.

    Raises:
        ValueError: it is something else, damaged or too large.
        OSError: it cannot be read.
    """
    depth = read_array(path)
    if depth.dtype.kind == "i" and depth.size and depth.min() >= 0 and depth.max() <= 65535:
        depth = depth.astype(np.uint16)
    is_depth = depth.dtype.kind == "f" or (depth.dtype.kind == "u" and depth.dtype.itemsize == 2)
    if depth.ndim != 2 or not is_depth:
        grey = depth.ndim == 2 and depth.dtype == np.uint8
        advice = "; if this is disparity, depth is focal length * baseline / disparity" if grey else ""
        raise ValueError(f"{path} holds {depth.dtype} of shape {depth.shape}: depth must be {DEPTH_FORMATS}{advice}")
    return depth.astype(depth.dtype.newbyteorder("="), copy=False)


def read_metres(path: Path, unit: float = MILLIMETRE, no_return: Sequence[float] = (65535.0,)) -> np.ndarray:
    """(h, w) float32 metres of a depth file, NaN where its counts mean no return; see `depth_units.to_metres`."""
    return to_metres(read_depth(path), unit, no_return)


def read_array(path: Path) -> np.ndarray:
    """What a .npy, .npz or image file holds, as it is; colours in RGB order.

    Raises:
        ValueError: it is neither, a part of one, or too large.
        OSError: it cannot be read.
    """
    if path.suffix.lower() in arrays.ENDINGS:
        return arrays.read(path)
    from depth_sr_ros.files.decoding import decode

    try:
        return decode(memoryview(_content(path)))
    except ValueError as error:
        raise ValueError(f"{path} is not an image that can be read: {error}") from None


def _content(path: Path) -> bytes:
    """A file's bytes; none needs more than its pixels as they are would."""
    with path.open("rb") as file:
        content = file.read(16 * MAX_PIXELS)
        if file.read(1):
            raise ValueError(f"more than {16 * MAX_PIXELS} bytes")
    return content


def check_depth_output(path: Path) -> None:
    """Raise ValueError where `write_depth` would not know the format."""
    ending = path.suffix.lower()
    if ending not in DEPTH_ENDINGS:
        raise ValueError(
            f"cannot write depth to {path}: the name must end in .png (16-bit counts) or, for float metres, "
            f"{', '.join((*FLOAT_IMAGES, *arrays.ENDINGS))}"
        )
    if ending == ".exr":
        _check_writer(path)


def check_rgb_output(path: Path) -> None:
    """Raise ValueError where `write_rgb` would not know the format."""
    _check_writer(path)


def _check_writer(path: Path) -> None:
    import cv2

    os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")
    if not cv2.haveImageWriter(str(path)):
        raise ValueError(f"cannot write {path}: OpenCV knows no image format {path.suffix!r}; .png and .jpg would do")


def write_depth(path: Path, depth: np.ndarray, unit: float = MILLIMETRE) -> np.ndarray:
    """(h, w) float metres, NaN invalid -> .png of uint16 counts of `unit` metres, 0 invalid, or another file of metres.

    Nothing is left of a file that could not be written whole.

    Returns:
        (h, w) bool: where the file holds a depth. A .png holds none from 65534.5 units on.
    """
    check_depth_output(path)
    ending = path.suffix.lower()
    if ending == ".png":
        counts = to_counts(depth, unit)
        _encode(path, counts)
        return counts > 0
    metres = depth.astype(np.float32, copy=False)
    if ending in FLOAT_IMAGES:
        _encode(path, metres)
    else:
        _write_whole(path, arrays.encode(path, metres))
    return np.isfinite(depth)


def write_rgb(path: Path, rgb: np.ndarray) -> None:
    """(H, W, 3) uint8 RGB -> an image file, its format by the name's ending.

    Raises ValueError for an unknown one.
    """
    check_rgb_output(path)
    _encode(path, rgb[..., ::-1])


def _encode(path: Path, image: np.ndarray) -> None:
    import cv2

    done, data = cv2.imencode(path.suffix, image)
    if not done:
        raise ValueError(f"cannot write {path}: OpenCV cannot make {path.suffix} of {image.dtype} {image.shape}")
    _write_whole(path, data.tobytes())


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name and move it to its own: a full disk leaves what was there before.

    A pipe or a device is written to as it is; a link's target is replaced, not the link.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        with target.open("wb") as file:
            file.write(content)
        return
    handle, name = tempfile.mkstemp(prefix=".", suffix=target.suffix, dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, target.stat().st_mode if target.exists() else 0o666 & ~_umask())
        os.replace(name, target)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(name)
        if isinstance(error, OSError):  # a full disk says nothing of the file
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise


def _umask() -> int:
    """What new files are denied; it can only be asked for by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
