"""Guides: whatever a colour or infrared camera gives as (H, W, 3) uint8 RGB."""

from __future__ import annotations

import numpy as np

from depth_sr_ros.files.encodings import RGB_LAYOUTS, Layout, RawImage

SHARES = (0.5, 99.5)  # per cent of the pixels that are darker than black and than white: a few hot pixels are no range
SAMPLES = 20_000  # pixels that the range is taken from
SMOOTHING = 0.1  # weight of a new image's range: what it was is forgotten within about ten images
SMALLEST_RANGE = 16  # counts; less is the noise of a dark or uniform image, which must not be blown up to edges


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
