"""Generated scenes: exact geometry, the same on every path, and worth learning from."""

from dataclasses import fields, replace

import pytest
import torch

from depth_sr_ros.synthetic import scenes
from depth_sr_ros.synthetic.shapes import INTERSECT, MISS
from depth_sr_ros.synthetic.textures import SIZE, texture_bank

SIDE = 72
FOCAL = 80.0


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def bank():
    return texture_bank(3, seeded(0))


def picture(seed: int, bank, **options):
    return scenes.render(scenes.random_scene(seeded(seed), bank=bank), SIDE, SIDE, FOCAL, **options)


SURFACES = {  # zero on the surface
    "ellipsoid": lambda p: p.norm(dim=1) - 1,
    "box": lambda p: p.abs().amax(1) - 1,
    "cylinder": lambda p: torch.maximum(p[:, :2].norm(dim=1), p[:, 2].abs()) - 1,
    "cone": lambda p: torch.maximum(p[:, :2].norm(dim=1) - (0.5 + 0.5 * p[:, 2]), p[:, 2].abs() - 1),
}


@pytest.mark.parametrize("kind", SURFACES)
def test_rays_meet_the_first_point_of_a_solid(kind):
    """Marching along each ray in small steps finds the same surface, or nothing where there is none."""
    generator = seeded(3)
    origin = torch.randn(1, 3, 1, 1, generator=generator)
    origin = 3 * origin / origin.norm()
    target = 1.2 * torch.randn(1, 3, 24, 24, generator=generator)
    direction = target - origin
    t, _, normal = INTERSECT[kind](origin, direction, torch.rand(1, 8), torch.ones(1, 3))
    steps = torch.linspace(0, 4, 4001)
    marched = torch.stack([SURFACES[kind](origin + step * direction) for step in steps])  # (steps, 1, 24, 24)
    inside = marched < 0
    first = torch.where(inside.any(0), steps[inside.int().argmax(0)], MISS)
    clear = marched.amin(0).abs() > 1e-2  # rays that graze are either
    clear &= (t < steps[-1]) | (t == MISS)
    hit = clear & (first < MISS)
    assert hit.sum() > 50 and (clear & ~hit).sum() > 50
    assert torch.equal(t[clear] < MISS, first[clear] < MISS)
    assert (t[hit] - first[hit]).abs().max() < 2e-3
    assert SURFACES[kind](origin + t[:, None] * direction)[hit].abs().max() < 1e-4
    assert ((normal * direction).sum(1)[hit] < 0).all()  # outwards, towards the ray's origin


def test_the_same_seed_gives_the_same_picture(bank):
    first, again, other = picture(5, bank), picture(5, bank), picture(6, bank)
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[1], other[1])


@pytest.mark.parametrize("seed", range(6))
def test_windows_around_objects_change_nothing(seed, bank, monkeypatch):
    """The CPU's short cut, casting only what an object can cover, gives what casting everything gives."""
    quick = picture(seed, bank)
    monkeypatch.setattr(scenes, "_windows", lambda *_: None)
    monkeypatch.setattr(
        scenes,
        "_shadow_windows",
        lambda *_: [(0, 0, 0, 0) if kind == "plane" else (0, 256, 0, 256) for kind in scenes.SLOTS],
    )
    slow = picture(seed, bank)
    assert torch.equal(quick[1], slow[1])
    assert (quick[0] - slow[0]).abs().mean() < 1e-3


def test_a_batch_is_its_scenes(bank):
    batch = scenes.random_scene(seeded(9), batch=3, bank=bank)
    rgb, depth = scenes.render(batch, SIDE, SIDE, FOCAL)
    for one in range(3):
        split = {field.name: getattr(batch, field.name)[one : one + 1] for field in fields(batch) if field.name != "bank"}
        alone_rgb, alone_depth = scenes.render(replace(batch, **split), SIDE, SIDE, FOCAL)
        assert torch.allclose(depth[one], alone_depth[0], atol=1e-4)
        assert (rgb[one] - alone_rgb[0]).abs().mean() < 1e-3


