"""Generated RGB-D scenes: some dozens of objects in a room, ray-cast with exact depth.

A scene is a set of tensors with a batch dimension, so a batch is cast at once on a GPU; a single scene on a CPU skips
the pixels outside each object's bounding sphere. What the scenes must teach stands in docs/training.md: slanted and
curved surfaces, thin structures, ragged outlines, texture without depth edges and depth edges without texture.
"""

from dataclasses import dataclass, fields, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from depth_sr_ros.synthetic.shapes import INTERSECT, SLOTS
from depth_sr_ros.synthetic.textures import SIZE, texture_bank

THIN = ("rod", "blob", "ring", "lattice", "foliage")
FAR = 1e6  # metres; "nothing hit"
TEXTURES = 21  # in a bank
SHADOW_SIZE = 256  # pixels per axis of the shadow map


@dataclass(frozen=True)
class Scene:
    """A batch of B scenes with N object slots each; lengths in metres, camera frame: x right, y down, z forward.

    Attributes:
        to_local: (B, N, 3, 3) linear part of world -> object, where the object has unit size.
        offset: (B, N, 3) translation of world -> object.
        centre, radius: (B, N, 3), (B, N) bounding sphere in the world; radius 0 means the slot is empty.
        shape: (B, N, 8) parameters of the outline and the relief, by kind of shape.
        size: (B, N, 3) half extents in metres, so that textures have a density in metres.
        texture: (B, N) index into `bank`; `tiling`: (B, N) tiles a metre; `tint`: (B, N, 3) factor; `gloss`: (B, N).
        light: (B, 3) unit vector to the light; `ambient`: (B,) share of light from everywhere; `shadow`: (B,) depth of
            cast shadows, 0 to 1.
        bank: (K, 3, SIZE, SIZE) textures, shared by the batch.
    """

    to_local: Tensor
    offset: Tensor
    centre: Tensor
    radius: Tensor
    shape: Tensor
    size: Tensor
    texture: Tensor
    tiling: Tensor
    tint: Tensor
    gloss: Tensor
    light: Tensor
    ambient: Tensor
    shadow: Tensor
    bank: Tensor

    def to(self, device: torch.device | str) -> "Scene":
        """Return the scene on another device."""
        return replace(self, **{field.name: getattr(self, field.name).to(device) for field in fields(self)})


@dataclass(frozen=True)
class Furnishing:
    """What a room is furnished with.

    Attributes:
        smallest, largest: half the width of an object at most, in distances from the camera, before shapes stretch it.
        spread: how far objects' centres lie from the optical axis at most, horizontally and vertically, in distances.
        thin: share of the thin and ragged objects that is left.
    """

    smallest: float = 0.02
    largest: float = 0.225
    spread: tuple[float, float] = (0.55, 0.45)
    thin: float = 1.0


@dataclass(frozen=True)
class Hits:
    """First hits of a grid of rays: t (B, H, W), slot (B, H, W) long, uv (B, 2, H, W) metres, normal (B, 3, H, W)."""

    t: Tensor
    slot: Tensor
    uv: Tensor
    normal: Tensor


