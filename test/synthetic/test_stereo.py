"""The model of structured light and stereo."""

from dataclasses import replace

import pytest
import torch

from depth_sr_ros.synthetic.stereo import StereoSensor, measure_stereo, shadow

HEIGHT, WIDTH = 96, 128
IDEAL = StereoSensor(fattening=0, ragged=0, step=0, noise=0, lost_share=0)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def board(near: float = 1.0, far: float = 3.0) -> torch.Tensor:
    """A board before a wall: (H, W) metres."""
    depth = torch.full((HEIGHT, WIDTH), far)
    depth[30:70, 50:80] = near
    return depth


def test_an_ideal_camera_measures_what_both_views_see():
    measured = measure_stereo(board(), seeded(), IDEAL)
    seen = measured.isfinite()
    assert torch.allclose(measured[seen], board()[seen], rtol=1e-4)
    assert 0.9 < seen.float().mean() < 1


@pytest.mark.parametrize("side", [1, -1])
def test_the_shadow_is_as_wide_as_the_disparities_differ_and_on_one_side(side):
    measured = measure_stereo(board(), seeded(), replace(IDEAL, focal_baseline=side * 12.0))
    width = 12 / 1.0 - 12 / 3.0  # 8 pixels
    row = measured[50].isnan()
    columns = range(42, 50) if side > 0 else range(80, 88)
    assert row.sum() == width and row[list(columns)].all()
    assert not measured[10].isnan().any()


def test_a_slope_has_no_shadow():
    depth = torch.linspace(1, 2, WIDTH).expand(HEIGHT, WIDTH)
    assert not shadow(12 / depth).any() and not shadow(-12 / depth).any()


@pytest.mark.parametrize("fattening", [1, 3])
def test_the_foreground_grows(fattening):
    measured = measure_stereo(board(), seeded(), replace(IDEAL, focal_baseline=1.0, fattening=fattening))
    near = (measured < 2).float()
    assert near[50].sum() == 30 + 2 * fattening and near[:, 65].sum() == 40 + 2 * fattening


def test_edges_are_ragged_by_about_the_stated_deviation():
    depth = torch.full((400, 60), 3.0)
    depth[:, :30] = 1
    measured = measure_stereo(depth, seeded(), replace(IDEAL, focal_baseline=0.5, ragged=1.5))
    assert set(measured[measured.isfinite()].round(decimals=2).tolist()) == {1.0, 3.0}
    edge = (measured < 2).sum(1).float()
    assert edge.std().item() == pytest.approx(1.5, rel=0.4) and abs(edge.mean().item() - 30) < 1


@pytest.mark.parametrize(("metres", "step"), [(1.0, 0.0029), (2.0, 0.0115), (4.0, 0.046)])
def test_depth_steps_grow_with_the_square_of_depth_as_a_kinects(metres, step):
    depth = torch.linspace(metres, metres + 5 * step, WIDTH).expand(HEIGHT, WIDTH)
    measured = measure_stereo(depth, seeded(), replace(IDEAL, step=0.125))
    values = measured[measured.isfinite()].unique()
    assert 4 <= len(values) <= 8
    assert values.diff().mean().item() == pytest.approx(step, rel=0.15)


def test_noise_grows_with_the_square_of_depth():
    spread = [measure_stereo(torch.full((200, 200), z), seeded(), replace(IDEAL, noise=0.05)).std().item() for z in (1.0, 3.0)]
    assert spread[0] == pytest.approx(0.05 / 43.5, rel=0.1) and spread[1] / spread[0] == pytest.approx(9, rel=0.1)


def test_smoothing_makes_flying_pixels():
    sharp, smooth = (measure_stereo(board(), seeded(), replace(IDEAL, focal_baseline=1.0, smoothing=s)) for s in (0.0, 1.5))
    between = [((one > 1.1) & (one < 2.9)).sum().item() for one in (sharp, smooth)]
    assert between[0] == 0 and between[1] > 200


def test_what_is_lost_is_the_stated_share_and_lies_at_edges_first():
    lost = measure_stereo(board(), seeded(), replace(IDEAL, focal_baseline=0.1, lost_share=0.05)).isnan()
    assert lost.float().mean().item() == pytest.approx(0.05, abs=0.01)
    edge = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    edge[28:72, 48:82] = True
    edge[33:67, 53:77] = False
    assert lost[edge].float().mean() > 3 * lost[~edge].float().mean()


def test_nothing_returns_from_beyond_the_range():
    measured = measure_stereo(board(1.0, 6.0), seeded(), replace(IDEAL, focal_baseline=1.0, max_range=5.0))
    assert measured[10].isnan().all() and measured[50, 55:75].isfinite().all()


def test_the_same_seed_gives_the_same_picture():
    first, again, other = (measure_stereo(board(), seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first.nan_to_num(), again.nan_to_num()) and not torch.equal(first.nan_to_num(), other.nan_to_num())
