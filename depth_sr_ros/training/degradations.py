"""How real pairs differ from rendered ones: imperfect registration, imperfect depth edges, imperfect pictures.

Nothing tried matters more for accuracy on real data than what is in this file: see docs/experiments.md. Every function takes
(B, C, H, W) float tensors and a generator of their device; each image of a batch has chances and strengths of its own. On a
GPU nothing here waits for it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from depth_sr_ros.synthetic.fields import displaced, gaussian_blur, normal, smooth_field, uniform


@dataclass(frozen=True)
class Degradation:
    """How much of what; lengths in pixels of the high resolution, chances in [0, 1].

    Attributes:
        shift: deviation of the guide's displacement against the depth, as a whole.
        warp: deviation of the guide's smooth local displacement.
        parallax: deviation of the difference between the nearest and the farthest pixel's displacement.
        jagged_chance, jagged: how often, and by how much at most, depth edges are ragged.
        depth_blur_chance, depth_blur: how often, and how strongly at most, the ground truth is blurred.
        guide_blur: strongest blur of the guide; `guide_noise`: largest deviation of its noise.
        grey_chance: how often the guide is grey.
        frame_chance: how often the guide has a white or black frame, as undistorted pictures have, with filled-in depth there.
        disparity_chance: how often inverse depth is learnt in place of depth.
        tof_chance: how often the LR depth is what a time-of-flight camera would measure.
        stereo_chance: how often, of the rest, it is reduced from what a structured-light or stereo camera would measure; the
            ground truth is exact then.
        sensor_chance, median_chance, decimated_chance: how often it is made of block means, block medians, or one pixel of
            each block, with noise, otherwise; together at most 1, else it is bicubic.
        sensor_noise: largest deviation of that noise, in shares of the depth range.
        hole_chance, hole_share: how often the LR depth has holes, filled as in use, and the largest share of its pixels.
        partial_chance, partial_range: how often the sample covers only a part of the range that it was normalised by, as
            most parts of a whole image do, and the smallest such part.
    """

    shift: float = 0.9
    warp: float = 0.7
    parallax: float = 0.0
    jagged_chance: float = 0.5
    jagged: float = 1.5
    depth_blur_chance: float = 0.5
    depth_blur: float = 1.3
    guide_blur: float = 1.0
    guide_noise: float = 0.03
    grey_chance: float = 0.1
    frame_chance: float = 0.0
    disparity_chance: float = 0.6
    tof_chance: float = 0.0
    stereo_chance: float = 0.0
    sensor_chance: float = 0.15
    median_chance: float = 0.0
    decimated_chance: float = 0.0
    sensor_noise: float = 0.01
    hole_chance: float = 0.0
    hole_share: float = 0.15
    partial_chance: float = 0.7
    partial_range: float = 0.25


LENGTHS = ("shift", "warp", "parallax", "jagged", "depth_blur", "guide_blur")  # in pixels; all others are shares or chances
REDUCTIONS = ("sensor_chance", "median_chance", "decimated_chance")  # the rest is bicubic
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
SHARPEST_GUIDE = 0.4  # pixels; a rendered picture has one sample a pixel, a camera's is never as sharp
WARP_CELLS = (20.0, 80.0)  # pixels over which a guide's local displacement changes
RAGGED_CELLS = (1.5, 6.0)  # pixels over which that of a depth edge does
PARALLAX_AXES = (0.4, 1.0)  # rows, columns: cameras sit side by side
PARALLAX_REACH = 9  # pixels
FRAME_WIDTH = (2.0, 13.0)  # pixels
FRAMED_SIDE_CHANCE = 0.5  # for each side of a sample that has a frame: most parts of a whole image lie at one or two


def chance(probability: float, batch: int, generator: torch.Generator) -> Tensor:
    """True with that probability: (batch, 1, 1, 1)."""
    return torch.rand(batch, 1, 1, 1, generator=generator, device=generator.device) < probability


def changed(image: Tensor, which: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """Return change(image) where `which` (B, 1, 1, 1) says so; on a CPU what is in no image's place is not computed."""
    if not which.is_cuda and not which.any():
        return image
    return torch.where(which, change(image), image)


def degrade_guide(rgb: Tensor, amount: Degradation, generator: torch.Generator, nearness: Tensor | None = None) -> Tensor:
    """Misregister rendered pictures (B, 3, H, W) in [0, 1] and expose them as a camera would.

    `nearness` is inverse depth (B, 1, H, W) from 0 to 1, by which the displacement grows where `amount.parallax` is not 0.
    """
    batch, _, height, width = rgb.shape
    field = normal((batch, 2, 1, 1), generator) * amount.shift
    field = field + smooth_field(height, width, WARP_CELLS, batch, generator) * amount.warp
    if nearness is not None:
        field = field + parallax(nearness, amount.parallax, generator)
    blur = uniform(SHARPEST_GUIDE, amount.guide_blur, batch, generator)
    rgb = displaced(gaussian_blur(rgb, blur, max(SHARPEST_GUIDE, amount.guide_blur)), field)
    luma = rgb.new_tensor(LUMA)[:, None, None]
    rgb = changed(
        rgb, chance(amount.grey_chance, batch, generator), lambda rgb: (rgb * luma).sum(1, keepdim=True).expand_as(rgb)
    )
    rgb = rgb.clamp(1e-4, 1) ** uniform(0.6, 1.6, batch, generator) * uniform(0.6, 1.2, batch, generator)
    balance = 1 + 0.1 * normal((batch, 3, 1, 1), generator)
    noise = normal(rgb.shape, generator) * uniform(0, amount.guide_noise, batch, generator)
    return (rgb * balance + noise).clamp(0, 1)


