"""FDKN: the fast deformable kernel network (Kim, Ponce, Ham: Deformable Kernel Networks, section 3.3, table 2)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.methods.deformable import NEIGHBOURS, DeformableKernels
from depth_sr_ros.methods.layers import pad_to_multiple, upsample_bicubic
from depth_sr_ros.methods.streams import RATIO, WIDTHS, FeatureStream


class Stream(nn.Module):
    """Features of one input and its share of weights and offsets: a column of table 2.

    Args:
        channels: of the input before the resampling: 3 for the guide, 1 for the depth.
        widths: see `FeatureStream`.
    """

    def __init__(self, channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.features = FeatureStream(channels, widths)
        self.weights = nn.Conv2d(widths[-1], NEIGHBOURS * RATIO**2, 1)
        self.offsets = nn.Conv2d(widths[-1], 2 * NEIGHBOURS * RATIO**2, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return what `DeformableKernels` says, (B, H/4, W/4, 27 * 16), for (B, C, H, W)."""
        # One product over channels that are last already: what comes out lies in memory as it is read.
        layers = self.weights, self.offsets
        weight = torch.cat([layer.weight for layer in layers]).flatten(1)
        bias = torch.cat([layer.bias for layer in layers if layer.bias is not None])  # both have one
        return F.linear(self.features(image).permute(0, 2, 3, 1), weight, bias)


class FDKN(DeformableKernels):
    """Nine weights and nine offsets a pixel, predicted at a quarter of the resolution in one forward pass.

    Departures from the paper: the convolutions keep the size by zero padding (table 2 counts a single pixel's field),
    and samples outside the image take the border's value. The paper states neither.
    """

    name = "fdkn"
    summary = "fast deformable kernels: the default, for speed"
    paper = "Kim, Ponce, Ham, Deformable Kernel Networks for Joint Image Filtering, section 3.3"

    def __init__(self, scale: int, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__(scale)
        self.guide = Stream(3, tuple(widths))
        self.depth = Stream(1, tuple(widths))

    def predict(self, guide: Tensor, depth: Tensor) -> tuple[Tensor, Tensor]:
        """Return both streams' logits and offsets, see `DeformableKernels`."""
        return self.streams(guide, upsample_bicubic(depth, self.scale))

    def streams(self, guide: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Do the same with the bicubic depth (B, 1, sh, sw)."""
        return self.guide(pad_to_multiple(guide, RATIO)), self.depth(pad_to_multiple(target, RATIO))
