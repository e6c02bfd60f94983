"""The weighted average over learned neighbours that DKN and FDKN share (Kim, Ponce, Ham, eqs. 3 to 6).

Every output pixel p has nine kernel weights and nine offsets. The weights sum to zero (a high-pass filter), and what
they average of the bicubic depth, at p's 3 x 3 grid moved by the offsets, is the residual that is added to it.
"""

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from depth_sr_ros.methods.base import Method
from depth_sr_ros.methods.layers import upsample_bicubic
from depth_sr_ros.methods.streams import RATIO
from depth_sr_ros.system.compiled import compiled

KERNEL = 3  # k: neighbours per axis
NEIGHBOURS = KERNEL * KERNEL
Predictions = tuple[Tensor, Tensor, Tensor, Tensor]  # logits of guide and depth, offsets of guide and depth
REACH = 7.0  # pixels: samples come from the 15 x 15 pixels around p (section 3.2.1)


class DeformableKernels(Method):
    """What DKN and FDKN share: `predict` predicts kernels and offsets at a quarter of the resolution."""

    two_stage = True

    def sample(self, depth: Tensor, kernels: Tensor, offsets: Tensor) -> Tensor:
        """Average with the predicted kernels and offsets, eq. 3.

        Args:
            depth: (B, 1, h, w).
            kernels: (B, k^2 * 16, ceil(s*h/4), ceil(s*w/4)), before the pixel shuffle.
            offsets: (B, 2 * k^2 * 16, ...), likewise.
        """
        target = upsample_bicubic(depth, self.scale)
        height, width = target.shape[-2:]
        kernels = F.pixel_shuffle(kernels, RATIO)[..., :height, :width]
        offsets = F.pixel_shuffle(offsets, RATIO)[..., :height, :width]
        return weighted_average(target, kernels, offsets)

    @torch.no_grad()
    def sample_cpu(self, depth: Tensor, kernels: Tensor, offsets: Tensor) -> Tensor:
        """Do the same in one compiled loop, computed in float32."""
        target = upsample_bicubic(depth.float(), self.scale)
        return weighted_average_cpu(target, kernels.float(), offsets.float(), RATIO).to(depth.dtype)


def kernels_and_offsets(
    guide_weights: Tensor, depth_weights: Tensor, guide_offsets: Tensor, depth_offsets: Tensor
) -> tuple[Tensor, Tensor]:
    """Join the two streams' predictions (section 3.2, weight and offset regression).

    Args:
        guide_weights, depth_weights: (B, k^2 * r^2, h, w) logits; channel = neighbour * r^2 + subpixel.
        guide_offsets, depth_offsets: (B, 2 * k^2 * r^2, h, w), rows (y) of all neighbours first, then columns (x).

    Returns:
        Kernels (B, k^2 * r^2, h, w), whose k^2 weights of a pixel sum to zero, and offsets (B, 2 * k^2 * r^2, h, w)
        in pixels from the neighbour's place on the grid, still unbounded.
    """
    weights = torch.sigmoid(guide_weights) * torch.sigmoid(depth_weights)
    by_neighbour = weights.unflatten(1, (NEIGHBOURS, -1))
    kernels = (by_neighbour - by_neighbour.mean(1, keepdim=True)).flatten(1, 2)
    return kernels, guide_offsets * depth_offsets


