"""The shapes of generated scenes: where a ray meets each of them, in the shape's own unit-sized frame.

Every function takes origins (B, 3, h, w) or (B, 3, 1, 1), directions alike, the shape's parameters (B, 8) in [0, 1] and
its half extents (B, 3) in metres, and returns t (B, h, w), MISS where the ray passes by, texture coordinates
(B, 2, h, w) in metres, and the local normal (B, 3, h, w), of any length.
"""

import math

import torch
from torch import Tensor

MISS = 1e9
# The objects that a scene has room for, the room's five sides first; which are there differs from scene to scene.
SLOTS = (
    ["plane"] * 5
    + ["box"] * 9
    + ["ellipsoid"] * 8
    + ["cylinder"] * 4
    + ["cone"] * 3
    + ["rod"] * 8
    + ["rectangle"] * 5
    + ["blob"] * 8
    + ["ring"] * 2
    + ["lattice"] * 2
    + ["foliage"] * 4
)


def _first(near: Tensor, far: Tensor, is_hit: Tensor) -> Tensor:
    """The nearer of two crossings that lies ahead."""
    return torch.where(is_hit & (far > 0), torch.where(near > 0, near, far), MISS)


def _surface_uv(point: Tensor, normal: Tensor, size: Tensor) -> Tensor:
    """Metres along the two axes that the surface faces least: a texture for every side of a solid."""
    metres = point * size[:, :, None, None]
    axis = normal.abs().argmax(1, keepdim=True)
    x, y, z = metres.split(1, 1)
    return torch.cat((torch.where(axis == 0, y, x), torch.where(axis == 2, y, z)), 1)


def ellipsoid(origin: Tensor, direction: Tensor, shape: Tensor, size: Tensor):
    """|p| = 1."""
    a = (direction * direction).sum(1)
    b = (origin * direction).sum(1)
    root = b * b - a * ((origin * origin).sum(1) - 1)
    half = root.clamp(min=0).sqrt()
    t = _first((-b - half) / a, (-b + half) / a, root > 0)
    point = origin + t[:, None] * direction
    return t, _surface_uv(point, point, size), point


def box(origin: Tensor, direction: Tensor, shape: Tensor, size: Tensor):
    """max |p_i| = 1, by slabs."""
    inverse = 1 / torch.where(direction.abs() < 1e-9, 1e-9, direction)
    one, other = (-1 - origin) * inverse, (1 - origin) * inverse
    near, far = torch.minimum(one, other).amax(1), torch.maximum(one, other).amin(1)
    t = _first(near, far, near < far)
    point = origin + t[:, None] * direction
    normal = torch.where(point.abs() == point.abs().amax(1, keepdim=True), point.sign(), 0.0)
    return t, _surface_uv(point, normal, size), normal


def cylinder(origin: Tensor, direction: Tensor, shape: Tensor, size: Tensor):
    """x^2 + y^2 = 1 between its caps at |z| = 1."""
    return _turned(origin, direction, size, origin[:, :2], direction[:, :2], 0.0, 1.0)


def cone(origin: Tensor, direction: Tensor, shape: Tensor, size: Tensor):
    """x^2 + y^2 = r(z)^2 with r falling from 1 at z = 1 towards the top at z = -1, cut off at the top's share."""
    return _turned(origin, direction, size, origin[:, :2], direction[:, :2], 0.5, 0.5)


def _turned(origin: Tensor, direction: Tensor, size: Tensor, o: Tensor, d: Tensor, slope: float, middle: float):
    """The side x^2 + y^2 = (middle + slope z)^2 and the caps at |z| = 1."""
    oz, dz = origin[:, 2], direction[:, 2]
    r0, dr = middle + slope * oz, slope * dz
    a = (d * d).sum(1) - dr * dr
    b = (o * d).sum(1) - r0 * dr
    c = (o * o).sum(1) - r0 * r0
    root = b * b - a * c
    half = root.clamp(min=0).sqrt()
    a = torch.where(a.abs() < 1e-9, 1e-9, a)
    one, other = (-b - half) / a, (-b + half) / a
    t = torch.full_like(one, MISS)
    for side in (one, other):
        z = oz + side * dz
        t = torch.where((root > 0) & (side > 0) & (z.abs() < 1) & (side < t), side, t)
    on_side = t < MISS
    dz = torch.where(dz.abs() < 1e-9, 1e-9, dz)
    for cap in (-1.0, 1.0):
        at = (cap - oz) / dz
        across = ((o + at[:, None] * d) ** 2).sum(1)
        nearer = (across < (middle + slope * cap) ** 2) & (at > 0) & (at < t)
        t = torch.where(nearer, at, t)
        on_side = on_side & ~nearer
    point = origin + t[:, None] * direction
    xy, z = point[:, :2], point[:, 2:]
    outwards = torch.cat((xy, -slope * (middle + slope * z)), 1)
    normal = torch.where(on_side[:, None], outwards, torch.cat((0 * xy, z.sign()), 1))
    around = torch.atan2(xy[:, :1], xy[:, 1:]) * size[:, :1, None, None]
    uv = torch.where(on_side[:, None], torch.cat((around, z * size[:, 2:, None, None]), 1), xy * size[:, :2, None, None])
    return t, uv, normal


