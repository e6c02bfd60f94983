"""What a frame must be before anything is computed of it: kinds, shapes, sizes."""

from __future__ import annotations

import numpy as np

from depth_sr_ros.core.result import FrameError
from depth_sr_ros.files.limits import MAX_PIXELS

MAX_OUTPUT_PIXELS = 1 << 24  # 4096 x 4096; a garbled header must not ask for all the memory there is


def check_guide(rgb: np.ndarray) -> None:
    """Refuse what is no colour image.

    Raises:
        FrameError: "bad_guide", or "too_large" to be resized.
    """
    if not isinstance(rgb, np.ndarray) or rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
        raise FrameError("bad_guide", f"guide must be (H, W, 3) uint8 RGB, got {_describe(rgb)}")
    height, width = rgb.shape[:2]
    if height * width > MAX_PIXELS:
        raise FrameError("too_large", f"guide of {width} x {height} pixels: more than {MAX_PIXELS} are not resized")


def check_depth(depth: np.ndarray, scale: int) -> None:
    """Refuse what is no depth image, or of a shape that `check_shape` refuses.

    Raises:
        FrameError: "bad_depth" or "too_large".
    """
    is_depth = isinstance(depth, np.ndarray) and (depth.dtype.kind == "f" or np.issubdtype(depth.dtype, np.uint16))
    if not is_depth or depth.ndim != 2:
        raise FrameError("bad_depth", f"depth must be (h, w) float metres or uint16 counts, got {_describe(depth)}")
    check_shape(depth.shape, scale)


def check_shape(depth_shape: tuple[int, int], scale: int) -> None:
    """Refuse a depth image of (h, w) that is too small, or whose result is too large.

    Raises:
        FrameError: "bad_depth" or "too_large".
    """
    height, width = depth_shape
    if height < 2 or width < 2:
        raise FrameError("bad_depth", f"depth image of {width} x {height} pixels: at least 2 x 2 are needed")
    if scale * scale * height * width > MAX_OUTPUT_PIXELS:
        raise FrameError(
            "too_large",
            f"depth of {width} x {height} pixels at x{scale} is {scale * width} x {scale * height}, "
            f"more than {MAX_OUTPUT_PIXELS} pixels: a smaller scale or a smaller depth image would do",
        )


def _describe(value: object) -> str:
    return f"{value.shape} {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