def random_scene(
    generator: torch.Generator, batch: int = 1, bank: Tensor | None = None, furnishing: Furnishing = Furnishing()
) -> Scene:
    """Make up `batch` scenes. `generator` is a CPU generator: the same seed gives the same scenes on any device."""
    bank = texture_bank(TEXTURES, generator) if bank is None else bank
    count = len(SLOTS)

    def rand(*shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * torch.rand(batch, *shape, generator=generator)

    depth = 0.7 * (5.5 / 0.7) ** rand(count)  # metres, log-uniform
    view = torch.stack([rand(count, low=-spread, high=spread) for spread in furnishing.spread], -1)
    centre = torch.cat((view * depth[..., None], depth[..., None]), -1)
    size = depth[..., None] * furnishing.smallest * (furnishing.largest / furnishing.smallest) ** rand(count, 3)
    rotation = _random_rotations(rand(count, 4, low=-1.0, high=1.0))
    present = rand(count) < rand(1, low=0.1, high=0.75)
    if furnishing.thin < 1:
        present = present & ((rand(count) < furnishing.thin) | torch.tensor([kind not in THIN for kind in SLOTS]))
    centre, size, rotation, present = _place_slots(centre, size, rotation, present, rand)
    to_local = rotation.transpose(-1, -2) / size[..., None]
    radius = torch.where(present, size.norm(dim=-1), 0.0)
    radius[:, [i for i, kind in enumerate(SLOTS) if kind == "plane"]] = FAR
    radius = torch.where(present, radius, 0.0)
    texture = torch.randint(len(bank), (batch, count), generator=generator)
    tint = 0.35 + 0.9 * rand(count, 1) + 0.15 * (rand(count, 3) - 0.5)
    same = rand(count) < 0.15  # depth edges without colour edges: painted as the wall behind
    texture = torch.where(same, texture[:, :1], texture)
    tint = torch.where(same[..., None], tint[:, :1], tint)
    light = F.normalize(torch.stack((rand(low=-1, high=1), rand(low=-1.5, high=-0.2), rand(low=-1.5, high=0.3)), -1), dim=-1)
    return Scene(
        to_local=to_local,
        offset=-(to_local @ centre[..., None])[..., 0],
        centre=centre,
        radius=radius,
        shape=rand(count, 8),
        size=size,
        texture=texture,
        tiling=0.25 * (3.0 / 0.25) ** rand(count),
        tint=tint,
        gloss=rand(count) ** 3,
        light=light,
        ambient=rand(low=0.25, high=0.9),
        shadow=rand() * (rand() < 0.7),
        bank=bank,
    )


def _place_slots(centre: Tensor, size: Tensor, rotation: Tensor, present: Tensor, rand):
    """Give walls, floor, rods and plates the places and proportions that make them such."""
    centre, size, rotation, present = (tensor.clone() for tensor in (centre, size, rotation, present))
    for slot, kind in enumerate(SLOTS):
        if kind == "plane":
            centre[:, slot], rotation[:, slot], present[:, slot] = _room_side(slot, rand)
            size[:, slot] = 1.0
        elif kind == "rod":
            size[:, slot, :2] = centre[:, slot, 2:] * 0.0015 * (8.0 ** rand(1))
            size[:, slot, 2] = centre[:, slot, 2] * rand(low=0.1, high=0.7)
        elif kind in ("rectangle", "blob", "lattice", "ring", "foliage"):
            size[:, slot] = size[:, slot] * 1.5
            size[:, slot, 2] = size[:, slot, :2].mean(-1)
            facing = torch.eye(3)[None] + 0.0 * rotation[:, slot]
            tilted = _random_rotations(torch.cat((rand(1, low=0.8, high=1.0), rand(3, low=-0.35, high=0.35)), -1))
            rotation[:, slot] = torch.where(rand(1, 1) < 0.75, facing @ tilted, rotation[:, slot])
    return centre, size, rotation, present


def _room_side(slot: int, rand) -> tuple[Tensor, Tensor, Tensor]:
    """A point of the plane, a rotation whose third column is its normal, and whether it is there; slot 0 always is."""
    normals = torch.tensor([[0.0, 0.0, -1.0], [0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    distance = (rand(low=1.5, high=6.0), rand(low=0.4, high=1.6), *(rand(low=0.6, high=3.0) for _ in range(3)))[slot]
    point = -normals[slot] * distance[:, None]
    helper = torch.tensor([0.0, 1.0, 0.0]) if abs(normals[slot][1]) < 0.5 else torch.tensor([1.0, 0.0, 0.0])
    across = torch.linalg.cross(helper, normals[slot])
    frame = torch.stack((across, torch.linalg.cross(normals[slot], across), normals[slot]), -1)
    slant = 0.45 if slot == 0 else 0.12
    tilt = _random_rotations(torch.cat((rand(1, low=0.95, high=1.0), rand(3, low=-slant, high=slant)), -1))
    there = torch.ones_like(distance, dtype=torch.bool) if slot == 0 else rand() < 0.55
    return point, tilt @ frame, there


def _random_rotations(quaternions: Tensor) -> Tensor:
    """(..., 4) any non-zero quaternions w x y z -> (..., 3, 3)."""
    w, x, y, z = F.normalize(quaternions, dim=-1).unbind(-1)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def pinhole_rays(height: int, width: int, focal: float, device: torch.device | str = "cpu") -> Tensor:
    """Return ray directions (3, H, W) with z = 1, for square pixels and the principal point in the centre."""
    rows = (torch.arange(height, device=device) - (height - 1) / 2) / focal
    columns = (torch.arange(width, device=device) - (width - 1) / 2) / focal
    return torch.stack((columns.expand(height, -1), rows[:, None].expand(-1, width), torch.ones(height, width, device=device)))


def render(
    scene: Scene, height: int, width: int, focal: float, pose: tuple[Tensor, Tensor] | None = None
) -> tuple[Tensor, Tensor]:
    """Take a picture.

    Args:
        scene: B scenes.
        height, width: of the picture, in pixels.
        focal: length in pixels.
        pose: rotation (3, 3) camera -> world and position (3,) of the camera; None: at the origin.

    Returns:
        Colour (B, 3, H, W) in [0, 1], and depth (B, 1, H, W) in metres along the optical axis.
    """
    device = scene.centre.device
    rotation, position = pose if pose is not None else (torch.eye(3), torch.zeros(3))
    rotation, position = rotation.to(device), position.to(device)
    directions = torch.einsum("ij,jhw->ihw", rotation, pinhole_rays(height, width, focal, device))
    windows = _windows(scene, height, width, focal, rotation, position)
    hits = _trace(scene, position[:, None, None], directions, windows)
    points = position[:, None, None] + hits.t[:, None] * directions
    lit = 1 - scene.shadow[:, None, None] * _shadowed(scene, points)
    return _shade(scene, hits, directions, lit), hits.t[:, None]


def _windows(scene: Scene, height: int, width: int, focal: float, rotation: Tensor, position: Tensor):
    """The pixels that each object can cover, as (top, bottom, left, right), or None for the whole picture.

    Only for a single scene on a CPU: elsewhere the whole grid at once is faster than asking where objects are.
    """
    if scene.centre.shape[0] > 1 or scene.centre.is_cuda:
        return None
    centre = (scene.centre[0] - position) @ rotation
    windows = []
    for (x, y, z), radius in zip(centre.tolist(), scene.radius[0].tolist()):
        if radius == 0 or z < -radius:
            windows.append((0, 0, 0, 0))
        elif radius >= FAR or z < 1.2 * radius:
            windows.append((0, height, 0, width))
        else:
            reach = radius / (z - radius) * focal * 1.1 + 1
            row, column = y / z * focal + height / 2, x / z * focal + width / 2
            slack = (abs(x) + abs(y)) / z * reach  # off-axis spheres project to ellipses
            windows.append(_clip(row, column, reach + slack, height, width))
    return windows


def _clip(row: float, column: float, reach: float, height: int, width: int) -> tuple[int, int, int, int]:
    top, bottom = max(0, int(row - reach)), min(height, int(row + reach) + 1)
    left, right = max(0, int(column - reach)), min(width, int(column + reach) + 1)
    return (top, bottom, left, right) if top < bottom and left < right else (0, 0, 0, 0)


def _trace(scene: Scene, origins: Tensor, directions: Tensor, windows) -> Hits:
    """First hits. `origins` and `directions` broadcast to (B, 3, H, W); directions need not have unit length."""
    batch, count = scene.radius.shape
    height, width = torch.broadcast_shapes(origins.shape[-2:], directions.shape[-2:])
    device = scene.centre.device
    t = torch.full((batch, height, width), FAR, device=device)
    slots = torch.zeros((batch, height, width), dtype=torch.long, device=device)
    uv = torch.zeros((batch, 2, height, width), device=device)
    normal = torch.zeros((batch, 3, height, width), device=device)
    normal[:, 2] = -1
    for slot in range(count):
        top, bottom, left, right = windows[slot] if windows is not None else (0, height, 0, width)
        if top == bottom:
            continue
        area = (..., slice(top, bottom), slice(left, right))
        origin = origins[area] if origins.shape[-1] > 1 else origins
        direction = directions[area] if directions.shape[-1] > 1 else directions
        matrix = scene.to_local[:, slot]
        local_origin = _apply(matrix, origin) + scene.offset[:, slot, :, None, None]
        local_direction = _apply(matrix, direction)
        hit_t, hit_uv, hit_normal = INTERSECT[SLOTS[slot]](
            local_origin, local_direction, scene.shape[:, slot], scene.size[:, slot]
        )
        nearer = (hit_t < t[area]) & (hit_t > 0.05) & (scene.radius[:, slot, None, None] > 0)
        t[area] = torch.where(nearer, hit_t, t[area])
        slots[area] = torch.where(nearer, slot, slots[area])
        uv[area] = torch.where(nearer[:, None], hit_uv, uv[area])
        world_normal = _apply(matrix.transpose(-1, -2), hit_normal)
        normal[area] = torch.where(nearer[:, None], world_normal, normal[area])
    return Hits(t, slots, uv, F.normalize(normal, dim=1))


def _apply(matrix: Tensor, vectors: Tensor) -> Tensor:
    """(B, 3, 3) times (3, h, w) or (B, 3, h, w) -> (B, 3, h, w)."""
    vectors = vectors if vectors.dim() == 4 else vectors[None]
    flat = vectors.flatten(2).expand(matrix.shape[0], -1, -1)
    return (matrix @ flat).unflatten(2, vectors.shape[-2:])


def _shadowed(scene: Scene, points: Tensor) -> Tensor:
    """Whether something stands between each point (B, 3, H, W) and the light, (B, H, W) in [0, 1], soft by a pixel.

    A shadow map: the scene is cast once along parallel rays from the light, at SHADOW_SIZE pixels per axis.
    """
    batch = points.shape[0]
    helper = torch.tensor([0.3, 0.9, 0.3], device=points.device).expand(batch, 3)
    across = F.normalize(torch.linalg.cross(helper, scene.light), dim=-1)
    along = torch.linalg.cross(scene.light, across)
    near = points.clamp(-8, 8).flatten(2)
    plane = torch.stack((across, along), 1) @ near  # (B, 2, P) metres
    low, high = plane.amin(-1), plane.amax(-1)
    span = (high - low).clamp(min=1e-3)
    steps = (torch.arange(SHADOW_SIZE, device=points.device) + 0.5) / SHADOW_SIZE
    start = 12.0  # metres towards the light, beyond everything
    origins = (
        (low[:, :1] + span[:, :1] * steps)[:, None, None, :] * across[:, :, None, None]
        + (low[:, 1:] + span[:, 1:] * steps)[:, None, :, None] * along[:, :, None, None]
        + start * scene.light[:, :, None, None]
    )
    windows = _shadow_windows(scene, across, along, low, span)
    blockers = _trace(scene, origins, -scene.light[:, :, None, None], windows).t
    grid = ((plane - low[..., None]) / span[..., None] * 2 - 1).transpose(1, 2)[:, None]
    nearest = F.grid_sample(blockers[:, None], grid, align_corners=False, padding_mode="border")[:, 0, 0]
    distance = start - (scene.light[:, None] @ near)[:, 0]
    return (nearest < distance - 0.05).float().view_as(points[:, 0])


def _shadow_windows(scene: Scene, across: Tensor, along: Tensor, low: Tensor, span: Tensor):
    """As `_windows`, for the shadow map. The room's sides throw no shadow: light has to come in."""
    open_sides = [(0, 0, 0, 0) if kind == "plane" else (0, SHADOW_SIZE, 0, SHADOW_SIZE) for kind in SLOTS]
    if scene.centre.shape[0] > 1 or scene.centre.is_cuda:
        return open_sides
    windows = []
    for slot, kind in enumerate(SLOTS):
        radius = scene.radius[0, slot].item()
        if kind == "plane" or radius == 0:
            windows.append((0, 0, 0, 0))
            continue
        centre = scene.centre[0, slot]
        column = ((centre @ across[0] - low[0, 0]) / span[0, 0]).item() * SHADOW_SIZE
        row = ((centre @ along[0] - low[0, 1]) / span[0, 1]).item() * SHADOW_SIZE
        windows.append(_clip(row, column, radius / span[0].min().item() * SHADOW_SIZE + 1, SHADOW_SIZE, SHADOW_SIZE))
    return windows


def texture_place(tiles: Tensor) -> tuple[Tensor, Tensor]:
    """Return the texel below a place, counted in tiles of a texture, and how far beyond it the place lies.

    The texel has a neighbour above it: it is at most SIZE - 2, also where the remainder of a tiny negative number is
    rounded to 1.

    Args:
        tiles: any shape, float.

    Returns:
        Whole numbers from 0 to SIZE - 2, and fractions from 0 to 1, of that shape.
    """
    place = (tiles % 1) * (SIZE - 1)
    low = place.floor().long().clamp(max=SIZE - 2)
    return low, place - low


def _shade(scene: Scene, hits: Hits, directions: Tensor, lit: Tensor) -> Tensor:
    """Colour (B, 3, H, W) of the hits: texture x tint x (ambient + diffuse) + gloss."""
    batch = torch.arange(len(scene.light), device=scene.light.device)[:, None, None]

    def of(values: Tensor) -> Tensor:
        return values[batch, hits.slot]

    low, fraction = texture_place(hits.uv * of(scene.tiling)[:, None])
    texture = of(scene.texture)
    flat = scene.bank.permute(0, 2, 3, 1).reshape(-1, 3)

    def texel(row: Tensor, column: Tensor) -> Tensor:
        return flat[(texture * SIZE + row) * SIZE + column]  # (B, H, W, 3)

    fx, fy = fraction[:, 0, ..., None], fraction[:, 1, ..., None]
    upper = texel(low[:, 1], low[:, 0]) * (1 - fx) + texel(low[:, 1], low[:, 0] + 1) * fx
    lower = texel(low[:, 1] + 1, low[:, 0]) * (1 - fx) + texel(low[:, 1] + 1, low[:, 0] + 1) * fx
    albedo = ((upper * (1 - fy) + lower * fy) * of(scene.tint)).permute(0, 3, 1, 2)
    view = F.normalize(directions, dim=-3)
    normal = hits.normal * -(hits.normal * view).sum(1, keepdim=True).sign()  # facing the camera
    light = scene.light[:, :, None, None]
    facing = (normal * light).sum(1, keepdim=True)
    diffuse = facing.clamp(min=0) * lit[:, None]
    mirrored = ((2 * facing * normal - light) * -view).sum(1, keepdim=True).clamp(min=0)
    gloss = of(scene.gloss)[:, None] * mirrored**20 * lit[:, None] * 0.6
    ambient = scene.ambient[:, None, None, None]
    return (albedo * (ambient + (1.3 - ambient) * diffuse) + gloss).clamp(0, 1)
