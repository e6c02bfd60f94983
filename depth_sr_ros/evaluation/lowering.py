"""A depth image at a lower resolution, as sensors and drivers make it: what an evaluation upsamples again.

Where no exact depth exists, as of any real sensor, the depth that it measured at its own resolution is the reference, and
this the input.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

Degradation = Callable[[np.ndarray, int, np.ndarray | None, int], np.ndarray]
LEAST_VALID = 0.5  # share of a block's pixels that must be valid
TOF_FOCAL = 1.0  # of the image's width: the focal length that the angle of incidence is taken from


def lower(depth: np.ndarray, scale: int, degradation: str, guide: np.ndarray | None = None, seed: int = 0) -> np.ndarray:
    """Lower a depth image by a whole factor.

    Args:
        depth: (H, W) float32 metres, NaN invalid.
        scale: pixels a block, per axis; blocks at the right and lower border may be incomplete (`working_grid`).
        degradation: one of `DEGRADATIONS`: "median" or "mean" of each block's valid pixels (structured light and binned
            stereo; time of flight), "decimated" (one pixel of each block), "bicubic" (the benchmarks' antialiased reduction),
            "tof" (what a simulated time-of-flight camera measures: noise, flying pixels), "none" (as it is).
        guide: (H, W, 3) uint8 RGB; "tof" alone looks at it, for how much light comes back.
        seed: of "tof"'s noise.

    Returns:
        (h, w) float32 metres: the size divided by `scale`, rounded up. A block less than half valid is NaN; with "none" the
        depth itself.

    Raises:
        ValueError: there is no such degradation; the message lists the known ones.
    """
    if degradation not in DEGRADATIONS:
        raise ValueError(f"unknown degradation {degradation!r}: known are {', '.join(DEGRADATIONS)}")
    return DEGRADATIONS[degradation](depth, scale, guide, seed).astype(np.float32, copy=False)


def _blocks(image: np.ndarray, scale: int) -> np.ndarray:
    """(H, W) -> (h, w, scale^2), NaN beyond the image."""
    padded = _padded(image, scale, constant_values=np.nan)
    height, width = (side // scale for side in padded.shape)
    return padded.reshape(height, scale, width, scale).swapaxes(1, 2).reshape(height, width, -1)


def _padded(image: np.ndarray, scale: int, **how: Any) -> np.ndarray:
    beyond = [(0, -side % scale) for side in image.shape[:2]] + [(0, 0)] * (image.ndim - 2)
    return np.pad(image, beyond, **how)


def _where_enough_is_valid(lowered: np.ndarray, depth: np.ndarray, scale: int) -> np.ndarray:
    valid = np.isfinite(_blocks(depth, scale)).sum(-1)
    pixels = np.isfinite(_blocks(np.ones_like(depth), scale)).sum(-1)
    return np.where(valid >= np.maximum(1, LEAST_VALID * pixels), lowered, np.float32(np.nan))


def _filled(depth: np.ndarray, scale: int) -> np.ndarray:
    from depth_sr_ros.core.depth_image import fill_nearest

    valid = np.isfinite(depth)
    filled = fill_nearest(depth, valid) if valid.any() else np.ones_like(depth)
    return _padded(filled, scale, mode="edge")


def _of_blocks(reduce: Callable[..., np.ndarray]) -> Degradation:
    def lowered(depth: np.ndarray, scale: int, guide: np.ndarray | None, seed: int) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # blocks without a valid pixel
            return _where_enough_is_valid(reduce(_blocks(depth, scale), axis=-1), depth, scale)

    return lowered


def _decimated(depth: np.ndarray, scale: int, guide: np.ndarray | None, seed: int) -> np.ndarray:
    return _blocks(depth, scale)[..., scale // 2 * scale + scale // 2]


def _bicubic(depth: np.ndarray, scale: int, guide: np.ndarray | None, seed: int) -> np.ndarray:
    from depth_sr_ros.evaluation.protocol import reduce_bicubic

    return _where_enough_is_valid(reduce_bicubic(_filled(depth, scale), scale), depth, scale)


def _tof(depth: np.ndarray, scale: int, guide: np.ndarray | None, seed: int) -> np.ndarray:
    import torch

    from depth_sr_ros.synthetic.sensors import TofSensor, measure

    whole = torch.from_numpy(np.ascontiguousarray(_filled(depth, scale), np.float32))
    colours = np.full((*depth.shape, 3), 128, np.uint8) if guide is None else guide
    light = torch.from_numpy(_padded(colours, scale, mode="edge").transpose(2, 0, 1) / np.float32(255))
    generator = torch.Generator().manual_seed(seed)
    measured = measure(whole, light, scale, TOF_FOCAL * depth.shape[1], generator, TofSensor())
    return _where_enough_is_valid(measured.numpy(), depth, scale)


def _unchanged(depth: np.ndarray, scale: int, guide: np.ndarray | None, seed: int) -> np.ndarray:
    return depth


DEGRADATIONS: dict[str, Degradation] = {
    "median": _of_blocks(np.nanmedian),
    "mean": _of_blocks(np.nanmean),
    "decimated": _decimated,
    "bicubic": _bicubic,
    "tof": _tof,
    "none": _unchanged,
}
