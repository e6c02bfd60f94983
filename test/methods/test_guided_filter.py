"""The guided filter: a linear regression in every window."""

import numpy as np
import pytest
import torch
from small_methods import smooth_pair

from depth_sr_ros.methods import guided_filter
from depth_sr_ros.methods.layers import resize_bicubic
from depth_sr_ros.methods.registry import load_method


def filtered_by_least_squares(guide, image, radius, epsilon):
    """Eqs. 14 to 16, one linear regression a window; guide (3, H, W), image (H, W); mirrored at the border."""
    height, width = image.shape

    def line(centre, size):
        i = np.arange(centre - radius, centre + radius + 1)
        return np.where(i < 0, -1 - i, np.where(i >= size, 2 * size - 1 - i, i))

    def window(y, x):
        return np.ix_(line(y, height), line(x, width))

    models = np.zeros((height, width, 4))
    for y in range(height):
        for x in range(width):
            at = window(y, x)
            inputs, values = guide[(slice(None), *at)].reshape(3, -1).T, image[at].ravel()
            count = len(values)
            design = np.hstack((inputs, np.ones((count, 1))))
            ridge = np.diag([np.sqrt(epsilon * count)] * 3 + [0.0])  # mean of squares + epsilon |a|^2
            models[y, x] = np.linalg.lstsq(np.vstack((design, ridge)), np.r_[values, np.zeros(4)], rcond=None)[0]
    out = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            out[y, x] = models[window(y, x)].mean((0, 1)) @ np.r_[guide[:, y, x], 1]
    return out


def test_guided_filter_is_a_regression_in_every_window():
    guide, image = torch.rand(1, 3, 9, 12, dtype=torch.float64), torch.rand(1, 1, 9, 12, dtype=torch.float64)
    expected = filtered_by_least_squares(guide[0].numpy(), image[0, 0].numpy(), 2, 0.01)
    assert np.abs(guided_filter.guided_filter(guide, image, 2, 0.01)[0, 0].numpy() - expected).max() < 1e-9


@pytest.mark.parametrize(("scale", "height", "width"), [(8, 6, 7), (4, 3, 9), (8, 1, 2)])
def test_guided_filter_is_the_same_with_and_without_opencvs(scale, height, width, monkeypatch):
    if guided_filter._opencv_guided_filter() is None:
        pytest.skip("this OpenCV has no ximgproc")
    method, inputs = load_method("guided_filter", scale), smooth_pair(scale, height, width, batch=2)
    native = method(*inputs)
    monkeypatch.setattr(guided_filter, "_opencv_guided_filter", lambda: None)
    assert (native - method(*inputs)).abs().max() < 1e-4


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_guided_filter_takes_half_precision_without_opencv(dtype, monkeypatch):
    method, (guide, depth) = load_method("guided_filter", 4), smooth_pair(4, 5, 6)
    exact = method(guide, depth)
    monkeypatch.setattr(guided_filter, "_opencv_guided_filter", lambda: None)
    half = method(guide.to(dtype), depth.to(dtype))
    assert half.dtype == dtype and (half.float() - exact).abs().mean() < 0.05 * exact.std()


def test_guided_filter_lets_gradients_through_to_either_image():
    method, (guide, depth) = load_method("guided_filter", 4), smooth_pair(4, 5, 6)
    method(guide.requires_grad_(), depth).sum().backward()
    assert guide.grad.abs().max() > 0


def test_guided_filter_follows_an_edge_that_the_bicubic_image_blurs():
    guide = torch.zeros(1, 3, 64, 64)
    guide[..., 36:] = 1
    depth = resize_bicubic(guide[:, :1], (8, 8))
    error = {
        name: (load_method(name, 8)(guide, depth) - guide[:, :1]).square().mean().item()
        for name in ("bicubic", "guided_filter")
    }
    assert error["guided_filter"] < 0.6 * error["bicubic"]
