"""FDKN's feature streams: what its weights have learnt of edges, and other methods may begin with."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.methods.layers import pad_to_multiple, pixel_unshuffle

RATIO = 4  # pixels per axis that one place of the features stands for (Kim, Ponce, Ham, section 3.2.1; fig. 6)
WIDTHS = (32, 64, 128)
OWN_WIDTH = 64  # channels in which a context's blocks work at the features' own resolution
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
        return super().forward(pixel_unshuffle(image, RATIO))


class ContextBlock(nn.Module):
    """x + two 3 x 3 convolutions of x, which give zero before they have learnt."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), _silent(nn.Conv2d(width, width, 3, padding=1))
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, width, H, W) -> the same."""
        return features + self.body(features)


class Context(nn.Module):
    """What lies farther away than the streams see (some 50 pixels): a U-Net below them, of sums in place of concatenations.

    It gives zero before it has learnt, so that it can be put under streams that have; and so do its blocks, which can be
    put into a context that has. Without blocks, guide and depth meet at half the features' resolution first; with them
    they also do so at the features' own, in `OWN_WIDTH` channels.

    Args:
        channels: before and after.
        widths: at half, a quarter, ... of the features' resolution.
        blocks: residual blocks at each of these resolutions, on the way up, and at the features' own.
    """

    def __init__(self, channels: int, widths: tuple[int, ...], blocks: int = 0) -> None:
        super().__init__()
        pairs = list(zip((channels, *widths), widths))
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, width, 3, 2, 1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU())
            for before, width in pairs
        )
        self.widen = nn.ModuleList(nn.Conv2d(width, before, 1) for before, width in pairs)
        self.refine = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for width in widths[:-1])
        _silent(self.widen[0])
        self.blocks = nn.ModuleList(
            nn.Sequential(*(ContextBlock(width) for _ in range(blocks)), nn.ReLU()) for width in widths if blocks
        )
        self.own = nn.Sequential(
            nn.Conv2d(channels, OWN_WIDTH, 1), *(ContextBlock(OWN_WIDTH) for _ in range(blocks)),
            nn.ReLU(), _silent(nn.Conv2d(OWN_WIDTH, channels, 1)),
        ) if blocks else None  # fmt: skip

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels, H, W), any size -> the same."""
        levels = [features]
        for down in self.down:
            levels.append(down(levels[-1]))
        found = levels.pop()
        for level in reversed(range(len(self.widen))):
            if self.blocks:
                found = self.blocks[level](found)
            size = levels[level].shape[-2:]
            found = F.interpolate(self.widen[level](found), size, mode="bilinear", align_corners=False)
            if level:
                found = F.relu(self.refine[level - 1](F.relu(found + levels[level])))
        return found if self.own is None else found + self.own(features + found)


def _silent(convolution: nn.Module) -> nn.Module:
    """Let a convolution give zero until it has learnt."""
    for parameter in convolution.parameters():
        nn.init.zeros_(parameter)
    return convolution


class TwoStreams(nn.Module):
    """FDKN's two streams side by side: what they have learnt of guide and upsampled depth.

    Args:
        context, blocks: widths and blocks of the `Context` below them; none by default.
    """

    channels = 2 * WIDTHS[-1]  # of the result

    def __init__(self, context: tuple[int, ...] = (), blocks: int = 0) -> None:
        super().__init__()
        self.guide, self.depth = FeatureStream(3), FeatureStream(1)
        self.context = Context(self.channels, tuple(context), blocks) if context else None

    def forward(self, guide: Tensor, depth: Tensor) -> Tensor:
        """Guide (B, 3, H, W), depth less its mean (B, 1, H, W), any size -> (B, channels, ceil(H/4), ceil(W/4))."""
        guide, depth = (pad_to_multiple(image, RATIO) for image in (guide, depth + MIDDLE))
        features = torch.cat((self.guide(guide), self.depth(depth)), 1)
        return features if self.context is None else features + self.context(features)


class StreamFeatures(TwoStreams):
    """The same unfolded by a 1 x 1 convolution and a pixel shuffle to features of every pixel, as a U-Net's are.

    Args:
        channels: of the image, 4.
        features: of every pixel.
        context, blocks: see `TwoStreams`.
    """

    def __init__(self, channels: int, features: int, context: tuple[int, ...] = (), blocks: int = 0) -> None:
        if channels != 4:
            raise ValueError(f"the streams see a guide of 3 channels and a depth, not {channels} channels")
        super().__init__(context, blocks)
        self.head = nn.Conv2d(TwoStreams.channels, features * RATIO**2, 1)

    def forward(self, image: Tensor) -> Tensor:  # type: ignore[override]  # one tensor, as a U-Net takes
        """(B, 4, H, W), guide and depth less its mean -> (B, features, H, W)."""
        features = F.pixel_shuffle(self.head(super().forward(image[:, :3], image[:, 3:])), RATIO)
        return features[..., : image.shape[-2], : image.shape[-1]]
