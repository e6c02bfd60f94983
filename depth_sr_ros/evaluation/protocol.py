"""The literature's protocol: from a data set and a method to figures that stand beside published ones.

Both sides are cropped to a multiple of the scale; the LR depth is the ground truth's antialiased bicubic reduction (PIL's
BICUBIC, in float); the network sees values normalised by the ground truth's minimum and maximum, as the authors'
evaluations do; RMSE per image, then the mean over images. Border conventions differ between papers, so both are given:
full frame, and without 6 pixels on each side.
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from depth_sr_ros.evaluation.datasets import Pair
from depth_sr_ros.evaluation.metrics import Errors, measure

Upsample = Callable[[np.ndarray, np.ndarray], np.ndarray]  # ((sh, sw, 3) uint8, (h, w) float32 in [0, 1]) -> (sh, sw)


@dataclass(frozen=True)
class Trial:
    """One image through one method: what went in, what came out, how far off it was; lengths in the pair's unit."""

    pair: Pair
    lr_depth: np.ndarray
    estimate: np.ndarray
    errors: Errors
    seconds: float


@dataclass
class Summary:
    """A method's figures on a data set at one scale: means over its images.

    Attributes:
        dataset, method, scale: what was evaluated.
        unit: of the figures, besides the seconds.
        iterations: how many the method took, None where it has none.
        projected: whether estimates were projected onto the images that reduce to the input.
        ensemble: whether estimates are means over four flips.
        per_image: a dict per image: its name, the fields of `Errors`, seconds.
        not_measured: why, by the names of the images that no mean has in it.
    """

    dataset: str
    method: str
    scale: int
    unit: str
    iterations: int | None = None
    projected: bool = False
    ensemble: bool = False
    per_image: list[dict] = field(default_factory=list)
    not_measured: dict[str, str] = field(default_factory=dict)

    def add(self, trial: Trial) -> None:
        """Count one more image."""
        self.per_image.append({"name": trial.pair.name, **asdict(trial.errors), "seconds": trial.seconds})

    def as_dict(self) -> dict:
        """What the JSON report holds; None for figures that do not exist, as JSON knows no NaN."""
        means = {key: self.mean(key) for key in ("rmse_full", "rmse_crop6", "mae_full", "rmse_edges", "consistency")}
        return _with_none({
            "dataset": self.dataset, "method": self.method, "scale": self.scale, "unit": self.unit,
            "iterations": self.iterations, "projected": self.projected, "ensemble": self.ensemble,
            "images": len(self.per_image), **means, "seconds_per_image": self.mean("seconds"),
            "per_image": [_with_none(image) for image in self.per_image],
            "images_not_measured": len(self.not_measured), "not_measured": self.not_measured,
        })  # fmt: skip

    def mean(self, key: str) -> float:
        """Mean over images of one figure, images without it left out."""
        values = [image[key] for image in self.per_image if np.isfinite(image[key])]
        return float(np.mean(values)) if values else float("nan")


def _with_none(figures: dict) -> dict:
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in figures.items()}


def cropped(pair: Pair, scale: int) -> Pair:
    """Crop to multiples of the scale, from the top left.

    Raises:
        ValueError: nothing is left, or nothing of which the depth is valid; the message names the image's file.
    """
    height, width = (side // scale * scale for side in pair.depth.shape)
    source = pair.file or pair.name
    if height < 2 * scale or width < 2 * scale:
        size = f"{pair.depth.shape[1]} x {pair.depth.shape[0]}"
        raise ValueError(f"{source} of {size} is too small for x{scale}: it takes {2 * scale} x {2 * scale} pixels")
    if not np.isfinite(pair.depth[:height, :width]).any():
        raise ValueError(f"{source} has no pixel of valid depth")
    return replace(pair, rgb=pair.rgb[:height, :width], depth=pair.depth[:height, :width])


def reduce_bicubic(image: np.ndarray, scale: int) -> np.ndarray:
    """Lower (sh, sw) float to (h, w) as PIL's BICUBIC does."""
    from depth_sr_ros.methods.layers import resize_matrix

    rows, columns = (resize_matrix(side, side // scale) for side in image.shape)
    return rows @ image @ columns.T


def try_pair(
    pair: Pair,
    upsample: Upsample,
    scale: int,
    consistent: bool = False,
    prepare: Callable[[tuple[int, int]], object] | None = None,
) -> Trial:
    """Put one pair through a method.

    Holes in the ground truth are filled by their nearest neighbours before the reduction, and do not count afterwards.

    Args:
        pair: of the data set; cropped here.
        upsample: the method.
        scale: between the two resolutions.
        consistent: data consistency, project the estimate onto those whose reduction is the input
            (`depth_image.project_consistent`).
        prepare: is given the LR depth's shape before the clock starts, to compile what must be.

    Raises:
        ValueError: the image cannot be used, or its estimate is not finite; the message names the image.
    """
    from depth_sr_ros.core import depth_image
    from depth_sr_ros.core.depth_range import DepthRange

    pair = cropped(pair, scale)
    known = np.isfinite(pair.depth)
    filled = depth_image.fill_nearest(pair.depth, known)
    depth_range = DepthRange.linear(filled)
    lr_depth = reduce_bicubic(depth_range.to_unit(filled), scale)
    reduction = depth_image.reduction_matrices(lr_depth.shape, scale)
    if prepare is not None:
        prepare(lr_depth.shape)
    start = time.perf_counter()
    estimate = upsample(pair.rgb, lr_depth)
    if consistent:
        estimate = depth_image.project_consistent(estimate, lr_depth, *reduction)
    seconds = time.perf_counter() - start
    lost = np.count_nonzero(~np.isfinite(estimate))
    if lost:
        raise ValueError(f"the estimate of {pair.name} is no number at {lost} of {estimate.size} pixels")
    reduced = depth_range.to_metres(reduce_bicubic(estimate, scale))
    lr_depth, estimate = depth_range.to_metres(lr_depth), depth_range.to_metres(estimate)
    return Trial(pair, lr_depth, estimate, measure(estimate, pair.depth, scale, lr_depth, reduced), seconds)
