"""NAIMA: neural attention for implicit multi-token alignment (Nasir, Liu, Mian: NAIMA, section 3)."""

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.methods.base import Method
from depth_sr_ros.methods.dinov2 import load_dinov2
from depth_sr_ros.methods.edsr import RESIDUAL_INIT, AttentionBlock, AttentionGroup, ResidualBlock, init_wide
from depth_sr_ros.methods.errors import MethodError
from depth_sr_ros.methods.layers import mean_free, upsample_bicubic
from depth_sr_ros.methods.semantic import LEVELS, SemanticEncoder
from depth_sr_ros.methods.streams import RATIO, TwoStreams

MEAN = (0.485, 0.456, 0.406)  # ImageNet's
DEVIATION = (0.229, 0.224, 0.225)
ENCODERS = ("dinov2", "own")
SMALLEST_SQUARE = 1e-6  # of features that are brought to unit size


class Projection(nn.Module):
    """To the other resolution by an error-corrected (de)convolution (DBPN, Haris et al. 2018, eqs. 1 to 10).

    The result is projected back, and what that misses of the input is projected and added. Kernels are `factor` + 4
    pixels wide with a stride of `factor`: 8, 12 and 20 at x4, x8 and x16.

    Args:
        width: channels before and after.
        factor: between the two resolutions.
        up: the direction.
    """

    def __init__(self, width: int, factor: int, up: bool) -> None:
        super().__init__()
        there, back = (nn.ConvTranspose2d, nn.Conv2d) if up else (nn.Conv2d, nn.ConvTranspose2d)
        self.there, self.back, self.again = (
            nn.Sequential(kind(width, width, factor + 4, factor, 2), nn.PReLU()) for kind in (there, back, there)
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C, f*h, f*w), or the other way."""
        projected = self.there(features)
        return projected + self.again(self.back(projected) - features)


class TokenProjection(nn.Module):
    """Tokens to a map that lies pixel by pixel on the depth features (eqs. 2 and 3).

    A token spans `patch` pixels, a depth pixel `scale`: the pixel shuffle goes to their greatest common divisor, and
    means of what a depth pixel spans there go the rest of the way.
    """

    def __init__(self, channels: int, width: int, patch: int, scale: int) -> None:
        super().__init__()
        common = math.gcd(patch, scale)
        self.mix = nn.Conv2d(channels, channels, 3, padding=1)
        self.project = nn.Conv2d(channels, width * (patch // common) ** 2, 1)
        self.to_depth = nn.Sequential(nn.PixelShuffle(patch // common), nn.AvgPool2d(scale // common))

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:
        """(B, channels, rows, columns) -> (B, width, *size), the padding of the image cropped."""
        features = self.to_depth(self.project(F.relu(self.mix(tokens))))
        return features[..., : size[0], : size[1]]


class GuidedTokenAttention(nn.Module):
    """One level: depth features ask for semantic features, then take in the picture's (fig. 3).

    Args:
        width: channels of all features.
        channels, patch: of the semantic encoder.
        scale: between depth and guide.
        factor: between the depth features and the picture's.
        depth_groups, depth_blocks: of the depth encoder E_D.
        rgb_blocks: of the picture's encoder E_R.
        fusion_width: channels of the down-projection; a 1 x 1 convolution leads there where it is not 2 * width.
    """

    def __init__(
        self,
        width: int,
        channels: int,
        patch: int,
        scale: int,
        factor: int,
        depth_groups: int,
        depth_blocks: int,
        rgb_blocks: int,
        fusion_width: int,
    ) -> None:
        super().__init__()
        self.depth = nn.Sequential(*(AttentionGroup(width, depth_blocks) for _ in range(depth_groups)))
        self.tokens = TokenProjection(channels, width, patch, scale)
        self.alpha = nn.Parameter(torch.zeros(1))
        self.rgb = nn.Sequential(*(ResidualBlock(width) for _ in range(rgb_blocks)))
        self.up = Projection(width, factor, up=True)
        self.narrow = nn.Sequential() if fusion_width == 2 * width else nn.Conv2d(2 * width, fusion_width, 1)
        self.down = Projection(fusion_width, factor, up=False)
        self.merge = nn.Conv2d(fusion_width, width, 3, padding=1)

    def forward(self, depth: Tensor, tokens: Tensor, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """Return the refined depth features and this level's features of the picture.

        Args:
            depth: (B, C, h, w).
            tokens: (B, channels, rows, columns).
            rgb: (B, C, f*h, f*w), of the level before.
        """
        depth = self.depth(depth)  # eq. 1
        depth = depth + self.alpha * attend(depth, self.tokens(tokens, depth.shape[-2:]))  # eq. 4
        rgb = self.rgb(rgb)  # eq. 5
        both = self.narrow(torch.cat((self.up(depth), rgb), 1))
        return depth + self.merge(self.down(both)), rgb  # eq. 6


def attend(queries: Tensor, keys: Tensor) -> Tensor:
    """Return softmax(Q K^T / sqrt(d)) K over all pixels (eq. 4), queries and keys brought to a root mean square of one.

    Args:
        queries, keys: (B, C, h, w).

    Returns:
        (B, C, h, w): for every query a mean of the keys as they came.
    """
    asked, offered, values = (
        image.flatten(2).transpose(1, 2)[:, None].contiguous()  # (B, 1, h*w, C)
        for image in (_unit(queries), _unit(keys), keys)
    )
    found = F.scaled_dot_product_attention(asked, offered, values)
    return found[:, 0].transpose(1, 2).unflatten(2, queries.shape[-2:])


def _unit(image: Tensor) -> Tensor:
    # Features of nothing must not divide by zero; in half precision squares and what is added to them would vanish.
    exact = image.to(torch.promote_types(image.dtype, torch.float32))
    return image * (exact.square().mean(1, keepdim=True) + SMALLEST_SQUARE).rsqrt().to(image.dtype)


class Upsampler(nn.Module):
    """From the last depth features to the residual (phi of eq. 7).

    Channel attention at the LR depth, growing wider stage by stage; each stage is projected to the high one, and
    all stages together become the residual there.

    Args:
        width: channels of the depth features.
        stages: how many; stage k is k times as wide.
        factor: between the two resolutions.
        fold: the result is unfolded from fold^2 channels at the end.
        beside: channels of what stands beside the stages at the high resolution.
        finish_width: channels that they are joined in.
    """

    def __init__(self, width: int, stages: int, factor: int, fold: int, beside: int, finish_width: int) -> None:
        super().__init__()
        widths = [width * (stage + 1) for stage in range(stages)]
        self.refine = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, after, 3, padding=1), AttentionBlock(after))
            for before, after in zip([width, *widths], widths)
        )
        self.project = nn.ModuleList(Projection(one, factor, up=True) for one in widths)
        self.finish = nn.Sequential(nn.Conv2d(sum(widths) + beside, finish_width, 3, padding=1), AttentionBlock(finish_width))
        self.last = nn.Conv2d(finish_width, fold**2, 3, padding=1)
        self.unfold = nn.PixelShuffle(fold)

    def forward(self, features: Tensor, *beside: Tensor) -> Tensor:
        """(B, C, h, w) and, where there is something beside, that at (f*h, f*w) -> (B, 1, s*h, s*w)."""
        stages = []
        for refine, project in zip(self.refine, self.project):
            features = refine(features)
            stages.append(project(features))
        return self.unfold(self.last(self.finish(torch.cat((*stages, *beside), 1))))


class NAIMA(Method):
    """Depth features that ask a semantic encoder what belongs together, four times, before they are upsampled.

    What the paper leaves open, and what was taken: queries and keys have a root mean square of one (at unit length the
    logits of eq. 4 stay within 1/sqrt(d), and the attention is close to a plain mean). Eq. 5 encodes the picture anew at
    every level; here a level refines the features of the one before, which `rgb_blocks` a level are enough for. The fusion
    block of eq. 6 is an up-projection of the depth features, the picture's features beside them, and a down-projection,
    whose outcome is added to the depth features. The published counts
    fit 102 kernels of 48 x 48 channels and 8, 12 and 20 pixels per axis at x4, x8, x16; fusions and upsampler have just
    these, the blocks make up the rest. The picture is padded for the encoder with zeros after standardisation.

    Args:
        scale: between guide and depth.
        encoder: "dinov2", frozen, whose weights the user names (see `dinov2.load_dinov2`), or "own", trained along.
        width: channels of the depth's and the picture's features.
        depth_groups, depth_blocks: attention groups a level and blocks a group of the depth encoder.
        rgb_blocks: residual blocks a level of the picture's encoder.
        upsampler_stages: see `Upsampler`.
        fold: the picture's features are made at this fraction of its resolution, or at twice the depth's where that is
            more. The paper has 1; above, everything at the high resolution gets fold^2 times cheaper.
        fusion_width: channels of the fusions' down-projections; None: 2 * width.
        rgb_to_upsampler: whether the upsampler sees the picture's last features too. The paper's does not: all that it
            knows of edges passes through `width` channels an LR pixel.
        streams_to_upsampler: whether it sees all that comes out of the streams, too.
        finish_width: channels in which the upsampler joins what it sees; None: `width`, as in the paper.
        own_channels, own_blocks: size of the encoder "own".
        streams: FDKN's two streams before the picture's encoder, with a `fold` of 4: they see the bicubic depth too, and
            may begin with what FDKN or DADA has learnt.
        context, context_blocks: widths and blocks of `streams.Context`.
        dinov2: file or folder of DINOv2's weights; None: what the environment variable DEPTH_SR_DINOV2 names.
    """

    name = "naima"
    summary = "attention to semantic tokens: quality, offline"
    paper = "Nasir, Liu, Mian, NAIMA: Semantics Aware RGB Guided Depth Super-Resolution"

    def __init__(
        self,
        scale: int,
        encoder: str = "dinov2",
        width: int = 48,
        depth_groups: int = 6,
        depth_blocks: int = 10,
        rgb_blocks: int = 32,
        upsampler_stages: int = 3,
        fold: int = 1,
        fusion_width: int | None = None,
        rgb_to_upsampler: bool = False,
        streams_to_upsampler: bool = False,
        finish_width: int | None = None,
        own_channels: int = 96,
        own_blocks: int = 2,
        streams: bool = False,
        context: tuple[int, ...] = (),
        context_blocks: int = 0,
        dinov2: Path | str | None = None,
    ) -> None:
        super().__init__(scale)
        if encoder not in ENCODERS:
            raise MethodError(f"naima has no encoder {encoder!r}: choose from {', '.join(ENCODERS)}")
        if streams_to_upsampler and not streams:
            raise MethodError("naima has no streams that its upsampler could see: streams_to_upsampler wants streams")
        if streams and scale % RATIO:
            raise MethodError(f"naima with streams works at multiples of x{RATIO}, got x{scale}")
        self.fold = RATIO if streams else _fold(fold, scale)
        factor = scale // self.fold
        self.semantic = load_dinov2(dinov2) if encoder == "dinov2" else SemanticEncoder(own_channels, own_blocks)
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None], persistent=False)
        self.depth_head = nn.Conv2d(1, width, 3, padding=1)
        self.streams = TwoStreams(context, context_blocks) if streams else None
        self.rgb_head = (
            nn.Conv2d(TwoStreams.channels, width, 1) if streams
            else nn.Sequential(nn.PixelUnshuffle(self.fold), nn.Conv2d(3 * self.fold**2, width, 3, padding=1))
        )  # fmt: skip
        self.levels = nn.ModuleList(
            GuidedTokenAttention(
                width,
                self.semantic.channels,
                self.semantic.patch,
                scale,
                factor,
                depth_groups,
                depth_blocks,
                rgb_blocks,
                fusion_width or 2 * width,
            )
            for _ in range(LEVELS)
        )
        self.rgb_to_upsampler, self.streams_to_upsampler = rgb_to_upsampler, streams_to_upsampler
        beside = width * rgb_to_upsampler + TwoStreams.channels * streams_to_upsampler
        self.upsampler = Upsampler(width, upsampler_stages, factor, self.fold, beside, finish_width or width)
        for part in (self.depth_head, self.rgb_head, self.levels, self.upsampler):
            init_wide(part)
        if encoder == "own":
            init_wide(self.semantic)
        for level in self.levels:
            level.get_parameter("merge.weight").data.mul_(RESIDUAL_INIT)  # or each level makes the features ten times as large
        self.upsampler.last.weight.data.mul_(RESIDUAL_INIT**2)  # the residual on the bicubic image starts small

    def forward(self, guide: Tensor, depth: Tensor) -> Tensor:
        """Upsample: (B, 3, s*h, s*w) in [0, 1] and (B, 1, h, w) -> (B, 1, s*h, s*w)."""
        picture = (guide - self.get_buffer("mean")) / self.get_buffer("deviation")
        bottom, right = (-side % self.semantic.patch for side in guide.shape[-2:])
        tokens = self.semantic(F.pad(picture, (0, right, 0, bottom)))
        features, upsampled = self.depth_head(depth), upsample_bicubic(depth, self.scale)
        seen = picture if self.streams is None else self.streams(guide, mean_free(upsampled))
        rgb = self.rgb_head(seen)
        for level, its_tokens in zip(self.levels, tokens):
            features, rgb = level(features, its_tokens, rgb)
        beside = [rgb] * self.rgb_to_upsampler + [seen] * self.streams_to_upsampler
        return self.upsampler(features, *beside) + upsampled  # eq. 7


def _fold(most: int, scale: int) -> int:
    """The largest fold up to `most` that divides the scale and leaves the picture's features twice the depth's size."""
    return max(one for one in range(1, most + 1) if scale % one == 0 and (one == 1 or scale >= 2 * one))
