"""How good depth is where no exact depth exists: against what a sensor measured itself, and without any reference.

A real sensor's depth is ragged at edges and a pixel or two off. So beside RMSE and MAE there is the share of wrong pixels,
which forgives an edge that is a little off, and not one that is smeared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from depth_sr_ros.evaluation.metrics import edge_region, rmse

RADIUS = 2  # pixels; an edge may be so far off
WRONG = 0.02  # of the depth; what differs by more from every depth within the radius is wrong
STEADY = 0.01  # of the depth; a pixel whose LR depth changes by less from one frame to the next has not moved


@dataclass(frozen=True)
class SensorErrors:
    """Errors of one depth image against a sensor's own; NaN where there is nothing to measure on.

    Attributes:
        rmse_m, mae_m: metres, where both are valid.
        rmse_edges_m: the same within half an LR pixel of a depth edge.
        wrong_share: of the pixels where both are valid, those that differ by more than 2 % from every valid depth of the
            reference within 2 pixels.
        valid_share: of all pixels, those that the image has valid depth for.
    """

    rmse_m: float
    mae_m: float
    rmse_edges_m: float
    wrong_share: float
    valid_share: float


def sensor_errors(depth: np.ndarray, reference: np.ndarray, scale: int) -> SensorErrors:
    """Compare (H, W) float32 metres with a reference of that size; NaN is invalid in both."""
    difference = depth - reference
    known = np.isfinite(difference)
    if not known.any():
        nan = float("nan")
        return SensorErrors(nan, nan, nan, nan, valid_share=float(np.isfinite(depth).mean()))
    return SensorErrors(
        rmse_m=rmse(difference),
        mae_m=float(np.abs(difference[known]).mean(dtype=np.float64)),
        rmse_edges_m=rmse(difference[edge_region(reference, scale)]),
        wrong_share=float((nearest_relative_error(depth, reference)[known] > WRONG).mean()),
        valid_share=float(np.isfinite(depth).mean()),
    )


def nearest_relative_error(depth: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """(H, W): |depth - z| / z for that valid z of the reference within `RADIUS` pixels which makes it smallest."""
    padded = np.pad(reference, RADIUS, constant_values=np.nan)
    smallest = np.full(depth.shape, np.inf, np.float32)
    for row in range(2 * RADIUS + 1):
        for column in range(2 * RADIUS + 1):
            other = padded[row : row + depth.shape[0], column : column + depth.shape[1]]
            np.fmin(smallest, np.abs(depth - other) / other, out=smallest)
    return smallest


def inconsistency_m(depth: np.ndarray, lr_depth: np.ndarray, scale: int) -> float:
    """RMSE in metres between an LR depth image (h, w) and the mean of each of its blocks in `depth` (H, W)."""
    from depth_sr_ros.evaluation.lowering import lower

    return rmse(lower(depth, scale, "mean") - lr_depth)


def flicker_m(depth: np.ndarray, before: np.ndarray, lr_depth: np.ndarray, lr_before: np.ndarray, scale: int) -> float:
    """Mean |change| in metres from the frame before, where the LR depth says that nothing moved.

    Args:
        depth, before: (H, W) of this frame and of the one before.
        lr_depth, lr_before: (h, w), what they were made of.
        scale: between the two.
    """
    with np.errstate(invalid="ignore"):
        steady = np.abs(lr_depth - lr_before) < STEADY * lr_depth
    steady = np.repeat(np.repeat(steady, scale, 0), scale, 1)[: depth.shape[0], : depth.shape[1]]
    change = np.abs(depth - before)[steady]
    change = change[np.isfinite(change)]
    return float(change.mean(dtype=np.float64)) if change.size else float("nan")
