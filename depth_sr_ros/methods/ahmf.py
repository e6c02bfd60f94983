"""AHMF: attention-based hierarchical multi-modal fusion (Zhong, Liu, Jiang, Zhao, Chen, Ji; equations are theirs)."""

import torch
from torch import Tensor, nn

from depth_sr_ros.methods.base import Method
from depth_sr_ros.methods.layers import mean_free, upsample_bicubic
from depth_sr_ros.methods.streams import RATIO, WIDTHS, FeatureStream, TwoStreams

# Of the down- and upsampling convolutions, by scale: section VI-B, which has neither x2 nor x32.
KERNELS = {2: 1, 4: 1, 8: 3, 16: 5, 32: 5}
STREAMS = (None, "guide", "both")


class Gate(nn.Module):
    """Feature enhancement of one modality, eqs. 10 and 11: what passes is decided at every place and channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.features = nn.Sequential(_conv(channels, channels), nn.PReLU())
        self.gate = nn.Sequential(_conv(channels, channels), nn.Sigmoid())

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C, h, w)."""
        return self.features(features) * self.gate(features)


class Fusion(nn.Module):
    """MMAF, multi-modal attention based fusion of one level, eqs. 10 to 16."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.enhance_depth, self.enhance_guide = Gate(channels), Gate(channels)
        self.squeeze = nn.Sequential(_conv(2 * channels, channels), nn.PReLU())
        self.excite_depth = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.PReLU())
        self.excite_guide = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.PReLU())

    def forward(self, depth: Tensor, guide: Tensor) -> Tensor:
        """Two (B, C, h, w) -> (B, C, h, w)."""
        depth, guide = self.enhance_depth(depth), self.enhance_guide(guide)
        joint = _mean_plus_deviation(self.squeeze(torch.cat((depth, guide), 1)))  # (B, C, 1, 1)
        return self.excite_depth(joint) * depth + self.excite_guide(joint) * guide


class ConvGRU(nn.Module):
    """One layer of gated recurrent units that goes from level to level, eqs. 18 to 21.

    A convolution of [state, input] is the sum of one of each: those of the inputs are one batch over all levels, and
    the first level, whose state is zero, needs no other.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.from_input = _conv(channels, 3 * channels)  # update, reset, candidate
        self.gates_from_state = _conv(channels, 2 * channels, bias=False)  # update, reset
        self.candidate_from_state = _conv(channels, channels, bias=False)

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        """m inputs (B, C, h, w) in the order in which they are visited -> the m states."""
        inputs = self.from_input(torch.cat(levels)).chunk(len(levels))
        update, _, candidate = inputs[0].chunk(3, 1)
        states = [torch.sigmoid(update) * torch.tanh(candidate)]
        for one in inputs[1:]:
            update, reset, candidate = one.chunk(3, 1)
            update_state, reset_state = self.gates_from_state(states[-1]).chunk(2, 1)
            update, reset = torch.sigmoid(update + update_state), torch.sigmoid(reset + reset_state)
            candidate = torch.tanh(candidate + self.candidate_from_state(reset * states[-1]))
            states.append(update * candidate + (1 - update) * states[-1])
        return states


class Collaboration(nn.Module):
    """BHFC, bi-directional hierarchical feature collaboration, eq. 17, with GRUs of two layers in each direction."""

    def __init__(self, channels: int, levels: int) -> None:
        super().__init__()
        self.low_to_high = nn.Sequential(ConvGRU(channels), ConvGRU(channels))
        self.high_to_low = nn.Sequential(ConvGRU(channels), ConvGRU(channels))
        self.residuals = nn.ModuleList(
            nn.Sequential(_conv(channels, channels), nn.PReLU(), _conv(channels, channels)) for _ in range(levels)
        )

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        """m features (B, C, h, w), shallowest first -> as many, each informed of all others."""
        ascending = self.low_to_high(levels)
        descending = self.high_to_low(levels[::-1])[::-1]
        both = [up + down for up, down in zip(ascending, descending)]
        return [features + residual(features) for features, residual in zip(both, self.residuals)]


