"""Random smooth fields, displacement and blur of images: (B, C, H, W) float tensors, a generator of their device."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def uniform(low: float, high: float, batch: int, generator: torch.Generator) -> Tensor:
    """Numbers between `low` and `high`: (batch, 1, 1, 1)."""
    return low + (high - low) * torch.rand(batch, 1, 1, 1, generator=generator, device=generator.device)


def normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """N(0, 1) of that shape."""
    return torch.randn(shape, generator=generator, device=generator.device)


def gaussian_blur(image: Tensor, sigma: Tensor, most: float) -> Tensor:
    """Blur (B, C, H, W) by Gaussians of `sigma` (B, 1, 1, 1) pixels, `most` at most; the border is repeated."""
    batch, channels, height, width = image.shape
    reach = max(1, int(3 * most + 0.5))
    line = torch.arange(-reach, reach + 1, dtype=image.dtype, device=image.device)
    kernel = torch.exp(-0.5 * (line / sigma.clamp(min=0.1)) ** 2)  # a tenth of a pixel changes nothing
    kernel = (kernel / kernel.sum(-1, keepdim=True)).repeat_interleave(channels, 0)
    padded = F.pad(image, (reach,) * 4, mode="replicate").flatten(0, 1)[None]
    along = F.conv2d(padded, kernel, groups=batch * channels)
    return F.conv2d(along, kernel.transpose(2, 3), groups=batch * channels).view(batch, channels, height, width)


def smooth_field(height: int, width: int, cells: tuple[float, float], batch: int, generator: torch.Generator) -> Tensor:
    """Random displacements (batch, 2, height, width) of deviation one that change over so many pixels, between two bounds."""
    size = uniform(*cells, batch, generator)
    rows, columns = (max(2, math.ceil(side / cells[0]) + 1) for side in (height, width))
    coarse = normal((batch, 2, rows, columns), generator)
    grid = torch.stack(
        torch.broadcast_tensors(
            torch.arange(width, device=coarse.device) / size[:, 0] * (2 / (columns - 1)) - 1,
            torch.arange(height, device=coarse.device)[:, None] / size[:, 0] * (2 / (rows - 1)) - 1,
        ), -1,
    )  # fmt: skip
    field = F.grid_sample(coarse, grid, mode="bicubic", padding_mode="border", align_corners=True)
    return field / field.std((1, 2, 3), keepdim=True).clamp(min=1e-3)


def displaced(image: Tensor, displacement: Tensor, mode: str = "bilinear") -> Tensor:
    """Sample (B, C, H, W) at every pixel's place plus `displacement` (B, 2, H, W), rows first; the border is repeated."""
    height, width = image.shape[-2:]
    rows = torch.arange(height, device=image.device)[:, None] + displacement[:, 0]
    columns = torch.arange(width, device=image.device) + displacement[:, 1]
    grid = torch.stack((columns / (width - 1) * 2 - 1, rows / (height - 1) * 2 - 1), -1)
    return F.grid_sample(image, grid, mode=mode, padding_mode="border", align_corners=True)
