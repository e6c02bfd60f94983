"""A model of structured light and stereo: the depth that such a camera measures at its full resolution.

Both match a window along a row between two views a baseline apart and know depth by its disparity d = focal * baseline / z.
From that follows what they do wrong: the foreground grows by part of the window, its edges are ragged, pixels that one of
the views does not see stay invalid (the shadow beside a near object), and noise and steps of depth grow with z^2.
Kinect's numbers: Khoshelham and Elberink, Accuracy and resolution of Kinect depth data, Sensors 2012.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from depth_sr_ros.synthetic.fields import displaced, gaussian_blur, smooth_field

WINDOW_CELLS = (3.0, 10.0)  # pixels over which matching errs alike along an edge
NOISE_CELLS = (1.5, 5.0)  # pixels over which disparity errs alike
LOSS_CELLS = (2.0, 12.0)  # pixels; size of what is lost


@dataclass(frozen=True)
class StereoSensor:
    """What a camera of this kind is like; defaults are about a Kinect's.

    Attributes:
        focal_baseline: disparity of one metre, in pixels * metres; negative where the other view lies to the right.
        fattening: pixels by which the foreground grows on each side.
        ragged: deviation of edges from their place, in pixels.
        step: disparities are multiples of it, in pixels; 0: not rounded.
        noise: deviation of a disparity, in pixels.
        smoothing: standard deviation of the driver's smoothing across edges, in pixels; it makes flying pixels.
        lost_share: share of the pixels lost to dark, shiny and oblique surfaces, more of them along edges.
        max_range: metres; there is no return from farther away.
    """

    focal_baseline: float = 43.5
    fattening: int = 1
    ragged: float = 0.7
    step: float = 0.125
    noise: float = 0.06
    smoothing: float = 0.0
    lost_share: float = 0.02
    max_range: float = 10.0


def measure_stereo(depth: Tensor, generator: torch.Generator, sensor: StereoSensor = StereoSensor()) -> Tensor:
    """Measure a scene.

    Args:
        depth: (H, W) float32 metres along the optical axis, known everywhere.
        generator: of depth's device; the same seed gives the same picture.
        sensor: what measures.

    Returns:
        (H, W) float32 metres, NaN where the sensor sees nothing.
    """
    disparity = (sensor.focal_baseline / depth)[None, None]
    lost = shadow(disparity)
    near = disparity.abs()
    step = F.max_pool2d(near, 3, 1, 1) + F.max_pool2d(-near, 3, 1, 1)
    near = abs(sensor.focal_baseline) / grown_foreground(depth, sensor.fattening)[None, None]
    place = smooth_field(depth.shape[0], depth.shape[1], WINDOW_CELLS, 1, generator) * sensor.ragged
    near, lost = displaced(near, place, "nearest"), displaced(lost.float(), place, "nearest") > 0.5
    if sensor.smoothing:
        near = gaussian_blur(near, near.new_full((1, 1, 1, 1), sensor.smoothing), sensor.smoothing)
    near = near + sensor.noise * smooth_field(depth.shape[0], depth.shape[1], NOISE_CELLS, 1, generator)[:, :1]
    if sensor.step:
        near = (near / sensor.step).round() * sensor.step
    measured = abs(sensor.focal_baseline) / near.clamp(min=1e-3)
    lost |= _lost(step / step.amax().clamp(min=1e-6), sensor.lost_share, generator) | (measured > sensor.max_range)
    return torch.where(lost, torch.nan, measured)[0, 0]


def grown_foreground(depth: Tensor, pixels: int) -> Tensor:
    """Depth (H, W) with what is near grown by so many pixels on each side, as matching windows make it."""
    return -F.max_pool2d(-depth[None, None], 2 * pixels + 1, 1, pixels)[0, 0]


def shadow(disparity: Tensor) -> Tensor:
    """Return which pixels the other view does not see: (..., H, W) pixels of disparity -> bool.

    A pixel at column x lies at x - d in the other view. It is hidden where another one lies at the same place or has overtaken
    it, which a nearer surface does: from the right for positive disparities, from the left for negative ones.
    """
    place = torch.arange(disparity.shape[-1], device=disparity.device) - disparity
    hidden = torch.zeros_like(disparity, dtype=torch.bool)
    if disparity.flatten()[0] >= 0:
        hidden[..., :-1] = place[..., :-1] >= place.flip(-1).cummin(-1).values.flip(-1)[..., 1:]
    else:
        hidden[..., 1:] = place[..., 1:] <= place.cummax(-1).values[..., :-1]
    return hidden


def _lost(edge: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Pick blobs of that share of the pixels, those at edges (from 0 to 1) first."""
    likely = smooth_field(edge.shape[-2], edge.shape[-1], LOSS_CELLS, 1, generator)[:, :1] + 2 * edge
    bound = likely.flatten()[:: max(1, likely.numel() // 4096)].quantile(1 - share)
    return likely > bound