def parallax(nearness: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """Displacement (B, 2, H, W) by wrong extrinsics or a late picture: it grows with inverse depth (B, 1, H, W) from 0 to 1.

    What is near takes the pixels around it along, so that its outline moves as a whole.
    """
    along = normal((len(nearness), 2, 1, 1), generator) * nearness.new_tensor(PARALLAX_AXES)[:, None, None] * deviation
    return along * F.max_pool2d(nearness, PARALLAX_REACH, 1, PARALLAX_REACH // 2)


def frames(image: Tensor, amount: Degradation, generator: torch.Generator) -> Tensor:
    """Return which pixels of an image (B, C, H, W) lie in a frame, bool (B, 1, H, W): in most images none."""
    batch, _, height, width = image.shape
    sides = uniform(*FRAME_WIDTH, 4 * batch, generator) * chance(FRAMED_SIDE_CHANCE, 4 * batch, generator)
    top, bottom, left, right = sides.view(4, batch, 1, 1, 1)
    rows = torch.arange(height, device=sides.device)[:, None] + 0.5
    columns = torch.arange(width, device=sides.device) + 0.5
    frame = (rows < top) | (rows > height - bottom) | (columns < left) | (columns > width - right)
    return frame & chance(amount.frame_chance, batch, generator)


def frame_guide(rgb: Tensor, frame: Tensor, generator: torch.Generator) -> Tensor:
    """Make pictures (B, 3, H, W) white or black where `frame` (B, 1, H, W) says so."""
    return torch.where(frame, chance(0.5, len(rgb), generator).to(rgb.dtype), rgb)


def frame_depth(depth: Tensor, frame: Tensor, generator: torch.Generator) -> Tensor:
    """Give depth (B, 1, H, W) in a frame what a filling leaves there: smooth, in the image's range, not what is beside it."""
    deviation, mean = torch.std_mean(depth, (1, 2, 3), keepdim=True)
    lo, hi = depth.amin((1, 2, 3), keepdim=True), depth.amax((1, 2, 3), keepdim=True)
    field = smooth_field(depth.shape[-2], depth.shape[-1], WARP_CELLS, len(depth), generator)[:, :1]
    return torch.where(frame, (mean + deviation * field).clamp(lo, hi), depth)


def compress_range(images: tuple[Tensor, ...], amount: Degradation, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Put images of depth in [0, 1], (B, 1, ...) each, into the same part of that range, somewhere within it."""
    batch = len(images[0])
    compressed = chance(amount.partial_chance, batch, generator)
    part = torch.where(compressed, uniform(amount.partial_range, 1, batch, generator), 1.0)
    start = uniform(0, 1, batch, generator) * (1 - part)
    return tuple(start + part * image for image in images)


def seen(lr_depth: Tensor, amount: Degradation, generator: torch.Generator) -> Tensor:
    """Return which pixels of an LR depth (B, 1, h, w) a sensor has measured, bool: holes are spots, more along edges.

    At edges, because there one ray is blocked, and what mixes near and far is thrown away.
    """
    step = F.max_pool2d(lr_depth, 3, 1, 1) + F.max_pool2d(-lr_depth, 3, 1, 1)
    likely = smooth_field(lr_depth.shape[-2], lr_depth.shape[-1], (1.5, 4), len(lr_depth), generator)[:, :1]
    likely = likely + 2 * step / step.amax((1, 2, 3), keepdim=True).clamp(min=1e-6)
    share = uniform(0, amount.hole_share, len(lr_depth), generator).flatten()
    bounds = torch.stack([one.quantile(1 - part) for one, part in zip(likely.flatten(1), share)])
    return likely <= bounds.view(-1, 1, 1, 1)


def degrade_depth(depth: Tensor, amount: Degradation, generator: torch.Generator) -> Tensor:
    """Give exact depths (B, 1, H, W) the imperfect edges of measured ones."""
    batch, _, height, width = depth.shape

    def ragged(depth: Tensor) -> Tensor:
        field = smooth_field(height, width, RAGGED_CELLS, batch, generator)
        return displaced(depth, field * uniform(0.2, amount.jagged, batch, generator), mode="nearest")

    def blurred(depth: Tensor) -> Tensor:
        return gaussian_blur(depth, uniform(0.3, amount.depth_blur, batch, generator), max(0.3, amount.depth_blur))

    depth = changed(depth, chance(amount.jagged_chance, batch, generator), ragged)
    return changed(depth, chance(amount.depth_blur_chance, batch, generator), blurred)
