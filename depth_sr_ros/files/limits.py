"""How large an image may be, checked on what a header states before memory is taken for it, and what depth may count in."""

from __future__ import annotations

from depth_sr_ros.files.errors import ImageError

MAX_SIDE = 16384  # pixels; wider than any camera this is for, small enough that a header cannot ask for gigabytes
MAX_PIXELS = 1 << 26
MAX_BYTES = 1 << 28  # of a decoded image
SMALLEST_UNIT, LARGEST_UNIT = 1e-6, 1.0  # metres per count of integer depth; no camera counts in others


def check_size(width: int, height: int, pixel_bytes: int = 1) -> None:
    """Raise ImageError (bad_size) unless width x height pixels of some bytes are an image that a camera could have made."""
    if width < 1 or height < 1 or max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise ImageError(
            "bad_size",
            f"image says it is {width} x {height}: at most {MAX_PIXELS} pixels are read, and 1 to {MAX_SIDE} per axis",
        )
    if width * height * pixel_bytes > MAX_BYTES:
        raise ImageError(
            "bad_size", f"image says it is {width} x {height} pixels of {pixel_bytes} bytes: at most {MAX_BYTES} bytes are read"
        )