class AHMF(Method):
    """Features of both modalities at the depth's resolution, fused level by level, then pixel-shuffled up.

    The published counts (2.54, 3.36 and 5.75 M parameters at x4, x8, x16) are those of `compact=False`: the guide is
    lifted to `channels` by a 3 x 3 convolution before its first inverse pixel shuffle, which eq. 1 does not show but
    the counts do; eq. 8's W has the kernel of the scale; each doubling is a convolution and a pixel shuffle without
    activation, and a 3 x 3 convolution ends it. All this, at up to the full resolution, is over half of the work at x8
    and nine tenths at x16.

    `compact=True` takes eqs. 1 and 8 at their word: inverse pixel shuffle of the guide itself, and one pixel shuffle
    at the end, straight from the convolution W (3 x 3 where the paper has 1 x 1).

    Args:
        scale: a power of two up to 32.
        channels: of all features; the paper has 64.
        levels: m, layers of feature extraction that are fused; the paper has 4.
        compact: see above.
        streams: with `compact`, and from x4, FDKN's streams before the guide's last inverse pixel shuffles; they may begin
            with what FDKN or DADA has learnt. "guide": that of the guide; "both": that of the bicubic depth too.
        context, context_blocks: with both, widths and blocks of `streams.Context`.

    Raises:
        ValueError: another scale, unknown `streams`, or `streams` where they cannot be.
    """

    name = "ahmf"
    summary = "attention and recurrent fusion at low resolution"
    paper = "Zhong et al., High-resolution Depth Maps Imaging via Attention-based Hierarchical Multi-modal Fusion"

    def __init__(
        self,
        scale: int,
        channels: int = 64,
        levels: int = 4,
        compact: bool = False,
        streams: str | None = None,
        context: tuple[int, ...] = (),
        context_blocks: int = 0,
    ) -> None:
        super().__init__(scale)
        if scale not in KERNELS:
            raise ValueError(f"ahmf works at scales {', '.join(map(str, KERNELS))}, got {scale}")
        if streams and (not compact or scale < RATIO):
            raise ValueError(f"ahmf's streams want compact, and a scale of {RATIO} or more; got x{scale}")
        if streams not in STREAMS:
            raise ValueError(f"ahmf has no streams {streams!r}: choose from {', '.join(filter(None, STREAMS))}")
        self.streams = _streams(streams, context, context_blocks)
        self.downsample, width = (
            _stream_downsampling(scale, channels, streams) if streams else _downsampling(scale, channels, compact)
        )
        self.depth_features = _extraction(1, channels, levels)
        self.guide_features = _extraction(width, channels, levels)
        self.fusions = nn.ModuleList(Fusion(channels) for _ in range(levels))
        self.collaboration = Collaboration(channels, levels)
        self.upsample = _upsampling(scale, channels, levels, compact)

    def forward(self, guide: Tensor, depth: Tensor) -> Tensor:
        """Upsample `depth`; see `Method.forward` for shapes."""
        fused, upsampled = [], upsample_bicubic(depth, self.scale)
        seen = (guide, mean_free(upsampled)) if isinstance(self.streams, TwoStreams) else (guide,)
        depth_features, guide_features = depth, self.downsample(self.streams(*seen))
        for of_depth, of_guide, fusion in zip(self.depth_features, self.guide_features, self.fusions):
            depth_features, guide_features = of_depth(depth_features), of_guide(guide_features)  # eqs. 2 to 5
            fused.append(fusion(depth_features, guide_features))  # eq. 6
        residual = self.upsample(torch.cat(self.collaboration(fused), 1))  # eqs. 7 and 8
        return upsampled + residual


def _conv(before: int, after: int, kernel: int = 3, bias: bool = True) -> nn.Conv2d:
    """A convolution that keeps the size, by zero padding."""
    return nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=bias)


def _mean_plus_deviation(features: Tensor) -> Tensor:
    """Pool (B, C, h, w) to (B, C, 1, 1), eq. 13."""
    exact = features.to(torch.promote_types(features.dtype, torch.float32))  # 1e-8 is nothing in half precision
    mean = exact.mean((2, 3), keepdim=True)
    variance = (exact - mean).square().mean((2, 3), keepdim=True)
    return (mean + (variance + 1e-8).sqrt()).to(features.dtype)  # the root of zero has no gradient


def _extraction(before: int, channels: int, levels: int) -> nn.ModuleList:
    """The m layers of one modality, eqs. 2 to 5."""
    widths = [before] + [channels] * (levels - 1)
    return nn.ModuleList(nn.Sequential(_conv(width, channels), nn.PReLU()) for width in widths)


def _downsampling(scale: int, channels: int, compact: bool) -> tuple[nn.Module, int]:
    """Eq. 1: inverse pixel shuffles by two with convolutions between; the module and its output's channels."""
    layers: list[nn.Module] = [] if compact else [_conv(3, channels), nn.PReLU()]
    width = 3 if compact else channels
    for _ in range(scale.bit_length() - 2):
        layers += [nn.PixelUnshuffle(2), _conv(4 * width, channels, KERNELS[scale]), nn.PReLU()]
        width = channels
    return nn.Sequential(*layers, nn.PixelUnshuffle(2)), 4 * width


def _streams(name: str | None, context: tuple[int, ...], blocks: int) -> nn.Module:
    if name is None:
        return nn.Identity()
    return FeatureStream(3) if name == "guide" else TwoStreams(context, blocks)


def _stream_downsampling(scale: int, channels: int, streams: str) -> tuple[nn.Module, int]:
    """The same after FDKN's streams, whose own inverse pixel shuffle is by four."""
    layers: list[nn.Module] = []
    width = WIDTHS[-1] if streams == "guide" else TwoStreams.channels
    for _ in range((scale // RATIO).bit_length() - 1):
        layers += [nn.Conv2d(width, channels, 1), nn.PReLU(), nn.PixelUnshuffle(2)]
        width = 4 * channels
    if streams == "both":
        layers += [nn.Conv2d(width, channels, 1), nn.PReLU()]
        width = channels
    return nn.Sequential(*layers), width


def _upsampling(scale: int, channels: int, levels: int, compact: bool) -> nn.Sequential:
    """Eq. 8: from the features of all levels to the residual image."""
    if compact:
        return nn.Sequential(_conv(levels * channels, scale**2), nn.PixelShuffle(scale))
    kernel = KERNELS[scale]
    doublings = [
        layer for _ in range(scale.bit_length() - 1) for layer in (_conv(channels, 4 * channels, kernel), nn.PixelShuffle(2))
    ]
    return nn.Sequential(_conv(levels * channels, channels, kernel), *doublings, _conv(channels, 1))
