"""FDKN: the fast deformable kernel network (Kim, Ponce, Ham: Deformable Kernel Networks, section 3.3, table 2)."""

from torch import Tensor, nn

from depth_sr_ros.methods.deformable import NEIGHBOURS, DeformableKernels, Predictions, kernels_and_offsets
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

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) -> logits (B, k^2 * 16, H/4, W/4) and offsets (B, 2 * k^2 * 16, H/4, W/4)."""
        features = self.features(image)
        return self.weights(features), self.offsets(features)


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
        """Predict kernels (B, 9 * 16, sh/4, sw/4) and offsets (B, 18 * 16, sh/4, sw/4), before the pixel shuffle."""
        return kernels_and_offsets(*self.logits_and_offsets(guide, upsample_bicubic(depth, self.scale)))

    def logits_and_offsets(self, guide: Tensor, target: Tensor) -> Predictions:
        """Return what the streams make of guide and bicubic depth (B, 1, sh, sw), see `kernels_and_offsets`."""
        guide_weights, guide_offsets = self.guide(pad_to_multiple(guide, RATIO))
        depth_weights, depth_offsets = self.depth(pad_to_multiple(target, RATIO))
        return guide_weights, depth_weights, guide_offsets, depth_offsets
