"""What the demo measures of a stream, as pure functions and values: rates, latencies, drops, accuracy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class Sample:
    """One frame of the stream and what is true of it.

    rgb (H, W, 3) uint8; measured depth (h, w), result (H, W) and ground truth (H, W) float32 metres, NaN invalid.
    """

    rgb: np.ndarray
    depth: np.ndarray
    result: np.ndarray
    ground_truth: np.ndarray


@dataclass(frozen=True)
class Figures:
    """The demo's outcome; its fields are the keys of summary.json.

    Attributes:
        method, scale, backend: what ran.
        duration_s: of the measurement.
        input_hz, output_hz: depth images a second.
        latency_ms: p50, p95, p99 of the time from a frame's stamp to the reception of the result.
        drops: frames that went lost during the measurement, by reason.
        without_camera_info: results that no camera_info of their stamp came with.
        rmse_m, rmse_bicubic_m: root mean square error of the results, and of bicubic upsampling of the same
            frames on the same pixels, metres. Pixels on the wrong side of an edge make up nearly all of it.
        mae_m, mae_bicubic_m: mean absolute error, likewise.
        frames_compared: that the errors are of.
    """

    method: str
    scale: int
    backend: str
    duration_s: float
    input_hz: float
    output_hz: float
    latency_ms: Mapping[str, float]
    rmse_m: float
    rmse_bicubic_m: float
    mae_m: float
    mae_bicubic_m: float
    frames_compared: int
    without_camera_info: int = 0
    drops: Mapping[str, int] = field(default_factory=dict)


def latency_percentiles(latencies_s: Sequence[float]) -> dict[str, float]:
    """Seconds -> {"p50": milliseconds, ...}; at least one."""
    values = np.percentile(1000 * np.asarray(latencies_s), PERCENTILES)
    return {f"p{percentile}": round(float(value), 2) for percentile, value in zip(PERCENTILES, values, strict=True)}


def drops_between(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, int]:
    """What was dropped between two reports of /depth_sr in /diagnostics (texts by key), by reason."""
    counts = {key: int(value) - int(before.get(key, 0)) for key, value in after.items() if key.startswith("drops.")}
    return {key.removeprefix("drops."): count for key, count in counts.items() if count > 0}


def compare(samples: Sequence[Sample], scale: int) -> dict[str, Any]:
    """The errors of Figures, metres, pooled over the pixels of all samples that result and bicubic know.

    Bicubic gets the same treatment of holes as every method: see Upsampler.
    """
    upsample = bicubic_upsampler(scale)
    squares, sizes = np.zeros(2), np.zeros(2)
    pixels = 0
    for sample in samples:
        errors = np.stack([sample.result - sample.ground_truth, upsample(sample) - sample.ground_truth])
        errors = errors[:, np.isfinite(errors).all(axis=0)].astype(np.float64)
        squares += np.square(errors).sum(axis=1)
        sizes += np.abs(errors).sum(axis=1)
        pixels += errors.shape[1]
    if not pixels:
        return dict.fromkeys(("rmse_m", "rmse_bicubic_m", "mae_m", "mae_bicubic_m"), float("nan"))
    rmse, rmse_bicubic = np.sqrt(squares / pixels).round(4).tolist()
    mae, mae_bicubic = (sizes / pixels).round(4).tolist()
    return {"rmse_m": rmse, "rmse_bicubic_m": rmse_bicubic, "mae_m": mae, "mae_bicubic_m": mae_bicubic}


def bicubic_upsampler(scale: int):
    """A function of a Sample: its depth upsampled bicubically, (H, W) float32 metres, NaN invalid."""
    from depth_sr_ros.core.upsampler import Upsampler

    upsampler = Upsampler("bicubic", scale, clip_to_measured=False)  # as bicubic is commonly understood
    return lambda sample: upsampler(sample.rgb, sample.depth).depth


def table(figures: Figures) -> str:
    """The figures for people, a line each."""
    latency = ", ".join(f"{name} {value:.1f}" for name, value in figures.latency_ms.items())
    drops = ", ".join(f"{reason} {count}" for reason, count in sorted(figures.drops.items())) or "none"
    rows = {
        "method": f"{figures.method} x{figures.scale} on {figures.backend}",
        "measured for": f"{figures.duration_s:.1f} s",
        "depth images in": f"{figures.input_hz:.1f} Hz",
        "depth images out": f"{figures.output_hz:.1f} Hz",
        "latency, stamp to reception": f"{latency} ms",
        "dropped": drops,
        "out without camera_info": f"{figures.without_camera_info}",
        "frames compared with the ground truth": f"{figures.frames_compared}",
        "root mean square error": _beside(figures.rmse_m, figures.rmse_bicubic_m),
        "MAE": _beside(figures.mae_m, figures.mae_bicubic_m),
    }
    wide = max(map(len, rows))
    return "\n".join(f"  {name:<{wide}}  {value}" for name, value in rows.items())


def _beside(ours: float, bicubic: float) -> str:
    """An error beside bicubic's."""
    share = 100 * (ours / bicubic - 1)
    return f"{ours:.3f} m, bicubic {bicubic:.3f} m: {abs(share):.0f} % {'more' if share > 0 else 'less'}"
