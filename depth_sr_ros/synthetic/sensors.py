"""A model of a time-of-flight camera: the LR depth that it would measure of a scene.

A pixel integrates the light that comes back from its whole footprint. Every pixel of the true image reflects
brightness x cos(angle of incidence); what comes back of it, its amplitude, is that / distance^2, so 1 for
white paper, faced at one metre. Of what goes wrong with such cameras it has: noise that grows with the
distance, flying pixels at depth edges, and no return from surfaces that are too far, too dark or too oblique.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

MINIMUM_BRIGHTNESS = 0.03  # of black paint in the near infrared


@dataclass(frozen=True)
class TofSensor:
    """What a camera of this kind is like.

    Attributes:
        noise, noise_growth: the deviation of a measured depth z is noise + noise_growth z^2, in metres
            (1/metres).
        flying_share: share of the pixels with a depth edge in their footprint that measure something between
            near and far; the others measure the surface that weighs more.
        falloff: within a footprint, what is reflected at depth z weighs 1 / z^falloff. 2: a camera of
            modulated light, whose foreground grows at its edges; 0: one that sees to it that brightness does
            not matter, or matches a pattern.
        edge_step: two surfaces are taken for such an edge where their depths differ by more than this share.
        min_range, max_range: metres; there is no return from nearer or further.
        min_amplitude: nor where the mean amplitude is less.
        max_incidence: nor from a surface seen at more degrees from its normal.
        speckle: nor in this share of the pixels, at random.
    """

    noise: float = 0.002
    noise_growth: float = 0.0015
    flying_share: float = 0.8
    falloff: float = 0.0
    edge_step: float = 0.03
    min_range: float = 0.3
    max_range: float = 8.0
    min_amplitude: float = 0.002
    max_incidence: float = 82.0
    speckle: float = 0.002

    def deviation(self, depth: Tensor) -> Tensor:
        """Standard deviation of what is measured at these depths, in metres."""
        return self.noise + self.noise_growth * depth**2


IDEAL = TofSensor(
    noise=0,
    noise_growth=0,
    flying_share=0,
    min_range=0,
    max_range=65.0,
    min_amplitude=0,
    max_incidence=90.0,
    speckle=0,
)


def measure(
    depth: Tensor,
    rgb: Tensor,
    scale: int,
    focal: float,
    generator: torch.Generator,
    sensor: TofSensor = TofSensor(),
) -> Tensor:
    """Measure a scene.

    Args:
        depth: (H, W) float32 metres along the optical axis, known everywhere.
        rgb: (3, H, W) float32 in [0, 1].
        scale: true pixels per measured pixel, per axis.
        focal: length in pixels of the true image; the optical axis goes through the image's centre.
        generator: of depth's device; the same seed gives the same picture.
        sensor: what measures.

    Returns:
        (H / scale, W / scale) float32 metres, whole millimetres, NaN where there is no return.

    Raises:
        ValueError: the size is no multiple of `scale`.
    """
    if depth.shape[-2] % scale or depth.shape[-1] % scale:
        raise ValueError(f"ground truth of {depth.shape[-1]} x {depth.shape[-2]} pixels is no multiple of scale {scale}")
    cosine = incidence_cosine(depth, focal)
    reflected = (MINIMUM_BRIGHTNESS + rgb.mean(0)) / (MINIMUM_BRIGHTNESS + 1) * cosine
    weights = _footprints(reflected / depth**sensor.falloff, scale)
    measured = _integrate(_footprints(depth, scale), weights, sensor, generator)
    noise = torch.randn(measured.shape, generator=generator, device=depth.device) * sensor.deviation(measured)
    lost = torch.rand(measured.shape, generator=generator, device=depth.device) < sensor.speckle
    lost |= (measured < sensor.min_range) | (measured > sensor.max_range)
    lost |= _footprints(reflected / depth**2, scale).mean(-1) < sensor.min_amplitude
    lost |= _footprints(cosine, scale).mean(-1) < torch.deg2rad(torch.tensor(sensor.max_incidence)).cos()
    return torch.where(lost, torch.nan, ((measured + noise) * 1000).round() / 1000)


def incidence_cosine(depth: Tensor, focal: float) -> Tensor:
    """Cosine of the angle between each pixel's ray and its surface's normal: (H, W) metres -> (H, W).

    On the plane n . p = 1 the point on the ray r = (u, v, 1) has the inverse depth n . r: what inverse depth
    gains a pixel is n. Of the differences to both neighbours the smaller one is taken, which does not cross
    an edge.
    """
    height, width = depth.shape
    inverse = 1 / depth
    nx, ny = focal * _smaller_difference(inverse, 1), focal * _smaller_difference(inverse, 0)
    v = ((torch.arange(height, device=depth.device) - (height - 1) / 2) / focal)[:, None]
    u = (torch.arange(width, device=depth.device) - (width - 1) / 2) / focal
    nz = inverse - nx * u - ny * v
    ray = (1 + u**2 + v**2).sqrt()
    return inverse / (ray * (nx**2 + ny**2 + nz**2).sqrt())


def _smaller_difference(image: Tensor, axis: int) -> Tensor:
    """Difference to the next or from the previous pixel, whichever is the smaller in size."""
    step = image.diff(dim=axis)
    ahead = torch.cat((step, step.narrow(axis, -1, 1)), axis)
    behind = torch.cat((step.narrow(axis, 0, 1), step), axis)
    return torch.where(ahead.abs() < behind.abs(), ahead, behind)


def _footprints(image: Tensor, scale: int) -> Tensor:
    """(H, W) -> (H / scale, W / scale, scale^2): what each measured pixel sees."""
    height, width = image.shape
    blocks = image.view(height // scale, scale, width // scale, scale).transpose(1, 2)
    return blocks.reshape(height // scale, width // scale, scale * scale)


def _integrate(depths: Tensor, weights: Tensor, sensor: TofSensor, generator: torch.Generator) -> Tensor:
    """What each pixel measures of its footprint (h, w, N), but for noise, (h, w): a weighted mean.

    A footprint with a depth edge is cut in two at the widest gap between its depths in their order; that of a
    slanted surface has no wide one.
    """
    if depths.shape[-1] == 1:
        return depths[..., 0]
    depths, order = depths.sort(-1)
    weights = weights.gather(-1, order)
    gap, last_near = depths.diff(dim=-1).max(-1, keepdim=True)
    is_near = torch.arange(depths.shape[-1], device=depths.device) <= last_near
    near, far = weights * is_near, weights * ~is_near
    stronger = torch.where(near.sum(-1, keepdim=True) >= far.sum(-1, keepdim=True), near, far)
    at_edge = gap > sensor.edge_step * depths.gather(-1, last_near)
    flying = torch.rand(at_edge.shape, generator=generator, device=depths.device) < sensor.flying_share
    weights = torch.where(at_edge & ~flying, stronger, weights)
    return (depths * weights).sum(-1) / weights.sum(-1)
