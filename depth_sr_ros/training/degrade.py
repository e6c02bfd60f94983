"""How real pairs differ from rendered ones: imperfect registration, imperfect depth edges, imperfect pictures.

Nothing tried matters more for accuracy on real data than what is in this file: see docs/training.md. Every function takes
(C, H, W) float tensors and a generator.
"""
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Degradation:
    """How much of what; lengths in pixels of the high resolution, chances in [0, 1].

    Attributes:
        shift: deviation of the guide's displacement against the depth, as a whole.
        warp: deviation of the guide's smooth local displacement.
        jagged_chance, jagged: how often, and by how much at most, depth edges are ragged.
        depth_blur_chance, depth_blur: how often, and how strongly at most, the true depth is blurred.
        guide_blur: strongest blur of the guide; `guide_noise`: largest deviation of its noise.
        grey_chance: how often the guide is grey.
        disparity_chance: how often inverse depth is learnt in place of depth.
        tof_chance: how often the low resolution is what a time-of-flight camera would measure.
        sensor_chance: how often it is made of block means with noise, otherwise; else it is bicubic.
        sensor_noise: largest deviation of that noise, in shares of the depth range.
        hole_chance, hole_share: how often the low resolution has holes, filled as in use, and the largest share of its pixels.
        partial_chance, partial_range: how often the sample covers only a part of the range that it was normalised by, as
            most parts of a whole image do, and the smallest such part.
    """

    shift: float = 0.9
    warp: float = 0.7
    jagged_chance: float = 0.5
    jagged: float = 1.5
    depth_blur_chance: float = 0.5
    depth_blur: float = 1.3
    guide_blur: float = 1.0
    guide_noise: float = 0.03
    grey_chance: float = 0.1
    disparity_chance: float = 0.6
    tof_chance: float = 0.0
    sensor_chance: float = 0.15
    sensor_noise: float = 0.01
    hole_chance: float = 0.0
    hole_share: float = 0.15
    partial_chance: float = 0.7
    partial_range: float = 0.25


LENGTHS = ("shift", "warp", "jagged", "depth_blur", "guide_blur")  # in pixels; all others are shares or chances


def chance(probability: float, generator: torch.Generator) -> bool:
    """True with that probability."""
    return torch.rand((), generator=generator).item() < probability


def uniform(low: float, high: float, generator: torch.Generator) -> float:
    """A number between `low` and `high`."""
    return low + (high - low) * torch.rand((), generator=generator).item()


def gaussian_blur(image: Tensor, sigma: float) -> Tensor:
    """Blur (C, H, W) by a Gaussian of `sigma` pixels; the border is repeated."""
    if sigma < 0.2:
        return image
    reach = max(1, int(3 * sigma + 0.5))
    line = torch.arange(-reach, reach + 1, dtype=image.dtype)
    kernel = torch.exp(-0.5 * (line / sigma) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    padded = F.pad(image[:, None], (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel), kernel.transpose(2, 3))[:, 0]


def smooth_field(height: int, width: int, cell: float, generator: torch.Generator) -> Tensor:
    """Random displacements (2, H, W) of deviation one that change over about `cell` pixels."""
    rows, columns = max(2, round(height / cell) + 1), max(2, round(width / cell) + 1)
    coarse = torch.randn(1, 2, rows, columns, generator=generator)
    field = F.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)[0]
    return field / field.std().clamp(min=1e-3)


def displaced(image: Tensor, displacement: Tensor, mode: str = "bilinear") -> Tensor:
    """Sample (C, H, W) at every pixel's place plus `displacement` (2, H, W), rows first; the border is repeated."""
    height, width = image.shape[-2:]
    rows = torch.arange(height)[:, None] + displacement[0]
    columns = torch.arange(width) + displacement[1]
    grid = torch.stack((columns / (width - 1) * 2 - 1, rows / (height - 1) * 2 - 1), -1)
    return F.grid_sample(image[None], grid[None], mode=mode, padding_mode="border", align_corners=True)[0]


def degrade_guide(rgb: Tensor, amount: Degradation, generator: torch.Generator) -> Tensor:
    """Misregister a rendered picture (3, H, W) in [0, 1] and expose it as a camera would."""
    height, width = rgb.shape[-2:]
    field = torch.randn(2, 1, 1, generator=generator) * amount.shift
    field = field + smooth_field(height, width, uniform(20, 80, generator), generator) * amount.warp
    rgb = displaced(gaussian_blur(rgb, uniform(0.4, amount.guide_blur, generator)), field)
    if chance(amount.grey_chance, generator):
        rgb = (rgb * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(0, keepdim=True).expand(3, -1, -1)
    rgb = rgb.clamp(1e-4, 1) ** uniform(0.6, 1.6, generator) * uniform(0.6, 1.2, generator)
    balance = 1 + 0.1 * torch.randn(3, 1, 1, generator=generator)
    noise = torch.randn(rgb.shape, generator=generator) * uniform(0, amount.guide_noise, generator)
    return (rgb * balance + noise).clamp(0, 1)


def compress_range(images: tuple[Tensor, ...], amount: Degradation, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Put images of depth in [0, 1] into the same part of that range, somewhere within it."""
    if not chance(amount.partial_chance, generator):
        return images
    part = uniform(amount.partial_range, 1, generator)
    start = uniform(0, 1 - part, generator)
    return tuple(start + part * image for image in images)


def seen(low: Tensor, amount: Degradation, generator: torch.Generator) -> Tensor:
    """Return which pixels of a low resolution (1, h, w) a sensor has measured, bool: holes are spots, more along edges.

    At edges, because there one ray is blocked, and what mixes near and far is thrown away.
    """
    step = F.max_pool2d(low, 3, 1, 1) + F.max_pool2d(-low, 3, 1, 1)
    likely = smooth_field(*low.shape[-2:], uniform(1.5, 4, generator), generator)[:1]
    likely = likely + 2 * step / step.max().clamp(min=1e-6)
    share = uniform(0, amount.hole_share, generator)
    return likely <= likely.flatten().quantile(1 - share)


def degrade_depth(depth: Tensor, amount: Degradation, generator: torch.Generator) -> Tensor:
    """Give an exact depth (1, H, W) the imperfect edges of a measured one."""
    if chance(amount.jagged_chance, generator):
        field = smooth_field(*depth.shape[-2:], uniform(1.5, 6, generator), generator)
        depth = displaced(depth, field * uniform(0.2, amount.jagged, generator), mode="nearest")
    if chance(amount.depth_blur_chance, generator):
        depth = gaussian_blur(depth, uniform(0.3, amount.depth_blur, generator))
    return depth
