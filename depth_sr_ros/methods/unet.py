"""U-Nets from an image to features of every pixel: DADA's feature extractors."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.methods.layers import pad_to_multiple


class ResidualBlock(nn.Module):
    """x + two 3 x 3 convolutions of x."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*_convolution(width, width), nn.ReLU(), *_convolution(width, width))

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> same."""
        return F.relu(image + self.body(image))


class LightUNet(nn.Module):
    """A U-Net below a pixel shuffle, so that no layer sees more than a sixteenth of the pixels.

    It has 1.3 million parameters and takes 18 GFLOP at 640 x 480.

    Args:
        channels: of the image. features: of the result.
        widths: of the levels, at 1/4, 1/8, 1/16 ... of the resolution.
        ratio: of the pixel shuffle.
    """

    def __init__(self, channels: int, features: int, widths: tuple[int, ...] = (64, 96, 128), ratio: int = 4) -> None:
        super().__init__()
        self.ratio, self.multiple = ratio, ratio * 2 ** (len(widths) - 1)
        before = channels * ratio**2
        self.down, self.up, self.join = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for level, width in enumerate(widths):
            stride = 1 if level == 0 else 2
            self.down.append(nn.Sequential(*_convolution(before, width, stride), nn.ReLU(), ResidualBlock(width)))
            before = width
        for above, width in zip(widths[-2::-1], widths[:0:-1]):
            self.join.append(nn.Sequential(*_convolution(above + width, above), nn.ReLU()))
            self.up.append(ResidualBlock(above))
        self.head = nn.Conv2d(widths[0], features * ratio**2, 1)

    def forward(self, image: Tensor) -> Tensor:
        """(B, channels, H, W) of any size -> (B, features, H, W)."""
        height, width = image.shape[-2:]
        state = F.pixel_unshuffle(pad_to_multiple(image, self.multiple), self.ratio)
        skips = []
        for down in self.down:
            state = down(state)
            skips.append(state)
        for join, up, skip in zip(self.join, self.up, skips[-2::-1]):
            state = up(join(torch.cat((F.interpolate(state, scale_factor=2, mode="nearest"), skip), 1)))
        return F.pixel_shuffle(self.head(state), self.ratio)[..., :height, :width]


class Bottleneck(nn.Module):
    """ResNet-50's block (He et al., fig. 5, right), the stride at the 3 x 3 convolution."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(before, width, size=1), nn.ReLU(),
            *_convolution(width, width, stride), nn.ReLU(),
            *_convolution(width, 4 * width, size=1),
        )  # fmt: skip
        same = stride == 1 and before == 4 * width
        self.shortcut = nn.Identity() if same else nn.Sequential(*_convolution(before, 4 * width, stride, size=1))

    def forward(self, image: Tensor) -> Tensor:
        """(B, before, H, W) -> (B, 4 * width, H / stride, W / stride)."""
        return F.relu(self.shortcut(image) + self.body(image))


class ResNet50UNet(nn.Module):
    """A U-Net whose descending half is ResNet-50, working at twice the image's size as DADA's does.

    The ascending half has 256, 128, 64, 32 and 16 channels, two 3 x 3 convolutions a level, and takes over what the
    descending half has at the same size. 32.5 million parameters with 4 channels in and 64 features out. The paper
    begins with weights from ImageNet, which made its results 4 % better (section 4.3); this one begins at random.
    """

    multiple = 16  # 32 at twice the size

    def __init__(self, channels: int, features: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_convolution(channels, 64, 2, size=7), nn.ReLU())
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.stages = nn.ModuleList()
        before = 64
        for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
            first = Bottleneck(before, width, 1 if width == 64 else 2)
            self.stages.append(nn.Sequential(first, *(Bottleneck(4 * width, width, 1) for _ in range(blocks - 1))))
            before = 4 * width
        self.up = nn.ModuleList()
        for skip, width in ((1024, 256), (512, 128), (256, 64), (64, 32), (0, 16)):
            self.up.append(nn.Sequential(
                *_convolution(before + skip, width), nn.ReLU(), *_convolution(width, width), nn.ReLU()
            ))  # fmt: skip
            before = width
        self.head = nn.Conv2d(before, features, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """(B, channels, H, W) of any size -> (B, features, H, W)."""
        height, width = image.shape[-2:]
        state = pad_to_multiple(image, self.multiple)
        state = self.stem(F.interpolate(state, scale_factor=2, mode="bilinear", align_corners=False))
        skips = [state]
        state = self.pool(state)
        for stage in self.stages:
            state = stage(state)
            skips.append(state)
        for up, skip in zip(self.up, (*skips[-2::-1], None)):
            state = F.interpolate(state, scale_factor=2, mode="nearest")
            state = up(state if skip is None else torch.cat((state, skip), 1))
        return F.avg_pool2d(self.head(state), 2)[..., :height, :width]


def _convolution(before: int, after: int, stride: int = 1, size: int = 3) -> tuple[nn.Module, nn.Module]:
    """A convolution that keeps the size but for its stride, and its normalisation."""
    return nn.Conv2d(before, after, size, stride, size // 2, bias=False), nn.BatchNorm2d(after)
