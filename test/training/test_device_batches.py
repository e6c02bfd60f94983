"""Batches that are made on the device of the network; here the CPU stands for it, where there is a GPU that too."""

from itertools import islice

import pytest
import torch
from torch.nn.functional import avg_pool2d

from depth_sr_ros.training.degradations import Degradation
from depth_sr_ros.training.device_batches import BYTES_PER_SCENE, DeviceBatches, Scenes, fits
from depth_sr_ros.training.scene_pool import ScenePool

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU"))]


@pytest.fixture(scope="module", params=DEVICES)
def scenes(request, pool) -> Scenes:
    return Scenes(ScenePool(1, pool), 3, workers=0, device=torch.device(request.param))


def batches(scenes: Scenes, first: int = 0, amount: Degradation = Degradation(), scales=(4, 8)) -> DeviceBatches:
    return DeviceBatches(scenes, scales, 4, 64, 1, amount, first, 6)


def test_batches_are_the_same_wherever_a_run_goes_on(scenes):
    whole, rest = list(batches(scenes)), list(batches(scenes, first=4))
    assert len(whole) == 6 and len(rest) == 2
    for a, b in zip(whole[4:], rest):
        assert all(torch.equal(one, other) for one, other in zip(a, b))
    assert not torch.equal(whole[0][2], whole[2][2])


def test_scales_take_turns_and_values_are_normalised(scenes):
    for number, (guide, lr_depth, ground_truth) in enumerate(batches(scenes)):
        side = 64 // (4, 8)[number % 2]
        assert guide.shape == (4, 3, 64, 64) and lr_depth.shape == (4, 1, side, side) and ground_truth.shape == (4, 1, 64, 64)
        assert guide.min() >= 0 and guide.max() <= 1
        assert ground_truth.min() >= 0 and ground_truth.max() <= 1 and lr_depth.isfinite().all()


def test_crops_are_pieces_of_the_scenes(scenes):
    generator = torch.Generator(scenes.depth.device).manual_seed(0)
    for guide, depth in zip(*scenes.crops(5, 48, generator)):
        found = [
            (depth[0] == scene[top : top + 48, left : left + 48]).all().item()
            and torch.equal((guide * 255).round().byte().permute(1, 2, 0), rgb[top : top + 48, left : left + 48])
            for scene, rgb in zip(scenes.depth, scenes.rgb)
            for top, left in (scene.unfold(0, 48, 1).unfold(1, 48, 1)[..., 0, 0] == depth[0, 0, 0]).nonzero().tolist()
        ]
        assert any(found)


def test_each_image_of_a_batch_is_degraded_in_its_own_way(scenes):
    """Half of the LR depths are block means; a range is compressed in every image or in none, and differently."""
    amount = Degradation(sensor_chance=0.5, sensor_noise=0, partial_chance=0.5)
    samples = list(islice(batches(scenes, amount=amount, scales=(8,)), 4))
    is_mean = [
        (lr_depth - avg_pool2d(ground_truth, 8)).abs().amax((1, 2, 3)) < 1e-5 for _, lr_depth, ground_truth in samples
    ]  # fmt: skip
    spans = torch.cat([ground_truth.amax((1, 2, 3)) - ground_truth.amin((1, 2, 3)) for *_, ground_truth in samples])
    assert 0 < torch.cat(is_mean).sum() < 16
    assert 0 < (spans < 0.999).sum() < 16 and len(spans[spans < 0.999].unique()) > 1


@pytest.mark.parametrize(
    ("amount", "memory", "expected"),
    [
        (Degradation(), 25 * BYTES_PER_SCENE, True),
        (Degradation(), 15 * BYTES_PER_SCENE, False),
        (Degradation(tof_chance=0.1), 25 * BYTES_PER_SCENE, False),
        (Degradation(hole_chance=0.1), 25 * BYTES_PER_SCENE, False),
    ],
)
def test_a_gpu_makes_batches_where_it_can(amount, memory, expected):
    assert fits(10, amount, memory) is expected
