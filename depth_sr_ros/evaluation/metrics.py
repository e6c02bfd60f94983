"""How far an estimated depth is from the ground truth."""

from dataclasses import dataclass

import numpy as np

BORDER = 6  # pixels that `crop6` figures leave out on each side
EDGE_STEP = 0.02  # share of the image's depth range between neighbours that makes a depth edge


@dataclass(frozen=True)
class Errors:
    """Errors of one image in the data set's unit; invalid pixels of the ground truth do not count.

    Attributes:
        rmse_full, mae_full: over the whole frame.
        rmse_crop6: without a border of 6 pixels; NaN where nothing is left.
        rmse_edges: within half an LR pixel of a depth edge; NaN where there is none.
        consistency: data consistency, the RMSE between the estimate's own reduction and the LR input, of every pixel.
    """

    rmse_full: float
    rmse_crop6: float
    mae_full: float
    rmse_edges: float
    consistency: float


def rmse(difference: np.ndarray) -> float:
    """Root mean square of the numbers in an array that are not NaN; NaN where there are none."""
    known = difference[np.isfinite(difference)]
    return float(np.sqrt(np.mean(np.square(known, dtype=np.float64)))) if known.size else float("nan")


def edge_region(ground_truth: np.ndarray, scale: int) -> np.ndarray:
    """Pixels within half an LR pixel of a depth edge: (H, W) float -> (H, W) bool."""
    import cv2

    step = EDGE_STEP * (np.nanmax(ground_truth) - np.nanmin(ground_truth))
    edges = np.zeros(ground_truth.shape, np.uint8)
    with np.errstate(invalid="ignore"):
        rows, columns = np.abs(np.diff(ground_truth, axis=0)) > step, np.abs(np.diff(ground_truth, axis=1)) > step
    edges[1:] |= rows
    edges[:-1] |= rows
    edges[:, 1:] |= columns
    edges[:, :-1] |= columns
    side = 2 * max(1, scale // 2) + 1
    return cv2.dilate(edges, np.ones((side, side), np.uint8)).astype(bool)


def measure(estimate: np.ndarray, ground_truth: np.ndarray, scale: int, lr_depth: np.ndarray, reduced: np.ndarray) -> Errors:
    """Compare (H, W) float arrays.

    Args:
        estimate: (H, W), what a method made of `lr_depth`.
        ground_truth: (H, W), NaN where invalid.
        scale: between the two resolutions.
        lr_depth: (h, w), the method's input.
        reduced: (h, w), the estimate's reduction.
    """
    difference = estimate - ground_truth
    inner = difference[BORDER:-BORDER, BORDER:-BORDER]
    return Errors(
        rmse_full=rmse(difference),
        rmse_crop6=rmse(inner),
        mae_full=float(np.nanmean(np.abs(difference))),
        rmse_edges=rmse(difference[edge_region(ground_truth, scale)]),
        consistency=rmse(reduced - lr_depth),
    )
