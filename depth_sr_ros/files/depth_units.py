"""Units that depth has on the wire and in files (REP 118), to and from the package's float32 metres."""

from __future__ import annotations

import numpy as np


def from_uint16_mm(millimetres: np.ndarray) -> np.ndarray:
    """(h, w) uint16 millimetres, 0 unknown -> (h, w) float32 metres, NaN unknown."""
    metres = np.divide(millimetres, 1000, dtype=np.float32)
    metres[millimetres == 0] = np.nan
    return metres


def to_uint16_mm(metres: np.ndarray) -> np.ndarray:
    """(h, w) float metres -> (h, w) uint16 millimetres, rounded; 0 for what uint16 millimetres cannot say.

    That is NaN, infinities, everything below half a millimetre and everything beyond 65.535 m: a depth is
    never replaced by the nearest one that fits.
    """
    millimetres = np.multiply(metres, 1000, dtype=np.float32)
    np.rint(millimetres, out=millimetres)
    with np.errstate(invalid="ignore"):
        fits = (millimetres >= 1) & (millimetres <= 65535)
    return np.multiply(millimetres, fits, where=fits, out=np.zeros_like(millimetres)).astype(np.uint16)
