"""Guided anisotropic diffusion with adjustment (Metzger, Caye Daudt, Schindler: DADA, section 3.1).

Depth flows between neighbouring pixels, hardly so across edges of the guide (eqs. 1 and 2), and after every step it is
made to agree again with the LR depth that was measured (eq. 3). This is the torch reference, differentiable; the
same on a CPU without gradients is in `diffusion_cpu`.

Plain iterations need thousands of steps to settle, since information travels by the square root of their number. Here step
k is extrapolated from the two states before it (Hafner, Ochs, Weickert, Reissel, Grewenig: FSI schemes, GCPR 2016): n
steps cover the diffusion time of n (n + 1) / 3 plain ones, 120 that of 4840, and tend to the same equilibrium.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from depth_sr_ros.methods.layers import constant, resize_matrix, upsample_bicubic

STEP = 0.24  # lambda of eq. 1; stable below 1/4
ADJUSTMENTS = ("average", "bicubic")


def coefficients(features: Tensor, kappa: Tensor | float) -> Tensor:
    """How freely depth flows between neighbours, eq. 2: kappa^2 / (kappa^2 + |g_p - g_n|^2).

    Args:
        features: (B, C, H, W), the guide or what was learned of it.
        kappa: the difference at which the flow is halved.

    Returns:
        (B, 2, H, W) float32 at least: between every pixel and the one below it, and the one to its right; 0 in the last
        row of the first plane and in the last column of the second.
    """
    # Divided first: OpenVINO 2026.4 takes a / (a + sum of squares) for a normalisation and computes something else.
    features = features.to(torch.promote_types(features.dtype, torch.float32)) / kappa
    below = 1 / (1 + features.diff(dim=2).square().sum(1, keepdim=True))
    right = 1 / (1 + features.diff(dim=3).square().sum(1, keepdim=True))
    return torch.cat((F.pad(below, (0, 0, 0, 1)), F.pad(right, (0, 1))), dim=1)


def diffuse(image: Tensor, flow: Tensor) -> Tensor:
    """One step of eq. 1. image: (B, 1, H, W); flow: (B, 2, H, W) from `coefficients`. Returns (B, 1, H, W)."""
    return _diffused(image, _steps(flow))


def _steps(flow: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """lambda times the flow between every pixel and the one below, above, right and left of it: (B, 1, H, W) each."""
    below, right = (STEP * flow).split(1, dim=1)
    return below, F.pad(below, (0, 0, 1, -1)), right, F.pad(right, (1, -1))


def _diffused(image: Tensor, steps: tuple[Tensor, Tensor, Tensor, Tensor]) -> Tensor:
    height, width = image.shape[-2:]
    framed = F.pad(image, (1, 1, 1, 1), mode="replicate")  # with anything: nothing flows across the border
    total = image
    for step, (row, column) in zip(steps, ((2, 1), (0, 1), (1, 2), (1, 0))):
        neighbour = framed[..., row : row + height, column : column + width]
        total = torch.addcmul(total, step, neighbour - image)
    return total


@dataclass(frozen=True)
class Source:
    """The LR depth as the diffusion has it: each image's range moved to [1, 2].

    The ratios of eq. 3 need depth well away from zero, and must not depend on the unit that it comes in.

    Attributes:
        depth: (B, 1, h, w), float32 at least; invalid pixels have the mean of the known ones.
        values: the same, moved.
        known: (B, 1, h, w), 1 or 0.
        base, span: (B, 1, 1, 1), such that depth = values * span + base.
    """

    depth: Tensor
    values: Tensor
    known: Tensor
    base: Tensor
    span: Tensor


def prepare(depth: Tensor) -> Source:
    """Move (B, 1, h, w) depth, NaN where invalid, to the diffusion's range."""
    depth = depth.to(torch.promote_types(depth.dtype, torch.float32))
    known = ~depth.isnan()
    depth = fill_with_mean(depth)
    low, high = depth.amin((1, 2, 3), keepdim=True), depth.amax((1, 2, 3), keepdim=True)
    span = torch.where(high > low, high - low, torch.ones_like(high))
    base = low - span
    return Source(depth, (depth - base) / span, known.to(depth.dtype), base, span)


