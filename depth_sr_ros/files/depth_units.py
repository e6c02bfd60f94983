"""Units that depth has on the wire and in files (REP 118), to and from the package's float32 metres."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from depth_sr_ros.files.limits import LARGEST_UNIT, SMALLEST_UNIT

MILLIMETRE = 0.001  # metres per count of 16-bit depth (REP 118)
SATURATED = 65535  # what drivers send for a pixel without return, beside 0
NO_RETURN = (float(SATURATED),)
MAX_NO_RETURN = 16

KNOWN_UNITS = {  # metres per count: who counts so
    0.001: "millimetres, REP 118",
    0.0001: "RealSense D405",
    1 / 5000: "TUM RGB-D",
    1 / 4000: "RealSense L515",
    1 / 8000: "SUN3D",
    0.01: "centimetres",
    1 / 256: "KITTI",
}
FARTHEST_MEDIAN_M, FARTHEST_NEAREST_M, NEAREST_FARTHEST_M = 100.0, 250.0, 0.02
SAMPLES = 2_000  # pixels that a unit is judged by
USUAL_M = 2.0  # what a depth camera indoors looks at


def check_unit(metres_per_count: float) -> None:
    """Raise ValueError for a unit that no depth camera counts in."""
    if not SMALLEST_UNIT <= metres_per_count <= LARGEST_UNIT:  # refuses NaN too
        raise ValueError(
            f"depth_unit is {metres_per_count!r}: metres per count of integer depth, {SMALLEST_UNIT:g} to {LARGEST_UNIT:g}; "
            f"0.001 for millimetres, 0.0002 for TUM's PNGs"
        )


def check_no_return(values: Sequence[float]) -> None:
    """Raise TypeError or ValueError unless these are a few numbers."""
    if isinstance(values, str) or not all(isinstance(value, numbers.Real) for value in values):
        raise TypeError(f"no_return must be numbers, got {values!r}")
    if len(values) > MAX_NO_RETURN:
        raise ValueError(f"no_return has {len(values)} values; at most {MAX_NO_RETURN} are looked for")


def to_metres(
    depth: np.ndarray, unit: float = MILLIMETRE, no_return: Sequence[float] = NO_RETURN, dtype: type[np.floating] = np.float32
) -> np.ndarray:
    """Depth in its own numbers -> metres, NaN where the sensor saw nothing.

    Args:
        depth: (h, w) uint16 counts, 0 invalid, or float metres, of any byte order.
        unit: metres per count of integer depth.
        no_return: values of the image's own numbers that mean no return, beside 0, NaN and infinities.
        dtype: of the result.

    Returns:
        (h, w) metres. Float depth without any value of `no_return` in it is not copied where it has the dtype already.
        Zero, negative and infinite float depth stays as it is, for `valid_mask` to judge.
    """
    if depth.dtype.kind == "u":
        return _metres_of_counts(float(unit), tuple(map(float, no_return)), np.dtype(dtype).char)[depth]
    with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite, and so invalid
        metres = depth.astype(dtype, copy=False)
    missing = np.isin(metres, np.asarray(no_return, dtype)) if len(no_return) else np.zeros(1, bool)
    return np.where(missing, dtype(np.nan), metres) if missing.any() else metres


@lru_cache(maxsize=4)
def _metres_of_counts(unit: float, no_return: tuple[float, ...], char: str) -> np.ndarray:
    """(65536,) metres by count, so that unit and invalid values cost one look-up per pixel."""
    per_metre = 1 / unit
    whole = abs(per_metre - round(per_metre)) < 1e-6 * per_metre  # dividing by a whole number rounds once
    table = np.arange(65536) / (round(per_metre) if whole else per_metre)
    table[[0, *(int(value) for value in no_return if value % 1 == 0 and 0 <= value < 65536)]] = np.nan
    table = table.astype(char)
    table.flags.writeable = False
    return table


def from_uint16_mm(millimetres: np.ndarray) -> np.ndarray:
    """(h, w) uint16 millimetres, 0 and 65535 invalid -> (h, w) float32 metres, NaN invalid."""
    return to_metres(millimetres)


def to_uint16_mm(metres: np.ndarray) -> np.ndarray:
    """(h, w) float metres -> (h, w) uint16 millimetres, rounded; 0 for what uint16 millimetres cannot say.

    See `to_counts`.
    """
    return to_counts(metres, MILLIMETRE)


def to_counts(metres: np.ndarray, unit: float) -> np.ndarray:
    """(h, w) float metres -> (h, w) uint16 counts of `unit` metres, rounded; 0 for what they cannot say.

    That is NaN, infinities, everything below half a count and everything from 65534.5 counts on, since 65535 means no
    return: a depth is never replaced by the nearest one that fits.
    """
    counts = np.multiply(metres, 1 / unit, dtype=np.float32)
    np.rint(counts, out=counts)
    with np.errstate(invalid="ignore"):
        fits = (counts >= 1) & (counts < SATURATED)
    return np.multiply(counts, fits, where=fits, out=np.zeros_like(counts)).astype(np.uint16)


def unit_doubt(depth: np.ndarray, unit: float = MILLIMETRE, no_return: Sequence[float] = NO_RETURN) -> str:
    """A sentence on why the unit of a depth image is likely mistaken, and which it may be; empty where it may be right.

    Args:
        depth: (h, w) uint16 counts or float metres, as `to_metres` takes it.
        unit: metres per count that integer depth is taken for.
        no_return: as in `to_metres`.
    """
    rows, columns = depth.shape
    step = max(1, int(np.sqrt(rows * columns / SAMPLES)))
    metres = to_metres(depth[::step, ::step], unit, no_return)
    with np.errstate(invalid="ignore"):
        metres = metres[np.isfinite(metres) & (metres > 0)]
    if not metres.size:
        return ""
    nearest, median, farthest = float(metres.min()), float(np.median(metres)), float(metres.max())
    if farthest < NEAREST_FARTHEST_M:
        found = f"no depth is farther than {farthest * 1000:.3g} mm"
    elif nearest > FARTHEST_NEAREST_M or median > FARTHEST_MEDIAN_M:
        found = f"the median depth is {median:.4g} m, the nearest {nearest:.4g} m"
    else:
        return ""
    if depth.dtype.kind != "u":
        return f"{found}: float depth must be metres (REP 118); is it {_float_unit(median)}?"
    likely = min(KNOWN_UNITS, key=lambda other: abs(np.log(median / unit * other / USUAL_M)))
    return f"{found} with depth_unit {unit:g}: is it {likely:g} ({KNOWN_UNITS[likely]})?"


def _float_unit(median: float) -> str:
    """What a float depth whose median is this may be in."""
    if median < 1:
        return "inverse depth or normalised"
    return "millimetres" if median >= 300 else "centimetres or a disparity"
