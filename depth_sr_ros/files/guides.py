"""Guides: whatever a colour or infrared camera gives as (H, W, 3) uint8 RGB."""

from __future__ import annotations

import numpy as np

from depth_sr_ros.files.encodings import RGB_LAYOUTS, Layout, RawImage
from depth_sr_ros.files.errors import ImageError

SHARES = (0.5, 99.5)  # per cent of the pixels that are darker than black and than white: a few hot pixels are no range
SAMPLES = 20_000  # pixels that the range is taken from
SMOOTHING = 0.1  # weight of a new image's range: what it was is forgotten within about ten images
SMALLEST_RANGE = 16  # counts; less is the noise of a dark or uniform image, which must not be blown up to edges
_STORED = {1: "mono8", 3: "rgb8", 4: "rgba8"}  # what an image file has, by its channels; 16 bits become 8 before


class Stretch:
    """Brings 16-bit images to 8 bits by the range that they use, which changes slowly from image to image.

    Infrared cameras send 10 or 12 bits in 16: their upper byte holds next to nothing. One object per stream; a range that
    does not overlap the one before (an exposure or projector that was switched) is taken at once.
    """

    def __init__(self) -> None:
        self._limits: np.ndarray | None = None

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """(H, W) or (H, W, channels) uint16 -> the same shape, uint8; all channels by one range, which keeps colours."""
        import cv2

        low, high = self._update(_range(pixels))
        darkest = round(low)
        above = cv2.subtract(np.ascontiguousarray(pixels), np.full(4, darkest, np.float64))  # saturates at 0
        return cv2.convertScaleAbs(above, alpha=255 / max(high - darkest, SMALLEST_RANGE)).reshape(pixels.shape)

    def _update(self, found: np.ndarray) -> np.ndarray:
        before = self._limits
        if before is None or found[0] > before[1] or found[1] < before[0]:
            self._limits = found
        else:
            self._limits = before + SMOOTHING * (found - before)
        return self._limits


def _range(pixels: np.ndarray) -> np.ndarray:
    """The values below and above which few pixels lie."""
    rows, columns = pixels.shape[:2]
    step = max(1, int(np.sqrt(rows * columns / SAMPLES))) | 1  # odd: it meets all the colours of a mosaic
    return np.percentile(pixels[::step, ::step], SHARES)


def to_rgb(pixels: np.ndarray, layout: Layout, stretch: Stretch) -> np.ndarray:
    """Pixels of a layout -> (H, W, 3) uint8 RGB; `pixels` themselves where they are that already."""
    if pixels.dtype == np.uint16:
        pixels = stretch(pixels)
    if layout.to_rgb is None:
        return pixels
    import cv2

    return cv2.cvtColor(np.ascontiguousarray(pixels), getattr(cv2, layout.to_rgb))


def decode_guide(image: RawImage, stretch: Stretch | None = None) -> np.ndarray:
    """(H, W, 3) uint8 RGB; a view of the data where they are rgb8.

    Args:
        image: of an encoding among RGB_LAYOUTS.
        stretch: the stream's own; None takes a 16-bit image's range alone.

    Raises:
        ImageError: as `RawImage.layout` says.
    """
    layout = image.layout(RGB_LAYOUTS)
    return to_rgb(image.pixels(layout), layout, stretch or Stretch())


def guide_of_pixels(pixels: np.ndarray, stretch: Stretch | None = None, mosaic: Layout | None = None) -> np.ndarray:
    """The pixels of an image file, as `decoding.decode` gives them -> (H, W, 3) uint8 RGB.

    Args:
        pixels: (H, W), (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or uint16.
        stretch: as in `decode_guide`.
        mosaic: the layout of a Bayer mosaic, where the pixels are one.

    Raises:
        ImageError: bad_data for floating-point pixels.
    """
    if pixels.dtype.kind != "u":
        raise ImageError("bad_data", f"guide holds {pixels.dtype} {pixels.shape}; expected 8 or 16 bits per channel")
    stored = _STORED[1 if pixels.ndim == 2 else pixels.shape[2]]
    return to_rgb(pixels, mosaic or RGB_LAYOUTS[stored], stretch or Stretch())
