"""What a replay finds out about a method, frame by frame, and in all."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from depth_sr_ros.evaluation.sensor_metrics import flicker_m, inconsistency_m, sensor_errors

MEANS = ("rmse_m", "mae_m", "rmse_edges_m", "wrong_share", "valid_share", "inconsistency_m", "flicker_m")
PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class FrameFigures:
    """Of one result; NaN for what there is nothing to measure on.

    Attributes:
        stamp_ns: the depth image's.
        rmse_m, mae_m, rmse_edges_m, wrong_share, valid_share: against the recorded depth, see `SensorErrors`.
        inconsistency_m: RMSE between the LR depth on the working grid and the result's block means.
        flicker_m: mean change since the result before, where the LR depth says that nothing moved.
        latency_ms: from the depth image to the result.
    """

    stamp_ns: int
    rmse_m: float
    mae_m: float
    rmse_edges_m: float
    wrong_share: float
    valid_share: float
    inconsistency_m: float
    flicker_m: float
    latency_ms: float


@dataclass
class MethodFigures:
    """Of one variant over a recording.

    Attributes:
        label, method, scale: what was tried.
        frames: one for each result.
        inputs: depth images that were played; pairs: that had a colour image; drops: what was not used, by reason.
        duration_s: how long it took to play them.
        cpu_percent, peak_memory_mb: of the process that computed; None where it was not one of its own.
    """

    label: str
    method: str
    scale: int
    frames: list[FrameFigures] = field(default_factory=list)
    inputs: int = 0
    pairs: int = 0
    drops: dict[str, int] = field(default_factory=dict)
    duration_s: float = 0.0
    cpu_percent: float | None = None
    peak_memory_mb: float | None = None

    def mean(self, name: str) -> float:
        """The mean over frames of one of `MEANS`, those without it left out; NaN where none has it."""
        values = [getattr(frame, name) for frame in self.frames]
        values = [value for value in values if math.isfinite(value)]
        return float(np.mean(values)) if values else float("nan")

    def latency_ms(self) -> dict[str, float]:
        """Percentiles by name: p50, p95, p99."""
        values = [frame.latency_ms for frame in self.frames]
        return {f"p{p}": float(np.percentile(values, p)) if values else float("nan") for p in PERCENTILES}

    def as_dict(self) -> dict[str, Any]:
        """What the JSON report holds; None for figures that do not exist, as JSON knows no NaN."""
        return _without_nan({
            "label": self.label, "method": self.method, "scale": self.scale,
            **{name: self.mean(name) for name in MEANS},
            "output_hz": len(self.frames) / self.duration_s if self.duration_s else float("nan"),
            "latency_ms": self.latency_ms(),
            "inputs": self.inputs, "pairs": self.pairs, "outputs": len(self.frames), "drops": self.drops,
            "cpu_percent": self.cpu_percent, "peak_memory_mb": self.peak_memory_mb,
            "per_frame": [asdict(frame) for frame in self.frames],
        })  # fmt: skip


class Judge:
    """Measures the results of one variant in their order."""

    def __init__(self, scale: int) -> None:
        self._scale = scale
        self._before: tuple[np.ndarray, np.ndarray] | None = None

    def __call__(
        self, stamp_ns: int, depth: np.ndarray, grid: np.ndarray, reference: np.ndarray | None, latency_ms: float
    ) -> FrameFigures:
        """Measure one result.

        Args:
            stamp_ns: the depth image's.
            depth: (H, W) float32 metres, NaN invalid: the result.
            grid: (h, w) float32 metres: what it was made of.
            reference: (H, W) float32 metres; None where there is none.
            latency_ms: of the result.
        """
        none = np.full(depth.shape, np.nan, np.float32)
        errors = sensor_errors(depth, none if reference is None else reference, self._scale)
        flicker = float("nan")
        if self._before is not None and self._before[0].shape == depth.shape and self._before[1].shape == grid.shape:
            flicker = flicker_m(depth, self._before[0], grid, self._before[1], self._scale)
        self._before = depth, grid
        inconsistency = inconsistency_m(depth, grid, self._scale)
        return FrameFigures(stamp_ns, **asdict(errors), inconsistency_m=inconsistency, flicker_m=flicker, latency_ms=latency_ms)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