def weighted_average(
    image: Tensor, kernels: Tensor, offsets: Tensor, first: tuple[int, int] = (0, 0), stride: int = 1
) -> Tensor:
    """Return image + sum_q K_ps f_s(q), eq. 3, with bilinear f_s(q), eqs. 5 and 6.

    Args:
        image: (B, 1, H, W), the bicubic depth. Samples beyond its border take the border's value.
        kernels: (B, k^2, h, w) of the pixels in rows first[0] + stride * i, columns first[1] + stride * j.
        offsets: (B, 2 * k^2, h, w) pixels, rows first; q + offset is bounded to `REACH`.
        first, stride: which pixels are computed; all of them by default.

    Returns:
        (B, 1, h, w) in the type of `image`. It is computed in float32 at least: places need the digits.
    """
    exact = torch.promote_types(image.dtype, torch.float32)
    image, kernels, offsets, given = image.to(exact), kernels.to(exact), offsets.to(exact), image.dtype
    height, width = image.shape[-2:]
    batch, _, rows_out, columns_out = kernels.shape
    line = torch.arange(KERNEL, device=image.device, dtype=exact) - (KERNEL - 1) / 2
    rows, columns = offsets.unflatten(1, (2, NEIGHBOURS)).unbind(1)  # (B, k^2, h, w) each
    rows = (rows + line.repeat_interleave(KERNEL)[:, None, None]).clamp(-REACH, REACH)
    columns = (columns + line.repeat(KERNEL)[:, None, None]).clamp(-REACH, REACH)
    rows = rows + (first[0] + stride * torch.arange(rows_out, device=image.device, dtype=exact))[:, None]
    columns = columns + (first[1] + stride * torch.arange(columns_out, device=image.device, dtype=exact))
    grid = torch.stack((columns * (2 / max(width - 1, 1)) - 1, rows * (2 / max(height - 1, 1)) - 1), dim=-1)
    sampled = F.grid_sample(  # (B, 1, k^2 * h, w)
        image, grid.flatten(1, 2), mode="bilinear", padding_mode="border", align_corners=True
    )
    residual = (kernels * sampled.view(batch, NEIGHBOURS, rows_out, columns_out)).sum(1, keepdim=True)
    return (image[..., first[0] :: stride, first[1] :: stride] + residual).to(given)


def weighted_average_cpu(image: Tensor, kernels: Tensor, offsets: Tensor, ratio: int) -> Tensor:
    """Do what `weighted_average` does in one pass over the network's raw output, without gradients.

    Args:
        image: (B, 1, H, W) float32 on the CPU.
        kernels: (B, k^2 * ratio^2, H / ratio, W / ratio) float32, not yet pixel-shuffled.
        offsets: (B, 2 * k^2 * ratio^2, H / ratio, W / ratio) float32.
        ratio: the pixel shuffle's factor.

    Returns:
        (B, 1, H, W) float32.
    """
    out = torch.empty_like(image)
    average = _compiled_average()
    for one in range(image.shape[0]):
        average(
            image[one, 0].numpy(),
            kernels[one].numpy().reshape(NEIGHBOURS, ratio, ratio, *kernels.shape[-2:]),
            offsets[one].numpy().reshape(2, NEIGHBOURS, ratio, ratio, *offsets.shape[-2:]),
            out[one, 0].numpy(),
        )
    return out


@lru_cache(maxsize=1)
def _compiled_average():
    """Compile the loop when it is first needed: numba takes a second to import and to load its cache."""
    import numba

    reach = np.float32(REACH)

    @compiled(parallel=True, fastmath=True)
    def average(image, kernels, offsets, out):
        height, width = image.shape
        ratio = kernels.shape[1]
        for y in numba.prange(height):
            row, sub_row = y // ratio, y % ratio
            for sub_column in range(ratio):
                for column in range((width - sub_column + ratio - 1) // ratio):  # without the padding's
                    x = column * ratio + sub_column
                    residual = np.float32(0)
                    for neighbour in range(NEIGHBOURS):
                        dy = offsets[0, neighbour, sub_row, sub_column, row, column]
                        dx = offsets[1, neighbour, sub_row, sub_column, row, column]
                        dy = min(max(dy + np.float32(neighbour // KERNEL - 1), -reach), reach)
                        dx = min(max(dx + np.float32(neighbour % KERNEL - 1), -reach), reach)
                        sy = min(max(np.float32(y) + dy, np.float32(0)), np.float32(height - 1))
                        sx = min(max(np.float32(x) + dx, np.float32(0)), np.float32(width - 1))
                        top, left = int(sy), int(sx)
                        bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
                        fy, fx = sy - np.float32(top), sx - np.float32(left)
                        upper = image[top, left] + fx * (image[top, right] - image[top, left])
                        lower = image[bottom, left] + fx * (image[bottom, right] - image[bottom, left])
                        weight = kernels[neighbour, sub_row, sub_column, row, column]
                        residual += weight * (upper + fy * (lower - upper))
                    out[y, x] = image[y, x] + residual

    return average
