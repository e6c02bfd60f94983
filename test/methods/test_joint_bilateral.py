"""The joint bilateral filter of a cost volume, against sums over the window that are written out."""

import numpy as np
import pytest
import torch

from depth_sr_ros import Upsampler
from depth_sr_ros.methods import joint_bilateral
from depth_sr_ros.methods.layers import resize_bicubic, upsample_bicubic
from depth_sr_ros.methods.registry import load_method, methods_at


def example(scale, height, width, batch=1, seed=0):
    """Guides of a few colours with some noise, and depths that hardly follow them."""
    generator = torch.Generator().manual_seed(seed)
    colours = torch.rand(batch, 3, 4, 5, generator=generator)
    guide = torch.nn.functional.interpolate(colours, (scale * height, scale * width)) * 0.9
    guide += 0.1 * torch.rand(guide.shape, generator=generator)
    return guide, torch.rand(batch, 1, height, width, generator=generator)


def edge(scale=8, side=8, column=34):
    """A guide and a depth that step at one column, which an LR pixel sees half of."""
    guide = torch.zeros(1, 3, scale * side, scale * side)
    guide[..., column:] = 1
    return guide, resize_bicubic(guide[:, :1], (side, side))


def by_cost_volume(guide, depth, scale):
    """(3, H, W), (h, w) -> (H, W): every cost of every hypothesis at every pixel, its minimum, and the parabola's."""
    image = upsample_bicubic(torch.from_numpy(depth)[None, None], scale)[0, 0].double().numpy()
    guide, low, high = guide.astype(np.float64), float(depth.min()), float(depth.max())
    image = ((image - low) / (high - low)).clip(0, 1)
    step = 1 / 30
    hypotheses = step * np.arange(-1, 32)  # of which the first and the last are no answers
    stride = {2: 1, 3: 1, 4: 1, 8: 1, 9: 2, 16: 2}[scale]
    reach = range(-(scale // stride) * stride, scale + 1, stride)
    height, width = image.shape
    out = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            costs = np.zeros(33)
            for v in reach:
                for u in reach:
                    if 0 <= y + v < height and 0 <= x + u < width:
                        colour = np.abs(guide[:, y + v, x + u] - guide[:, y, x]).mean()
                        weight = np.exp(-np.sqrt(u * u + v * v) / (0.5 * scale)) * np.exp(-colour / 0.15)
                        costs += weight * np.minimum(0.05**2, (hypotheses - image[y + v, x + u]) ** 2)
            best = 1 + costs[1:-1].argmin()
            before, cost, after = costs[best - 1 : best + 2]
            out[y, x] = hypotheses[best] - step * (after - before) / (2 * (after + before - 2 * cost))
    return low + (high - low) * out.clip(0, 1)


@pytest.mark.parametrize(("scale", "height", "width"), [(2, 5, 7), (3, 4, 3), (4, 3, 4), (8, 2, 3), (9, 2, 1), (16, 1, 2)])
def test_it_is_the_minimum_of_the_filtered_cost_volume(scale, height, width):
    guide, depth = example(scale, height, width)
    found = load_method("joint_bilateral", scale)(guide, depth)[0, 0].numpy()
    assert np.abs(found - by_cost_volume(guide[0].numpy(), depth[0, 0].numpy(), scale)).max() < 1e-4


@pytest.mark.parametrize(("scale", "height", "width"), [(2, 1, 1), (8, 1, 9), (5, 7, 2), (32, 2, 1)])
def test_any_size_gives_scale_times_that_size_within_the_range(scale, height, width):
    guide, depth = example(scale, height, width)
    found = load_method("joint_bilateral", scale)(guide, depth)
    assert found.shape == (1, 1, scale * height, scale * width)
    assert depth.min() - 1e-6 <= found.min() and found.max() <= depth.max() + 1e-6


def test_the_unit_of_depth_makes_no_difference():
    guide, depth = example(4, 5, 6)
    method = load_method("joint_bilateral", 4)
    assert torch.allclose(method(guide, 300 + 50 * depth), 300 + 50 * method(guide, depth), atol=0.01)


@pytest.mark.parametrize("value", [0.0, 0.7, float("nan")])
def test_a_depth_without_a_range_stays_what_it_is(value):
    guide, depth = example(4, 5, 6)
    found = load_method("joint_bilateral", 4)(guide, torch.full_like(depth, value))
    assert torch.allclose(found, torch.full_like(found, value), equal_nan=True)


def test_an_edge_is_where_the_guide_has_it():
    guide, depth = edge()
    error = {
        name: (load_method(name, 8)(guide, depth) - guide[:, :1]).square().mean().item()
        for name in ("bicubic", "guided_filter", "joint_bilateral")
    }
    assert error["joint_bilateral"] < 0.4 * error["guided_filter"] < 0.4 * error["bicubic"]


def test_a_slope_stays_a_slope():
    """Without the parabola there would be 31 steps."""
    depth = torch.linspace(0, 1, 64).expand(1, 1, 8, 64)
    found = load_method("joint_bilateral", 2)(torch.full((1, 3, 16, 128), 0.5), depth)[0, 0]
    assert (found[:, 8:-8] - upsample_bicubic(depth, 2)[0, 0, :, 8:-8]).abs().max() < 1e-3


def test_it_is_a_baseline_of_any_scale():
    assert all("joint_bilateral" in methods_at(scale) for scale in (2, 7, 32))
    assert not joint_bilateral.JointBilateral.learned


def test_frames_pass_through_it():
    rgb = np.zeros((48, 64, 3), np.uint8)
    rgb[:, 28:] = 255
    depth = np.full((6, 8), 1000, np.uint16)
    depth[:, 4:] = 2000
    depth[2, 2] = 0
    result = Upsampler("joint_bilateral", 8)(rgb, depth)
    assert np.isnan(result.depth[16:24, 16:24]).all() and not np.isnan(result.depth).all()
    assert abs(result.depth[4, 4] - 1) < 0.01 and abs(result.depth[4, 60] - 2) < 0.01
