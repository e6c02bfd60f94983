"""Colour and depth images in files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from depth_sr_ros.files.headers import is_cut_jpeg, stated_size

MAX_PIXELS = 1 << 26  # 8192 x 8192; a garbled header must not ask for all the memory there is
DEPTH_FORMATS = "a 16-bit grey PNG (millimetres, 0 unknown) or a .npy file (float metres or uint16 millimetres)"


def read_rgb(path: Path) -> np.ndarray:
    """An image file -> (H, W, 3) uint8 RGB.

    Raises ValueError where it is no image, a part of one, or too large, OSError where it cannot be read.
    """
    import cv2

    image = _decode(path, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(image[..., ::-1])


def read_depth(path: Path) -> np.ndarray:
    """A PNG -> (h, w) uint16 millimetres; .npy -> what it holds, float metres or uint16 millimetres.

    Raises ValueError where it is something else or too large, OSError where it cannot be read.
    """
    depth = np.array(read_array(path))  # off the file, which may change
    if depth.ndim != 2 or not (depth.dtype == np.uint16 or depth.dtype.kind == "f"):
        grey = depth.ndim == 2 and depth.dtype == np.uint8
        advice = "; if this is disparity, depth is focal length * baseline / disparity" if grey else ""
        raise ValueError(f"{path} holds {depth.dtype} of shape {depth.shape}: depth must be {DEPTH_FORMATS}{advice}")
    return depth


def read_array(path: Path) -> np.ndarray:
    """What a .npy file or an image file holds, as it is; a .npy is mapped, not read.

    Raises ValueError where it is neither, a part of one, or too large, OSError where it cannot be read.
    """
    if path.suffix.lower() != ".npy":
        import cv2

        return _decode(path, cv2.IMREAD_UNCHANGED)
    try:
        array = np.load(path, allow_pickle=False, mmap_mode="r")
    except (ValueError, EOFError, OverflowError) as error:
        raise ValueError(f"{path} is not a readable .npy file: {error}") from None
    _check_size(path, array.shape)
    return array


def check_depth_output(path: Path) -> None:
    """Raise ValueError where `write_depth` would not know the format."""
    if path.suffix.lower() not in (".png", ".npy"):
        raise ValueError(f"cannot write depth to {path}: the name must end in .png (16 bit, millimetres) or .npy (metres)")


def check_rgb_output(path: Path) -> None:
    """Raise ValueError where `write_rgb` would not know the format."""
    import cv2

    if not cv2.haveImageWriter(str(path)):
        raise ValueError(f"cannot write {path}: OpenCV knows no image format {path.suffix!r}; .png and .jpg would do")


def write_depth(path: Path, depth: np.ndarray) -> np.ndarray:
    """(h, w) float metres, NaN unknown -> .npy, float32 metres, or .png, uint16 millimetres, 0 unknown.

    Returns (h, w) bool: where the file holds a depth. A .png holds none from 65.5355 m on.
    """
    check_depth_output(path)
    if path.suffix.lower() == ".npy":
        np.save(path, depth.astype(np.float32, copy=False))
        return np.isfinite(depth)
    from depth_sr_ros.files.depth_units import to_uint16_mm

    millimetres = to_uint16_mm(depth)
    _encode(path, millimetres)
    return millimetres > 0


def write_rgb(path: Path, rgb: np.ndarray) -> None:
    """(H, W, 3) uint8 RGB -> an image file, its format by the name's ending.

    Raises ValueError for an unknown one.
    """
    check_rgb_output(path)
    _encode(path, rgb[..., ::-1])


def _decode(path: Path, flags: int) -> np.ndarray:
    import cv2

    data = np.fromfile(path, np.uint8)  # imread says nothing but None about what went wrong
    _check_size(path, _stated_shape(data))
    try:
        image = cv2.imdecode(data, flags) if data.size else None
    except cv2.error as error:  # its own limits of size, for one
        raise ValueError(f"{path} is not an image that OpenCV can read: {error.err}") from None
    if image is None or is_cut_jpeg(memoryview(data)):
        raise ValueError(f"{path} is not an image that OpenCV can read, or not the whole of one")
    _check_size(path, image.shape[:2])
    return image


def _stated_shape(data: np.ndarray) -> tuple[int, ...]:
    """The height and width that a header states; () where it states none, which is the decoder's to judge.

    Of other formats OpenCV itself reads 2^30 pixels at most.
    """
    try:
        return (stated_size(memoryview(data)) or ())[::-1]
    except ValueError:
        return ()


def _check_size(path: Path, shape: tuple[int, ...]) -> None:
    """Raise ValueError for more than MAX_PIXELS: before memory is taken for them, where that can be known."""
    if math.prod(shape) > MAX_PIXELS:
        sides = " x ".join(map(str, reversed(shape)))
        raise ValueError(f"{path} says it is {sides}: at most {MAX_PIXELS} pixels are read")


def _encode(path: Path, image: np.ndarray) -> None:
    import cv2

    _, data = cv2.imencode(path.suffix, image)
    path.write_bytes(data.tobytes())
