"""Samples that a sensor measured."""

from dataclasses import replace

import pytest
import torch

from depth_sr_ros.synthetic.sensors import TofSensor
from depth_sr_ros.synthetic.stereo import StereoSensor
from depth_sr_ros.training import samples
from depth_sr_ros.training.degradations import Degradation, degrade_guide, parallax
from depth_sr_ros.training.device_batches import fits
from depth_sr_ros.training.reductions import block_mean, block_median, decimated
from depth_sr_ros.training.samples import Samples, make_samples, random_stereo, random_tof

CLEAN = Degradation(
    shift=0, warp=0, jagged_chance=0, depth_blur_chance=0, guide_noise=0, grey_chance=0, sensor_chance=0, sensor_noise=0,
    disparity_chance=0, partial_chance=0,
)  # fmt: skip


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def room() -> tuple[torch.Tensor, torch.Tensor]:
    """A wall at 3 m with a board at 1.5 m before it: guide (1, 3, 64, 64) and depth (1, 1, 64, 64)."""
    depth = 3 + 0.01 * torch.arange(64.0).expand(1, 1, 64, 64).clone()
    depth[..., 20:44, 22:45] = 1.5
    return (depth / 4).expand(1, 3, 64, 64).contiguous(), depth


@pytest.mark.parametrize(
    ("entry", "reduce"), [("sensor_chance", block_mean), ("median_chance", block_median), ("decimated_chance", decimated)]
)
def test_a_sample_is_reduced_as_its_recipe_says(entry, reduce):
    amount = replace(CLEAN, **{entry: 1.0})
    _, lr_depth, ground_truth = make_samples(*room(), 8, amount, seeded())
    assert torch.allclose(lr_depth, reduce(ground_truth, 8), atol=1e-6)


def test_reductions_come_as_often_as_stated():
    guide, depth = (image.expand(400, -1, -1, -1) for image in room())
    amount = replace(CLEAN, sensor_chance=0.2, median_chance=0.3, decimated_chance=0.1)
    _, lr_depth, ground_truth = make_samples(guide, depth, 8, amount, seeded())
    for reduce, share in ((block_mean, 0.2), (block_median, 0.3), (decimated, 0.1)):
        found = (lr_depth - reduce(ground_truth, 8)).abs().amax((1, 2, 3)) < 1e-6
        assert found.float().mean().item() == pytest.approx(share, abs=0.07)


@pytest.mark.parametrize("disparity", [0.0, 1.0])
def test_what_stereo_measures_has_a_sharp_ground_truth_and_its_own_range(disparity):
    """The ground truth is near or far, nothing between, and NaN where the camera sees nothing; the LR depth has no holes."""
    amount = replace(CLEAN, stereo_chance=1.0, jagged_chance=1.0, depth_blur_chance=1.0, disparity_chance=disparity)
    for seed in range(4):
        _, lr_depth, ground_truth = make_samples(*room(), 8, amount, seeded(seed))
        assert lr_depth.isfinite().all() and lr_depth.min() == 0 and lr_depth.max() == pytest.approx(1, abs=1e-6)
        ordered = ground_truth[ground_truth.isfinite()].sort().values
        assert (ordered.diff() > 0.4).sum() == 1 and 0.01 < ground_truth.isnan().float().mean() < 0.4
        assert (ground_truth.nanmedian() - lr_depth.median()).abs() < 0.1


def test_the_foreground_is_as_large_as_the_stereo_camera_sees_it(monkeypatch):
    """Else a network would learn to shrink what a sensor calls near."""
    sensor = StereoSensor(focal_baseline=0.5, fattening=3, ragged=0, step=0, noise=0, lost_share=0)
    monkeypatch.setattr(samples, "random_stereo", lambda generator: sensor)
    _, _, ground_truth = make_samples(*room(), 8, replace(CLEAN, stereo_chance=1.0), seeded(2))
    near = (ground_truth < 0.3)[0, 0]
    assert sorted((near.any(0).sum().item(), near.any(1).sum().item())) == [23 + 6, 24 + 6]


def test_sensors_come_as_often_as_stated(pool):
    amount = replace(CLEAN, tof_chance=0.3, stereo_chance=0.5)
    exact = sum(torch.equal(make_samples(*room(), 8, amount, seeded(seed))[2].amax(), torch.tensor(1.0)) for seed in range(60))
    assert 8 <= exact <= 40  # 0.35 of them are reduced from the ground truth, and a few measured ones have the same range
    assert Samples(8, 64, 1, 2, 3, amount, pool)[0][1].isfinite().all()


def test_sensors_differ():
    assert len({random_stereo(seeded(seed)).ragged for seed in range(5)}) == 5
    sides = {random_stereo(seeded(seed)).focal_baseline > 0 for seed in range(20)}
    assert sides == {True, False} and isinstance(random_stereo(seeded()), StereoSensor)
    assert isinstance(random_tof(seeded()), TofSensor) and random_tof(seeded(1)).noise != random_tof(seeded(2)).noise


def test_what_is_near_moves_farther_and_takes_its_outline_along():
    nearness = torch.zeros(300, 1, 40, 40)
    nearness[..., 15:25, 15:25] = 1
    moved = parallax(nearness, 2.0, seeded())
    assert not moved[..., 0, 0].any() and torch.equal(moved[..., 20, 20], moved[..., 12, 12])
    assert moved[:, 1, 20, 20].std().item() == pytest.approx(2.0, rel=0.15)
    assert moved[:, 0, 20, 20].std().item() < moved[:, 1, 20, 20].std().item()


def test_a_guide_is_displaced_by_depth_only_where_asked():
    guide, depth = room()
    amount = replace(CLEAN, parallax=3.0)
    still = degrade_guide(guide, amount, seeded())
    assert torch.equal(still, degrade_guide(guide, CLEAN, seeded()))
    assert not torch.equal(
        make_samples(guide, depth, 8, amount, seeded())[0], make_samples(guide, depth, 8, CLEAN, seeded())[0]
    )


def test_a_stereo_cameras_pictures_are_made_on_the_cpu():
    assert fits(10, CLEAN, 1 << 30) and not fits(10, replace(CLEAN, stereo_chance=0.1), 1 << 30)