def _relief(uv: Tensor, shape: Tensor, metres: float) -> tuple[Tensor, Tensor]:
    """Height (B, h, w) and gradient (B, 2, h, w) of a wavy surface at `uv` in local units; flat for half of all shapes."""
    strength, turn, length = shape[:, 0], shape[:, 1], shape[:, 2]
    amplitude = metres * ((strength - 0.5).clamp(min=0) * 2) ** 2
    height, gradient = torch.zeros_like(uv[:, 0]), torch.zeros_like(uv)
    for part in range(3):
        angle = 2 * math.pi * (turn + 0.37 * part)
        wave = (1.5 + 5 * length) * (1 + 0.8 * part)
        k = torch.stack((angle.cos(), angle.sin()), 1) * wave[:, None]
        phase = (k[:, :, None, None] * uv).sum(1) + 6.28 * shape[:, 3 + part, None, None]
        scale = (amplitude / (1 + part))[:, None, None]
        height = height + scale * phase.sin()
        gradient = gradient + (scale * phase.cos())[:, None] * k[:, :, None, None]
    return height, gradient


def _sheet(inside, metres: float):
    """A sheet z = relief(x, y) that is there where `inside(xy, shape)` says so."""

    def intersect(origin: Tensor, direction: Tensor, shape: Tensor, size: Tensor):
        dz = torch.where(direction[:, 2].abs() < 1e-6, 1e-6, direction[:, 2])
        height = torch.zeros_like(dz)
        for _ in range(3):  # fixed point; reliefs are shallow
            t = (height - origin[:, 2]) / dz
            xy = origin[:, :2] + t[:, None] * direction[:, :2]
            height, gradient = _relief(xy, shape, metres)
        t = torch.where((t > 0) & inside(xy, shape), t, MISS)
        normal = torch.cat((-gradient, torch.ones_like(t)[:, None]), 1)
        return t, xy * size[:, :2, None, None], normal

    return intersect


def _everywhere(xy: Tensor, shape: Tensor) -> Tensor:
    return torch.ones_like(xy[:, 0], dtype=torch.bool)


def _in_rectangle(xy: Tensor, shape: Tensor) -> Tensor:
    return xy.abs().amax(1) < 1


def _in_blob(xy: Tensor, shape: Tensor) -> Tensor:
    """r < r(angle): a Fourier series; from pebbles by way of stars to torn paper."""
    angle = torch.atan2(xy[:, 1], xy[:, 0])
    rough = shape[:, 6, None, None]
    radius = torch.full_like(angle, 0.7)
    for part, waves in enumerate((2, 3, 5, 9, 14, 23)):
        share = 0.22 * (0.35 + rough) ** part / (1 + 0.3 * part)
        radius = radius + share * (waves * angle + 20 * shape[:, part % 6, None, None] * (part + 1)).sin()
    return xy.norm(dim=1) < radius


def _in_ring(xy: Tensor, shape: Tensor) -> Tensor:
    """A frame: round or square, with a hole."""
    outer = torch.where(shape[:, 4, None, None] < 0.5, xy.norm(dim=1), xy.abs().amax(1))
    return (outer < 1) & (outer > 0.55 + 0.4 * shape[:, 5, None, None])


def _in_lattice(xy: Tensor, shape: Tensor) -> Tensor:
    """A fence or a grid of bars."""
    bars = 2 + 5 * shape[:, 4, None, None, None]
    width = 0.08 + 0.3 * shape[:, 5, None, None, None]
    on_bar = ((xy * bars) % 1) < width
    crossed = on_bar[:, 0] | (on_bar[:, 1] & (shape[:, 6, None, None] < 0.6))
    return _in_rectangle(xy, shape) & crossed


def _in_foliage(xy: Tensor, shape: Tensor) -> Tensor:
    """Where a sum of waves is high: leaves and rags with gaps between them."""
    field = torch.zeros_like(xy[:, 0])
    for part in range(5):
        angle = 2 * math.pi * (shape[:, part % 4, None, None] + 0.21 * part)
        wave = 4 + 5 * part * (0.5 + shape[:, 5, None, None])
        bent = xy + 0.25 * (3 * xy.flip(1) + 6.28 * shape[:, 4, None, None, None]).sin()
        field = field + ((angle.cos() * bent[:, 0] + angle.sin() * bent[:, 1]) * wave + 9 * angle).sin()
    return (field > 0.2) & (xy.norm(dim=1) < 1)


INTERSECT = {
    "plane": _sheet(_everywhere, metres=0.12),
    "box": box,
    "ellipsoid": ellipsoid,
    "cylinder": cylinder,
    "cone": cone,
    "rod": cylinder,
    "rectangle": _sheet(_in_rectangle, metres=0.25),
    "blob": _sheet(_in_blob, metres=0.25),
    "ring": _sheet(_in_ring, metres=0.1),
    "lattice": _sheet(_in_lattice, metres=0.1),
    "foliage": _sheet(_in_foliage, metres=0.3),
}