def fill_with_mean(depth: Tensor) -> Tensor:
    """Put each image's mean where its (B, 1, h, w) depth is NaN; zero where nothing is known."""
    known = depth == depth
    filled = torch.where(known, depth, torch.zeros_like(depth))
    mean = filled.sum((1, 2, 3), keepdim=True) / known.sum((1, 2, 3), keepdim=True).clamp(min=1)
    return torch.where(known, depth, mean)


def adjustment(name: str, source: Source, scale: int) -> Callable[[Tensor], Tensor]:
    """Return the function (B, 1, s*h, s*w) -> same that makes an estimate agree with the source.

    "average" is eq. 3 of the paper: every block of s x s pixels is multiplied by the ratio of its source pixel and its
    mean. "bicubic" takes the antialiased bicubic reduction, which the literature's LR depths are made by, for the
    paper's linear down(): the nearest image whose reduction is the source, x + R+ (y - R x C') (C+)'. A ratio there would
    only agree in the limit. Invalid source pixels ask for nothing.
    """
    return _average_ratio(source, scale) if name == "average" else bicubic_projection(source.values, scale, source.known)


def _average_ratio(source: Source, scale: int) -> Callable[[Tensor], Tensor]:
    def adjust(image: Tensor) -> Tensor:
        ratio = 1 + source.known * (source.values / F.avg_pool2d(image, scale) - 1)
        return image * F.interpolate(ratio, scale_factor=scale, mode="nearest")

    return adjust


def bicubic_projection(values: Tensor, scale: int, known: Tensor | float = 1.0) -> Callable[[Tensor], Tensor]:
    """Return the function (B, 1, s*h, s*w) -> same, the nearest image whose bicubic reduction is (B, 1, h, w) `values`."""
    height, width = values.shape[-2:]
    rows, columns = (constant(values, resize_matrix, scale * side, side) for side in (height, width))
    rows_back, columns_back = (constant(values, expansion_matrix, side, scale) for side in (height, width))

    def adjust(image: Tensor) -> Tensor:
        missing = known * (values - rows @ image @ columns.T)
        return image + rows_back @ missing @ columns_back.T

    return adjust


@lru_cache(maxsize=16)
def expansion_matrix(side: int, scale: int) -> np.ndarray:
    """Return R+ (scale * side, side), the pseudo-inverse of the bicubic reduction `resize_matrix`, float32, read-only."""
    inverse = np.linalg.pinv(resize_matrix(scale * side, side).astype(np.float64)).astype(np.float32)
    inverse.setflags(write=False)
    return inverse


def extrapolation(step: int, accelerated: bool) -> float:
    """How far step k = 0, 1, ... goes from the state before the last one towards the new one: 2/3, 6/5, 10/7 ... 2."""
    return (4 * step + 2) / (2 * step + 3) if accelerated else 1.0


def diffuse_with_adjustment(
    source: Source, flow: Tensor, scale: int, name: str, iterations: int, gradient_iterations: int, accelerated: bool
) -> Tensor:
    """Alternate eqs. 1 and 3, beginning with the bicubic image.

    Args:
        source: see `prepare`.
        flow: (B, 2, s*h, s*w), see `coefficients`.
        scale: s.
        name: one of `ADJUSTMENTS`.
        iterations: how often; even none leaves an image that agrees with the source.
        gradient_iterations: only the last so many carry gradients (section 3.2).
        accelerated: extrapolate; otherwise the paper's plain iterations.

    Returns:
        (B, 1, s*h, s*w), in the units of the depth.
    """
    adjust = adjustment(name, source, scale)
    before = now = adjust(upsample_bicubic(source.values, scale))
    steps = _steps(flow)
    for step in range(iterations):
        with torch.set_grad_enabled(torch.is_grad_enabled() and step >= iterations - gradient_iterations):
            after = torch.lerp(before, adjust(_diffused(now, steps)), extrapolation(step, accelerated))
        before, now = now, after
    return finished(now, source, scale, name)


def finished(image: Tensor, source: Source, scale: int, name: str) -> Tensor:
    """Move the (B, 1, s*h, s*w) last state back to the depth's range, and make it agree with the source there.

    What the move rounds off is given back, or depth near zero would differ from the source by more than a small share.
    """
    if name == "bicubic":
        return bicubic_projection(source.depth, scale, source.known)(image * source.span + source.base)
    depth = _average_ratio(source, scale)(image) * source.span + source.base
    lack = source.known * (source.depth - F.avg_pool2d(depth, scale))
    return depth + F.interpolate(lack, scale_factor=scale, mode="nearest")
