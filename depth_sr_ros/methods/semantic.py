"""A semantic encoder of our own for NAIMA: small enough to ship, trained together with the rest."""

import torch.nn.functional as F
from torch import Tensor, nn

LEVELS = 4  # feature maps, as many as NAIMA has guided token attentions
FOLD = 4  # the image is folded into channels by this factor first


class WideBlock(nn.Module):
    """A 7 x 7 convolution by channel and a two-layer perceptron by pixel, added (after ConvNeXt, Liu et al. 2022, fig. 4).

    Its normalisation is over the whole image in place of each pixel's channels, and there is no layer scale.

    At a sixteenth of the resolution the convolution spans 112 pixels: a large field at a small cost.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.spread = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.GroupNorm(1, width)
        self.widen = nn.Conv2d(width, 4 * width, 1)
        self.narrow = nn.Conv2d(4 * width, width, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> the same."""
        return features + self.narrow(F.gelu(self.widen(self.norm(self.spread(features)))))


class SemanticEncoder(nn.Module):
    """Four maps of increasingly abstract features at a sixteenth of the resolution.

    Args:
        channels: of the features.
        blocks: before each of the four maps.
    """

    patch = 16

    def __init__(self, channels: int = 96, blocks: int = 2) -> None:
        super().__init__()
        self.channels = channels
        self.stem = nn.Sequential(
            nn.PixelUnshuffle(FOLD),
            nn.Conv2d(3 * FOLD**2, channels // 2, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels // 2, channels, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, stride=2, padding=1),
        )
        self.levels = nn.ModuleList(nn.Sequential(*(WideBlock(channels) for _ in range(blocks))) for _ in range(LEVELS))

    def forward(self, image: Tensor) -> list[Tensor]:
        """(B, 3, H, W), sides multiples of 16 -> four times (B, channels, H/16, W/16)."""
        features, maps = self.stem(image), []
        for level in self.levels:
            features = level(features)
            maps.append(features)
        return maps
