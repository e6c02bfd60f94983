"""Colour and depth images in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

DEPTH_FORMATS = (
    "a 16-bit grey PNG (millimetres, 0 unknown) or a .npy file (float metres or uint16 millimetres)"
)


def read_rgb(path: Path) -> np.ndarray:
    """An image file -> (H, W, 3) uint8 RGB.

    Raises ValueError where it is no image, OSError where it cannot be read.
    """
    import cv2

    image = _decode(path, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(image[..., ::-1])


def read_depth(path: Path) -> np.ndarray:
    """A PNG -> (h, w) uint16 millimetres; .npy -> what it holds, float metres or uint16 millimetres.

    Raises ValueError where it is something else, OSError where it cannot be read.
    """
    if path.suffix.lower() == ".npy":
        try:
            depth = np.load(path, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise ValueError(f"{path} is not a readable .npy file: {error}") from None
    else:
        import cv2

        depth = _decode(path, cv2.IMREAD_UNCHANGED)
    if depth.ndim != 2 or not (depth.dtype == np.uint16 or depth.dtype.kind == "f"):
        raise ValueError(f"{path} holds {depth.dtype} of shape {depth.shape}: depth must be {DEPTH_FORMATS}")
    return depth


def check_depth_output(path: Path) -> None:
    """Raise ValueError where `write_depth` would not know the format, or would have no folder to write to."""
    if path.suffix.lower() not in (".png", ".npy"):
        raise ValueError(
            f"cannot write depth to {path}: the name must end in .png (16 bit, millimetres) or .npy (metres)"
        )
    if not path.parent.is_dir():
        raise ValueError(f"cannot write {path}: there is no folder {path.parent}")


def write_depth(path: Path, depth: np.ndarray) -> None:
    """(h, w) float metres, NaN unknown -> .npy, float32 metres, or .png, uint16 millimetres, 0 unknown."""
    check_depth_output(path)
    if path.suffix.lower() == ".npy":
        np.save(path, depth.astype(np.float32, copy=False))
        return
    from . import depth_image

    _encode(path, depth_image.to_uint16_mm(depth))


def write_rgb(path: Path, rgb: np.ndarray) -> None:
    """(H, W, 3) uint8 RGB -> an image file, its format by the name's ending.

    Raises ValueError for an unknown one.
    """
    _encode(path, rgb[..., ::-1])


def _decode(path: Path, flags: int) -> np.ndarray:
    import cv2

    data = np.fromfile(path, np.uint8)  # imread says nothing but None about what went wrong
    image = cv2.imdecode(data, flags) if data.size else None
    if image is None:
        raise ValueError(f"{path} is not an image that OpenCV can read")
    return image


def _encode(path: Path, image: np.ndarray) -> None:
    import cv2

    try:
        _, data = cv2.imencode(path.suffix or ".", image)
    except cv2.error:
        raise ValueError(f"cannot write {path}: OpenCV knows no image format {path.suffix!r}") from None
    path.write_bytes(data.tobytes())
