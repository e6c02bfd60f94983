"""Image encodings: raw bytes to pixels, whether they come in a message or from a file.

Views instead of copies wherever the bytes already are what is wanted; what is claimed is checked before memory is taken.
Source: sensor_msgs/image_encodings.hpp; depth: REP 118.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from depth_sr_ros.files.errors import ImageError
from depth_sr_ros.files.limits import check_size


@dataclass(frozen=True)
class Layout:
    """How the pixels of an encoding lie in memory, and how they become RGB.

    Attributes:
        dtype: numpy's name of a channel's type, without byte order.
        channels: interleaved channels of a pixel.
        to_rgb: the name of OpenCV's conversion to RGB; None where the pixels are RGB already, or depth.
        even_width, even_height: pixels share their colour with their neighbour in that direction.
        chroma_rows: rows of half-resolution colour behind the luminance, per two rows of the image.
    """

    dtype: str
    channels: int
    to_rgb: str | None = None
    even_width: bool = False
    even_height: bool = False
    chroma_rows: int = 0

    def rows(self, height: int) -> int:
        """Rows of memory that an image of `height` rows of pixels has."""
        return height + height * self.chroma_rows // 2


_BAYER = {  # OpenCV names a pattern after its second row and column, ROS after the first
    "rggb": "COLOR_BayerBG2RGB",
    "bggr": "COLOR_BayerRG2RGB",
    "gbrg": "COLOR_BayerGR2RGB",
    "grbg": "COLOR_BayerGB2RGB",
}
_UYVY = Layout("u1", 2, "COLOR_YUV2RGB_UYVY", even_width=True)
_YUYV = Layout("u1", 2, "COLOR_YUV2RGB_YUY2", even_width=True)


def _of_both_depths() -> dict[str, Layout]:
    """Encodings that come with 8 and with 16 bits per channel."""
    layouts: dict[str, Layout] = {}
    for bits, dtype in ((8, "u1"), (16, "u2")):
        layouts |= {
            f"rgb{bits}": Layout(dtype, 3),
            f"bgr{bits}": Layout(dtype, 3, "COLOR_BGR2RGB"),
            f"{bits}UC3": Layout(dtype, 3, "COLOR_BGR2RGB"),
            f"rgba{bits}": Layout(dtype, 4, "COLOR_RGBA2RGB"),
            f"bgra{bits}": Layout(dtype, 4, "COLOR_BGRA2RGB"),
            f"{bits}UC4": Layout(dtype, 4, "COLOR_BGRA2RGB"),
            f"mono{bits}": Layout(dtype, 1, "COLOR_GRAY2RGB"),
            f"{bits}UC1": Layout(dtype, 1, "COLOR_GRAY2RGB"),
            **{f"bayer_{pattern}{bits}": Layout(dtype, 1, code) for pattern, code in _BAYER.items()},
        }
    return layouts


RGB_LAYOUTS = {
    **_of_both_depths(),
    "yuv422": _UYVY,
    "uyvy": _UYVY,
    "yuv422_yuy2": _YUYV,
    "yuyv": _YUYV,
    "nv12": Layout("u1", 1, "COLOR_YUV2RGB_NV12", even_width=True, even_height=True, chroma_rows=1),
    "nv21": Layout("u1", 1, "COLOR_YUV2RGB_NV21", even_width=True, even_height=True, chroma_rows=1),
}
DEPTH_LAYOUTS = {
    "16UC1": Layout("u2", 1),
    "mono16": Layout("u2", 1),
    "32FC1": Layout("f4", 1),
    "64FC1": Layout("f8", 1),
}


@dataclass(frozen=True)
class RawImage:
    """An image as its bytes and what is said about them, the fields of a sensor_msgs/Image."""

    encoding: str
    width: int
    height: int
    step: int
    big_endian: bool
    data: memoryview

    def layout(self, layouts: Mapping[str, Layout]) -> Layout:
        """The layout among `layouts` of an image that is whole; no pixel is touched.

        Raises:
            ImageError: unknown_encoding, bad_size, bad_step (a row does not fit into `step` bytes, or there is more data
                than the rows have), short_data (there is less; the last row may lack its padding).
        """
        layout = layouts.get(self.encoding)
        if layout is None:
            raise ImageError(
                "unknown_encoding", f"encoding {self.encoding[:40]!r} is not supported; supported: {', '.join(layouts)}"
            )
        check_size(self.width, self.height)
        if (layout.even_width and self.width % 2) or (layout.even_height and self.height % 2):
            sides = "width and height" if layout.even_height else "width"
            raise ImageError(
                "bad_size", f"{self.encoding} image is {self.width} x {self.height} pixels; its {sides} must be even"
            )
        row = self.width * layout.channels * np.dtype(layout.dtype).itemsize
        if self.step < row:
            raise ImageError("bad_step", f"step is {self.step} bytes; a row of {self.width} {self.encoding} pixels has {row}")
        rows, size = layout.rows(self.height), len(self.data)
        if size < (rows - 1) * self.step + row:
            raise ImageError("short_data", f"{size} bytes of data; {rows} rows of {self.step} have {rows * self.step}")
        if size > rows * self.step:
            raise ImageError("bad_step", f"{size} bytes of data; {rows} rows of {self.step} have only {rows * self.step}")
        return layout

    def pixels(self, layout: Layout) -> np.ndarray:
        """(rows, width) or (rows, width, channels) of a whole image in the machine's byte order.

        A view of the data, or a copy where the byte order or the alignment is another.
        """
        dtype = np.dtype(layout.dtype).newbyteorder(">" if self.big_endian else "<")
        shape: tuple[int, ...] = layout.rows(self.height), self.width
        strides: tuple[int, ...] = self.step, dtype.itemsize * layout.channels
        if layout.channels > 1:
            shape, strides = (*shape, layout.channels), (*strides, dtype.itemsize)
        view = np.ndarray(shape, dtype, buffer=self.data, strides=strides)
        return np.require(view, dtype.newbyteorder("="), "A")


def decode_depth(image: RawImage) -> np.ndarray:
    """(h, w) depth in the image's own numbers: uint16 counts, or float32 or float64 metres.

    Raises:
        ImageError: as `RawImage.layout` says.
    """
    return image.pixels(image.layout(DEPTH_LAYOUTS))
