"""FDKN's feature streams: what its weights have learnt of edges, and other methods may begin with."""
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layers import pad_to_multiple

RATIO = 4  # pixels a side that one place of the features stands for (Kim, Ponce, Ham, section 3.2.1; fig. 6)
WIDTHS = (32, 64, 128)
MIDDLE = 0.5  # of the range of normalised depth, which FDKN's depth stream has learnt from


class FeatureStream(nn.Sequential):
    """Features of one input at a quarter of its resolution: a column of table 2 up to the feature extraction's end.

    Args:
        channels: of the input: 3 for the guide, 1 for the depth.
        widths: features of the three pairs of 3 x 3 convolutions; the paper has (32, 64, 128).
    """

    def __init__(self, channels: int, widths: tuple[int, ...] = WIDTHS) -> None:
        layers: list[nn.Module] = []
        before = channels * RATIO**2
        for width in widths:
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
            layers += [nn.Conv2d(width, width, 3, padding=1), nn.ReLU()]
            before = width
        super().__init__(*layers)

    def forward(self, image: Tensor) -> Tensor:
        """(B, channels, H, W), sides multiples of 4 -> (B, widths[-1], H/4, W/4)."""
        return super().forward(F.pixel_unshuffle(image, RATIO))


class GuideFeatures(nn.Module):
    """The guide's stream, unfolded to features of every pixel: a 1 x 1 convolution and a pixel shuffle.

    Args:
        features: of every pixel.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.stream = FeatureStream(3)
        self.unfold = nn.Sequential(nn.Conv2d(WIDTHS[-1], features * RATIO**2, 1), nn.PixelShuffle(RATIO))

    def forward(self, guide: Tensor) -> Tensor:
        """(B, 3, H, W) of any size -> (B, features, H, W)."""
        return self.unfold(self.stream(pad_to_multiple(guide, RATIO)))[..., : guide.shape[-2], : guide.shape[-1]]


class TwoStreams(nn.Module):
    """FDKN's two streams in place of a U-Net: features of every pixel of guide and upsampled depth.

    Args:
        channels: of the image: the guide's 3 and the depth, less its mean.
        features: of every pixel.
    """

    def __init__(self, channels: int, features: int) -> None:
        super().__init__()
        self.guide, self.depth = FeatureStream(channels - 1), FeatureStream(1)
        self.head = nn.Conv2d(2 * WIDTHS[-1], features * RATIO**2, 1)

    def forward(self, image: Tensor) -> Tensor:
        """(B, channels, H, W) of any size, depth last -> (B, features, H, W)."""
        padded = pad_to_multiple(image, RATIO)
        both = torch.cat((self.guide(padded[:, :-1]), self.depth(padded[:, -1:] + MIDDLE)), 1)
        return F.pixel_shuffle(self.head(both), RATIO)[..., : image.shape[-2], : image.shape[-1]]
