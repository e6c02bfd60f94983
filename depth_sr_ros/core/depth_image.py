"""Depth images as numpy arrays: validity, holes, data consistency.

Inside the package depth is (h, w) float32, metres along the optical axis, NaN where invalid. On the wire and
in files it may be uint16 millimetres with 0 for invalid (REP 118). Everything here runs once per frame and is
kept cheap.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

_SMALLEST = float(np.finfo(np.float32).tiny)
_LARGEST = float(np.finfo(np.float32).max)


def valid_mask(depth: np.ndarray, min_depth: float = 0.0, max_depth: float = float("inf")) -> np.ndarray:
    """(h, w) float metres -> (h, w) bool: finite, positive and within [min_depth, max_depth]."""
    lo, hi = max(min_depth, _SMALLEST), min(max_depth, _LARGEST)
    with np.errstate(invalid="ignore"):
        return (depth >= lo) & (depth <= hi)


def fill_nearest(depth: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Give every invalid pixel the value of the nearest valid one (by Euclidean distance).

    What is upsampled afterwards sees no edge at a hole, and nothing of what stood in it. depth: (h, w)
    float32, valid: (h, w) bool, at least one of them True. Returns a new (h, w) float32, or `depth` itself
    where nothing is to be filled.
    """
    if valid.all():
        return depth
    import cv2

    # Labels number the zero pixels of the mask, here the valid ones, and each pixel bears its nearest one's.
    _, labels = cv2.distanceTransformWithLabels(
        np.logical_not(valid).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    value_of = np.empty(int(labels.max()) + 1, dtype=np.float32)
    value_of[labels[valid]] = depth[valid]
    return value_of[labels]


def upsample_mask(mask: np.ndarray, scale: int) -> np.ndarray:
    """(h, w) bool -> (scale * h, scale * w) bool: every pixel becomes a block of its own value."""
    return mask.repeat(scale, axis=0).repeat(scale, axis=1)


def clip_to_measured(upsampled: np.ndarray, measured: np.ndarray, scale: int) -> np.ndarray:
    """Clip a result to what was measured around it.

    No pixel stays nearer or farther than the nearest and the farthest of the 3 x 3 measured pixels about the one that it
    lies in. Overshoot along edges goes, a depth below zero among it; so does what a structure thinner than a measured
    pixel has beyond the mixture that was measured of it.

    upsampled: (scale * h, scale * w) float32, overwritten where it is contiguous. measured: (h, w) float32 without
    holes. Returns the clipped (scale * h, scale * w) float32.
    """
    import cv2

    around = np.ones((3, 3), np.uint8)  # borders: only what lies within the image counts
    nearest, farthest = cv2.erode(measured, around), cv2.dilate(measured, around)
    height, width = measured.shape
    blocks = upsampled.reshape(height, scale, width, scale)
    np.clip(blocks, nearest[:, None, :, None], farthest[:, None, :, None], out=blocks)
    return blocks.reshape(upsampled.shape)


@lru_cache(maxsize=4)
def reduction_matrices(depth_shape: tuple[int, int], scale: int) -> tuple[np.ndarray, ...]:
    """The matrices of `project_consistent` for the bicubic reduction by `scale`."""
    from depth_sr_ros.methods.layers import resize_matrix

    rows, columns = (resize_matrix(scale * n, n) for n in depth_shape)
    return rows, columns, np.linalg.pinv(rows), np.linalg.pinv(columns)


def project_consistent(
    estimate: np.ndarray,
    measured: np.ndarray,
    reduce_rows: np.ndarray,
    reduce_columns: np.ndarray,
    expand_rows: np.ndarray,
    expand_columns: np.ndarray,
) -> np.ndarray:
    """The image nearest to `estimate` whose reduction is exactly `measured`: x + R+ (y - R x C') (C+)'.

    Data consistency, by one step of back-projection.
    An orthogonal projection: where `measured` truly is the reduction of the ground truth, the error cannot grow. A
    noisy sensor's noise, though, is imposed anew.

    estimate: (H, W) float32. measured: (h, w) float32 without holes. reduce_rows: R (h, H) and
    reduce_columns: C (w, W), of full rank, such that R x C' is the LR image of x. expand_rows: R+
    (H, h), expand_columns: C+ (W, w), their pseudo-inverses. Returns a new (H, W) float32.
    """
    residual = measured - reduce_rows @ estimate @ reduce_columns.T
    return estimate + expand_rows @ residual @ expand_columns.T
