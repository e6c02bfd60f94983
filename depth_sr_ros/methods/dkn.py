"""DKN: the deformable kernel network (Kim, Ponce, Ham: Deformable Kernel Networks, section 3.2, table 1)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.methods.deformable import (
    NEIGHBOURS,
    DeformableKernels,
    kernels_and_offsets,
    weighted_average,
)
from depth_sr_ros.methods.fdkn import FDKN
from depth_sr_ros.methods.layers import upsample_bicubic
from depth_sr_ros.methods.streams import RATIO

Shift = tuple[int, int]  # rows, columns
EVERY_SHIFT: tuple[Shift, ...] = ((0, 0), (0, 1), (1, 0), (1, 1))  # that a stride of 2 tells apart
BEFORE, AFTER = 25, 24  # pixels around the image: of the 51 x 51 patch around a pixel, the network sees 50 x 50


class Stream(nn.Module):
    """Features of one input and its share of weights and offsets: the columns of table 1.

    Args:
        channels: of the input: 3 for the guide, 1 for the depth.
        widths: features of the three resolutions; the paper has (32, 64, 128).
        begin_at_zero: predict nothing before it has learnt, as what is added to another prediction has to.
    """

    def __init__(self, channels: int, widths: tuple[int, int, int], begin_at_zero: bool = False) -> None:
        super().__init__()
        fine, middle, coarse = widths
        self.fine = nn.Sequential(nn.Conv2d(channels, fine, 7), nn.BatchNorm2d(fine), nn.ReLU())
        self.to_middle = nn.Sequential(nn.Conv2d(fine, fine, 2, stride=2), nn.ReLU())
        self.middle = nn.Sequential(nn.Conv2d(fine, middle, 5), nn.BatchNorm2d(middle), nn.ReLU())
        self.to_coarse = nn.Sequential(nn.Conv2d(middle, middle, 2, stride=2), nn.ReLU())
        self.coarse = nn.Sequential(
            nn.Conv2d(middle, coarse, 5),
            nn.BatchNorm2d(coarse),
            nn.ReLU(),
            nn.Conv2d(coarse, coarse, 3),
            nn.ReLU(),
            nn.Conv2d(coarse, coarse, 3),
            nn.ReLU(),
        )
        self.weights = nn.Conv2d(coarse, NEIGHBOURS, 1)
        self.offsets = nn.Conv2d(coarse, 2 * NEIGHBOURS, 1)
        if begin_at_zero:
            for parameter in (*self.weights.parameters(), *self.offsets.parameters()):
                nn.init.zeros_(parameter)

    def forward(self, image: Tensor, at_middle: tuple[Shift, ...], at_coarse: tuple[Shift, ...]) -> Tensor:
        """Predict logits and offsets for the pixels that some shifts of the DownConvs reach.

        Args:
            image: (B, C, 4 * h + 49, 4 * w + 49), padded.
            at_middle, at_coarse: M shifts of the first and N of the second DownConv. Shift m of the first and n of the
                second reach the pixels 4 * i + 2 * n + m.

        Returns:
            (N * M * B, 27, h, w), nine logits and eighteen offsets, shifts of the second DownConv first.
        """
        features = self.middle(_at_shifts(self.to_middle, self.fine(image), at_middle))
        features = self.coarse(_at_shifts(self.to_coarse, features, at_coarse))
        return torch.cat((self.weights(features), self.offsets(features)), 1)


class DKN(DeformableKernels):
    """Nine weights and nine offsets a pixel from a 51 x 51 patch of its own.

    The DownConvs leave one pixel in 16. Section 3.2.1 reaches the others by 16 passes over shifted inputs, which
    repeats the convolutions before the second DownConv 4 or 16 times. Here the shifts are made where resolution is
    lost, at each DownConv (4 times 4), and all are one batch: the same numbers, no feature computed twice, 1.16 M
    multiplications a pixel instead of 1.58 M. Dilated convolutions have the same count, but OpenVINO's bfloat16
    kernels took 1.4 times as long for them, and a training step cannot leave shifts out of them.

    A training step compares one of the 16 shifts, for a sixteenth of the last layers' work; all have their turn.

    Departures from the paper, which is silent: beyond the border the inputs take the border's value, and so do samples.
    And with `on_fdkn`, logits and offsets are added to those of an FDKN, which may begin with what that has learnt: a
    narrow DKN then need not learn all of it again.

    Args:
        scale: s.
        widths: see `Stream`.
        on_fdkn: add to what an FDKN predicts.
    """

    name = "dkn"
    summary = "deformable kernels from a patch a pixel: quality, offline"
    paper = "Kim, Ponce, Ham, Deformable Kernel Networks for Joint Image Filtering, section 3.2"
    pixels_at_once = 1 << 20  # sixteen shifts a pixel are much to hold

    def __init__(self, scale: int, widths: tuple[int, int, int] = (32, 64, 128), on_fdkn: bool = False) -> None:
        super().__init__(scale)
        self.guide = Stream(3, widths, begin_at_zero=on_fdkn)
        self.depth = Stream(1, widths, begin_at_zero=on_fdkn)
        self.fdkn = FDKN(scale) if on_fdkn else None

    def predict(self, guide: Tensor, depth: Tensor) -> tuple[Tensor, Tensor]:
        """Return both streams' logits and offsets, see `DeformableKernels`."""
        target = upsample_bicubic(depth, self.scale)
        guide_stream, depth_stream = (_stitched(one) for one in self._at(guide, target, EVERY_SHIFT, EVERY_SHIFT))
        if self.fdkn is None:
            return guide_stream, depth_stream
        of_guide, of_depth = self.fdkn.streams(guide, target)
        return guide_stream + of_guide, depth_stream + of_depth

    def training_estimate(
        self, guide: Tensor, depth: Tensor, ground_truth: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Estimate every fourth pixel of every fourth row, from a random first one; see `Method.training_estimate`."""
        row, column = torch.randint(RATIO, (2,), generator=generator).tolist()
        target = upsample_bicubic(depth, self.scale)
        predictions = list(self._at(guide, target, ((row % 2, column % 2),), ((row // 2, column // 2),)))
        if self.fdkn is not None:
            subpixel = slice(row * RATIO + column, None, RATIO**2)
            bases = (base[..., subpixel].permute(0, 3, 1, 2) for base in self.fdkn.streams(guide, target))
            predictions = [one + base for one, base in zip(predictions, bases)]
        kernels, offsets = kernels_and_offsets(*predictions)
        ground_truth = ground_truth[..., row::RATIO, column::RATIO]
        height, width = ground_truth.shape[-2:]  # less than the kernels' where the image is no multiple of 4
        kernels, offsets = kernels[..., :height, :width], offsets[..., :height, :width]
        return weighted_average(target, kernels, offsets, (row, column), RATIO), ground_truth

    def _at(self, guide: Tensor, target: Tensor, *shifts: tuple[Shift, ...]) -> tuple[Tensor, Tensor]:
        """Both streams' logits and offsets at the pixels that the shifts reach, one batch entry a shift; see `Stream`."""
        return self.guide(_padded(guide), *shifts), self.depth(_padded(target), *shifts)


def _at_shifts(down: nn.Module, features: Tensor, shifts: tuple[Shift, ...]) -> Tensor:
    """Apply a DownConv to (B, C, 2n + 1, 2m + 1) shifted by 0 or 1; (S * B, C, n, m), shifts first."""
    height, width = features.shape[-2] - 1, features.shape[-1] - 1
    return torch.cat([down(features[..., y : y + height, x : x + width]) for y, x in shifts])


def _padded(image: Tensor) -> Tensor:
    """Complete (B, C, H, W) to multiples of 4, and every pixel's patch, by the border's values."""
    height, width = image.shape[-2:]
    sides = (BEFORE, AFTER + -width % RATIO, BEFORE, AFTER + -height % RATIO)
    return F.pad(image, sides, mode="replicate")


def _stitched(shifted: Tensor) -> Tensor:
    """Bring (16 * B, K, h, w), by shifts as `Stream` orders them, to (B, h, w, K * 16), channel = number * 16 + subpixel."""
    order = [
        4 * EVERY_SHIFT.index((y // 2, x // 2)) + EVERY_SHIFT.index((y % 2, x % 2)) for y in range(RATIO) for x in range(RATIO)
    ]
    by_shift = shifted.unflatten(0, (RATIO**2, -1))[order]  # (16, B, K, h, w)
    return by_shift.permute(1, 3, 4, 2, 0).flatten(3, 4)