def test_a_moved_camera_sees_the_same_world(bank):
    """Points seen from one place, projected into the view from another, lie on its surfaces or behind them."""
    scene = scenes.random_scene(seeded(2), bank=bank)
    _, here = scenes.render(scene, SIDE, SIDE, FOCAL)
    turn = torch.tensor(0.05)
    rotation = torch.tensor([[turn.cos(), 0, turn.sin()], [0, 1, 0], [-turn.sin(), 0, turn.cos()]])
    position = torch.tensor([0.06, -0.02, 0.03])
    _, there = scenes.render(scene, SIDE, SIDE, FOCAL, pose=(rotation, position))
    points = (scenes.pinhole_rays(SIDE, SIDE, FOCAL) * here[0]).flatten(1)
    x, y, z = rotation.T @ (points - position[:, None])
    column, row = (x / z * FOCAL + (SIDE - 1) / 2).round().long(), (y / z * FOCAL + (SIDE - 1) / 2).round().long()
    inside = (column >= 0) & (column < SIDE) & (row >= 0) & (row < SIDE)
    seen = there[0, 0][row[inside], column[inside]]
    relative = (z[inside] - seen) / seen
    assert (relative.abs() < 0.03).float().mean() > 0.85
    assert (relative < -0.03).float().mean() < 0.05  # nothing may float in front of what the other view saw


def test_depth_is_metric_and_complete(bank):
    for seed in range(4):
        rgb, depth = picture(seed, bank)
        assert rgb.shape == (1, 3, SIDE, SIDE) and depth.shape == (1, 1, SIDE, SIDE)
        assert rgb.min() >= 0 and rgb.max() <= 1
        assert depth.min() > 0.05 and depth.max() < 100  # slot 0, the far wall, is always there


def test_edges_of_depth_and_of_colour_differ(bank):
    """Both traps are there: colour edges on smooth depth, and depth edges without a colour edge."""
    colour_only = depth_only = depth_edges = colour_edges = 0
    for seed in range(10):
        rgb, depth = picture(seed, bank)
        step = (depth[0, 0].diff(dim=1).abs() / depth[0, 0, :, 1:]) > 0.05
        colour = rgb[0].diff(dim=2).abs().amax(0)
        colour_only += ((colour > 0.15) & ~step).sum().item()
        depth_only += (step & (colour < 0.04)).sum().item()
        depth_edges, colour_edges = depth_edges + step.sum().item(), colour_edges + (colour > 0.15).sum().item()
    assert depth_edges > 500
    assert colour_only > 0.3 * colour_edges
    assert depth_only > 0.02 * depth_edges


@pytest.mark.parametrize("tiles", [0.0, -1e-9, 1 - 1e-8, 0.5, -3.25, 1e6])
def test_every_place_of_a_texture_has_a_next_texel(tiles):
    low, fraction = scenes.texture_place(torch.tensor([tiles]))
    assert 0 <= low.item() <= SIZE - 2
    assert 0 <= fraction.item() <= 1
    assert (low + fraction).item() == pytest.approx(torch.tensor(tiles).remainder(1).item() * (SIZE - 1))


def test_shadows_darken_and_leave_depth_alone(bank):
    scene = scenes.random_scene(seeded(14), bank=bank)
    dark, depth = scenes.render(replace(scene, shadow=torch.ones(1), ambient=torch.full((1,), 0.2)), SIDE, SIDE, FOCAL)
    light, same = scenes.render(replace(scene, shadow=torch.zeros(1), ambient=torch.full((1,), 0.2)), SIDE, SIDE, FOCAL)
    assert torch.equal(depth, same)
    assert (dark <= light + 1e-6).all() and (dark < light - 0.05).any()


def test_a_room_is_furnished_as_asked():
    """Larger objects cover more of the picture; of the thin ones a share is left, and all others stay."""
    bank = torch.zeros(1, 3, 256, 256)
    plain = scenes.random_scene(seeded(3), batch=200, bank=bank)
    large = scenes.random_scene(seeded(3), batch=200, bank=bank, furnishing=scenes.Furnishing(largest=0.5))
    sparse = scenes.random_scene(seeded(3), batch=200, bank=bank, furnishing=scenes.Furnishing(thin=0.25))
    solid = [slot for slot, kind in enumerate(scenes.SLOTS) if kind == "box"]
    assert (large.size[:, solid] >= plain.size[:, solid]).all()
    assert large.size[:, solid].median() > 1.3 * plain.size[:, solid].median()
    thin = torch.tensor([kind in scenes.THIN for kind in scenes.SLOTS])
    there, left = (scene.radius > 0 for scene in (plain, sparse))
    assert left[:, thin].sum() / there[:, thin].sum() == pytest.approx(0.25, abs=0.03)
    assert torch.equal(left[:, solid], there[:, solid])
