"""Residual encoders: EDSR without its upsampling (Lim et al. 2017), and RCAN's attention blocks (Zhang et al. 2018)."""

import math

import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.methods.layers import pad_to_multiple

RESIDUAL_INIT = 0.1  # of what the other layers start with


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions, a ReLU between them, and the input added: no normalisation (EDSR, fig. 2c)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> the same."""
        return features + self.second(F.relu(self.first(features)))


class AttentionBlock(nn.Module):
    """A residual block whose channels are scaled by what the whole image says about them (RCAN, eqs. 8 to 11).

    Args:
        width: channels.
        squeeze: the channels are reduced by this factor on the way to their scales; RCAN has 16.
    """

    def __init__(self, width: int, squeeze: int = 16) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        few = max(1, width // squeeze)
        self.scales = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(width, few, 1), nn.ReLU(), nn.Conv2d(few, width, 1), nn.Sigmoid()
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> the same."""
        residual = self.second(F.relu(self.first(features)))
        return features + residual * self.scales(residual)


class AttentionGroup(nn.Module):
    """Attention blocks and a convolution, with the input added (RCAN, eq. 5)."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*(AttentionBlock(width) for _ in range(blocks)), nn.Conv2d(width, width, 3, padding=1))

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> the same."""
        return features + self.body(features)


def init_wide(module: nn.Module) -> None:
    """Initialise convolutions and linear layers so that signals keep their size (He et al. 2015, eq. 10), in place.

    torch's own initialisation shrinks them layer by layer, and without normalisation training then stands still for a
    long time. Residual blocks start small, so that a chain of them does not grow either. What comes out of a transposed
    convolution is the sum over one tap in stride^2 of its kernel.
    """
    for part in module.modules():
        if isinstance(part, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            _zero(part.bias)
        elif isinstance(part, nn.ConvTranspose2d):
            taps = part.in_channels * math.prod(part.kernel_size) / math.prod(part.stride)
            nn.init.normal_(part.weight, std=math.sqrt(2 / taps))
            _zero(part.bias)
    for part in module.modules():
        if isinstance(part, (ResidualBlock, AttentionBlock)):
            part.second.weight.data.mul_(RESIDUAL_INIT)


def _zero(bias: Tensor | None) -> None:
    if bias is not None:
        nn.init.zeros_(bias)


class EDSR(nn.Module):
    """EDSR-baseline up to its last features: a convolution, residual blocks, a convolution, the first features added.

    No mean is subtracted, nothing is upsampled.

    Args:
        channels: of the image.
        width: of the features.
        blocks: residual blocks; EDSR-baseline has 16.
        stride: 1 is EDSR. Above, the image is folded into channels first, the blocks run at a fraction of the
            resolution, and a last 1 x 1 convolution unfolds `features` channels at the full one.
        features: channels of the result with a stride above 1; without, they are `width`.
    """

    def __init__(self, channels: int, width: int, blocks: int, stride: int = 1, features: int | None = None) -> None:
        super().__init__()
        self.stride = stride
        features = width if features is None else features
        if stride == 1 and features != width:
            raise ValueError(f"without a stride the result has the blocks' {width} channels, not {features}")
        self.head = nn.Sequential(nn.PixelUnshuffle(stride), nn.Conv2d(channels * stride**2, width, 3, padding=1))
        self.body = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)), nn.Conv2d(width, width, 3, padding=1))
        self.unfold = nn.Sequential()
        if stride > 1:
            self.unfold = nn.Sequential(nn.Conv2d(width, features * stride**2, 1), nn.PixelShuffle(stride))

    def forward(self, image: Tensor) -> Tensor:
        """(B, channels, H, W) -> (B, features, H, W)."""
        head = self.head(pad_to_multiple(image, self.stride))
        return self.unfold(head + self.body(head))[..., : image.shape[-2], : image.shape[-1]]
