"""The weighted average over learned neighbours that DKN and FDKN share (Kim, Ponce, Ham, eqs. 3 to 6).

Every output pixel p has nine kernel weights and nine offsets. The weights sum to zero (a high-pass filter), and what
they average of the bicubic depth, at p's 3 x 3 grid moved by the offsets, is the residual that is added to it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from depth_sr_ros.methods.base import Method
from depth_sr_ros.methods.layers import upsample_bicubic
from depth_sr_ros.methods.streams import RATIO

KERNEL = 3  # k: neighbours per axis
NEIGHBOURS = KERNEL * KERNEL
PREDICTED = 3 * NEIGHBOURS  # numbers a pixel and stream: logits of the weights, offsets of rows, offsets of columns
REACH = 7.0  # pixels: samples come from the 15 x 15 pixels around p (section 3.2.1)


class DeformableKernels(Method):
    """What DKN and FDKN share: two streams predict logits and offsets at a quarter of the resolution.

    `predict` returns what each stream's last convolutions leave, channels last: (B, ceil(s*h/4), ceil(s*w/4), 27 * 16),
    channel = number * 16 + subpixel, the numbers being 9 logits, 9 offsets of rows and 9 of columns. All that comes after
    is done in `sample`, so a backend neither rearranges them nor reads them again.
    """

    two_stage = True
    half_predictions = True

    def sample(self, depth: Tensor, guide_stream: Tensor, depth_stream: Tensor) -> Tensor:
        """Average with the predicted kernels and offsets, eq. 3.

        Args:
            depth: (B, 1, h, w).
            guide_stream, depth_stream: (B, ceil(s*h/4), ceil(s*w/4), 27 * 16), see the class.

        Returns:
            (B, 1, s*h, s*w).
        """
        target = upsample_bicubic(depth, self.scale)
        height, width = target.shape[-2:]
        exact = torch.promote_types(guide_stream.dtype, torch.float32)  # places need the digits
        joined = kernels_and_offsets(*(stream.permute(0, 3, 1, 2).to(exact) for stream in (guide_stream, depth_stream)))
        kernels, offsets = (F.pixel_shuffle(part, RATIO)[..., :height, :width] for part in joined)
        return weighted_average(target, kernels, offsets)

    @torch.no_grad()
    def sample_cpu(self, depth: Tensor, guide_stream: Tensor, depth_stream: Tensor) -> Tensor:
        """Do the same in one compiled loop, computed in float32; streams may be bfloat16 whatever `depth` is."""
        from depth_sr_ros.methods.deformable_cpu import weighted_average_cpu

        target = upsample_bicubic(depth.float(), self.scale)
        return weighted_average_cpu(target, guide_stream, depth_stream).to(depth.dtype)


def kernels_and_offsets(guide_stream: Tensor, depth_stream: Tensor) -> tuple[Tensor, Tensor]:
    """Join the two streams' predictions (section 3.2, weight and offset regression).

    Args:
        guide_stream, depth_stream: (B, 27 * n, h, w), n subpixels a place; channel = number * n + subpixel.

    Returns:
        Kernels (B, 9 * n, h, w), whose nine weights of a pixel sum to zero, and offsets (B, 18 * n, h, w) in pixels from
        the neighbour's place on the grid, rows (y) of all neighbours first, still unbounded.
    """
    logits = guide_stream.shape[1] // 3
    weights = torch.sigmoid(guide_stream[:, :logits]) * torch.sigmoid(depth_stream[:, :logits])
    by_neighbour = weights.unflatten(1, (NEIGHBOURS, -1))
    kernels = (by_neighbour - by_neighbour.mean(1, keepdim=True)).flatten(1, 2)
    return kernels, guide_stream[:, logits:] * depth_stream[:, logits:]


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
