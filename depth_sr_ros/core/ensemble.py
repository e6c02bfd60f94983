"""Self-ensemble: several looks at one frame, for whoever has the time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

FLIPS = ((), (0,), (1,), (0, 1))  # axes: as it is, upside down, mirrored, both


def mean_over_flips(upsample: Callable[[np.ndarray, np.ndarray], np.ndarray], rgb: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Upsample a frame four times, flipped differently, and return the mean of the results flipped back.

    Errors that depend on which way a network looks at an edge cancel each other (Lim et al., Enhanced Deep Residual
    Networks, section 3.4, without the rotations). It takes four times as long.

    upsample: (H, W, 3) uint8 and (h, w) float32 -> (s*h, s*w) float32, which it may use again at the next call.
    rgb, depth: the frame. Returns a new (s*h, s*w) float32.
    """
    total = np.zeros((), np.float32)
    for axes in FLIPS:
        flipped = upsample(*(np.ascontiguousarray(np.flip(image, axes)) for image in (rgb, depth)))
        total = total + np.flip(flipped, axes)
    return total / np.float32(len(FLIPS))
