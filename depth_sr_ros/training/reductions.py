"""How sensors and their drivers reduce depth to a lower resolution: what is invalid, NaN, is left out.

Every function takes (B, 1, H, W), sides multiples of `scale`, and returns (B, 1, H/scale, W/scale). A block of which less than
half is valid is invalid.
"""

import torch
from torch import Tensor

VALID_SHARE = 0.5  # of a block, at least


def block_mean(depth: Tensor, scale: int) -> Tensor:
    """Mean of each block's valid pixels: binned time of flight."""
    blocks = _blocks(depth, scale)
    return _where_enough(blocks, blocks.nanmean(-1))


def block_median(depth: Tensor, scale: int) -> Tensor:
    """Median of each block's valid pixels, of an even number the mean of the middle two: binned structured light or stereo."""
    blocks = _blocks(depth, scale)
    ordered = blocks.sort(-1).values  # NaN comes last
    count = ordered.isfinite().sum(-1, keepdim=True).clamp(min=1)
    middle = (ordered.gather(-1, (count - 1) // 2) + ordered.gather(-1, count // 2))[..., 0] / 2
    return _where_enough(blocks, middle)


def decimated(depth: Tensor, scale: int) -> Tensor:
    """One pixel of each block, the first right below its centre: a driver's decimation."""
    return _where_enough(_blocks(depth, scale), depth[..., scale // 2 :: scale, scale // 2 :: scale])


def _blocks(depth: Tensor, scale: int) -> Tensor:
    """(B, 1, H, W) -> (B, 1, H/scale, W/scale, scale^2)."""
    batch, _, height, width = depth.shape
    blocks = depth.reshape(batch, 1, height // scale, scale, width // scale, scale).transpose(3, 4)
    return blocks.reshape(batch, 1, height // scale, width // scale, scale * scale)


def _where_enough(blocks: Tensor, reduced: Tensor) -> Tensor:
    return torch.where(blocks.isfinite().float().mean(-1) >= VALID_SHARE, reduced, torch.nan)
