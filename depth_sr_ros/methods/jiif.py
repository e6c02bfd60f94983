"""JIIF: the joint implicit image function (Tang, Chen, Zeng: Joint Implicit Image Function, section 3.2)."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.methods.base import Method
from depth_sr_ros.methods.edsr import EDSR, RESIDUAL_INIT, init_wide
from depth_sr_ros.methods.interpolate import bicubic_at, bilinear_at, pixels_at
from depth_sr_ros.methods.layers import mean_free, resize_bicubic
from depth_sr_ros.methods.streams import StreamFeatures

CORNERS = ((0, 0), (1, 0), (0, 1), (1, 1))  # the four nearest LR pixels, (x, y) from the upper left one
QUERIES_AT_ONCE = 2048  # bounds the memory: the widest layer holds 4 rows a query


class Latents(NamedTuple):
    """What one pass of the encoders leaves for queries. Images have their channels last, so that a gather is a copy.

    Attributes:
        depth: (B, 1, h, w), the input.
        cells: (B, h + 2, w + 2, M), what the first layer makes of z_i and g_i, a border of zeros around.
        guide: (B, H, W, C), the guide's features g.
    """

    depth: Tensor
    cells: Tensor
    guide: Tensor


class JIIF(Method):
    """Depth as a function of position: a softmax-weighted mean of what four LR neighbours say about it.

    For a query q and a neighbour i, an MLP turns (z_i, g_i, g_q - g_i, x_q - x_i) into a value v and a logit a (eq. 8);
    the depth is sum_i softmax(a)_i v_i (eqs. 1 and 9), a residual on the bicubic image. The encoders run once an image
    (`encode`); `query` then answers for any positions at a cost that follows their number, and `forward` is the query
    of all pixel centres. The encoders take guide and depth of any two sizes, whole ratio or not.

    The first layer is linear, so it is not evaluated on the concatenated features of every query and neighbour: what
    belongs to a neighbour is computed once for each LR pixel, what belongs to g_q once for each query.

    Where the paper leaves a choice: features outside the image are zero, at the coordinates where pixels would be;
    relative coordinates are in half LR pixels (the paper's (-1, 1) times (h, w)); g_i is the bicubic
    interpolation of the guide's features at x_i, g_q between pixel centres the bilinear one. With `guide_stride`
    above 1, not in the paper, the guide's encoder works at a fraction of the resolution.

    Args:
        scale: between guide and depth in `forward`; the weights do not depend on it.
        depth_width, depth_blocks, guide_width, guide_blocks: of the two EDSR encoders.
        hidden: widths of the MLP's layers.
        guide_stride, guide_features: see `edsr.EDSR`.
        training_queries: pixels drawn from an image in training; 0 takes all.
        streams: FDKN's two streams, with `guide_features` channels, in place of the guide's EDSR encoder: they see the
            bicubic depth too, and may begin with what FDKN or DADA has learnt.
        context, context_blocks: widths and blocks of `streams.Context`.
    """

    name = "jiif"
    summary = "implicit function: depth at any sub-pixel position; dense where there is time"
    paper = "Tang, Chen, Zeng, Joint Implicit Image Function for Guided Depth Super-Resolution"
    two_stage = True
    any_scale = True

    def __init__(
        self,
        scale: int,
        depth_width: int = 128,
        depth_blocks: int = 16,
        guide_width: int = 128,
        guide_blocks: int = 16,
        hidden: tuple[int, ...] = (1024, 512, 256, 128),
        guide_stride: int = 1,
        guide_features: int | None = None,
        training_queries: int = 30_720,
        streams: bool = False,
        context: tuple[int, ...] = (),
        context_blocks: int = 0,
    ) -> None:
        super().__init__(scale)
        self.training_queries = training_queries
        self.depth_encoder = EDSR(1, depth_width, depth_blocks)
        features = guide_width if guide_features is None else guide_features
        self.streams = streams
        self.guide_encoder = (
            StreamFeatures(4, features, context, context_blocks) if streams
            else EDSR(3, guide_width, guide_blocks, guide_stride, guide_features)
        )  # fmt: skip
        self.parts = (depth_width, features, features, 2)  # of the first layer's input: z_i, g_i, g_q - g_i, x_q - x_i
        self.first = nn.Linear(sum(self.parts), hidden[0])
        layers: list[nn.Module] = []
        for before, after in zip(hidden, (*hidden[1:], 2)):
            layers += [nn.ReLU(inplace=True), nn.Linear(before, after)]
        self.rest = nn.Sequential(*layers)
        own_guide = self.guide_encoder.head if streams else self.guide_encoder  # streams and context start by themselves
        for part in (self.depth_encoder, own_guide, self.first, self.rest):
            init_wide(part)
        layers[-1].get_parameter("weight").data.mul_(RESIDUAL_INIT)  # the residual on the bicubic image starts small

    def encode(self, guide: Tensor, depth: Tensor) -> Latents:
        """Run both encoders (eq. 5).

        Args:
            guide: (B, 3, H, W) in [0, 1].
            depth: (B, 1, h, w), normalised.
        """
        return Latents(depth, *self.predict(guide, depth))

    def query(self, latents: Latents, pixels: Tensor) -> Tensor:
        """Return the depth at positions.

        Args:
            latents: from `encode`.
            pixels: (B, N, 2) float, (x, y) in pixels of the guide, centres at integers, sub-pixel positions allowed.

        Returns:
            (B, N), in the units of the encoded depth.

        Raises:
            ValueError: a position is not finite.
        """
        if not pixels.isfinite().all():
            raise ValueError("positions must be finite, in pixels of the guide; some are NaN or infinite")
        return torch.cat([self._query(latents, part) for part in pixels.split(QUERIES_AT_ONCE, dim=1)], dim=1)

    def forward(self, guide: Tensor, depth: Tensor) -> Tensor:
        """Upsample: (B, 3, s*h, s*w) and (B, 1, h, w) -> (B, 1, s*h, s*w)."""
        return self.sample(depth, *self.predict(guide, depth))

    def predict(self, guide: Tensor, depth: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cells and the guide's features of `Latents`."""
        features = self._guide_features(guide, depth)
        own, near, difference, _ = self.first.weight.split(self.parts, dim=1)
        # g_i stands in the input twice: itself, and subtracted from g_q.
        at_cells = F.interpolate(features, depth.shape[-2:], mode="bicubic", align_corners=False)
        inputs = torch.cat((self.depth_encoder(depth), at_cells), 1)
        cells = F.linear(inputs.permute(0, 2, 3, 1), torch.cat((own, near - difference), 1))
        return F.pad(cells, (0, 0, 1, 1, 1, 1)), features.permute(0, 2, 3, 1).contiguous()

    def sample(self, depth: Tensor, cells: Tensor, guide: Tensor) -> Tensor:
        """Query every pixel's centre."""
        batch, height, width = guide.shape[:3]
        rows, columns = torch.meshgrid(
            *(torch.arange(n, device=depth.device, dtype=torch.float32) for n in (height, width)), indexing="ij"
        )
        pixels = torch.stack((columns, rows), -1).view(1, -1, 2).expand(batch, -1, -1)
        return self.query(Latents(depth, cells, guide), pixels).view(batch, 1, height, width)

    def training_estimate(
        self, guide: Tensor, depth: Tensor, ground_truth: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Query random pixels (section 3.3): two tensors (B, 1, 1, N)."""
        height, width = ground_truth.shape[-2:]
        if not 0 < self.training_queries < height * width:
            return super().training_estimate(guide, depth, ground_truth, generator)
        drawn = [torch.randperm(height * width, generator=generator)[: self.training_queries] for _ in ground_truth]
        places = torch.stack(drawn).to(ground_truth.device)
        pixels = torch.stack((places % width, places // width), -1).float()
        estimate = self._query(self.encode(guide, depth), pixels)
        return estimate[:, None, None], ground_truth.flatten(1).gather(1, places)[:, None, None]

    def _guide_features(self, guide: Tensor, depth: Tensor) -> Tensor:
        """g of eq. 5, (B, C, H, W)."""
        if not self.streams:
            return self.guide_encoder(guide)
        depth = resize_bicubic(depth, (guide.shape[-2], guide.shape[-1]))
        return self.guide_encoder(torch.cat((guide, mean_free(depth)), 1))

    def _query(self, latents: Latents, pixels: Tensor) -> Tensor:
        depth, cells, guide = latents
        # Places in an image need more digits than half precision has.
        pixels = pixels.to(torch.promote_types(depth.dtype, torch.float32))
        low, high = (pixels.new_tensor(size) for size in (depth.shape[:-3:-1], guide.shape[2:0:-1]))  # (x, y) sizes
        places = (pixels + 0.5) * low / high - 0.5  # in this order exact where a centre lies on a centre
        first, corners = places.floor(), places.new_tensor(CORNERS)
        bordered = (first[:, :, None] + corners + 1).clamp(min=0).minimum(low + 1)  # (B, N, 4, 2)
        # x_q - x_i is the place within the cell, the same for all corners, minus the corner, the same for all queries.
        *_, difference, position = self.first.weight.split(self.parts, dim=1)
        of_query = torch.cat((bilinear_at(guide, pixels), 2 * (places - first).to(guide.dtype)), -1)
        at_query = F.linear(of_query, torch.cat((difference, position), 1), self.first.bias)  # (B, N, M)
        at_corners = pixels_at(cells, *bordered.unbind(-1)) - F.linear(2 * corners.to(cells.dtype), position)
        values, logits = self.rest(at_corners + at_query[:, :, None]).unbind(-1)  # (B, N, 4) each
        residual = (torch.softmax(logits, -1) * values).sum(-1)
        return bicubic_at(depth.permute(0, 2, 3, 1), places)[..., 0] + residual
