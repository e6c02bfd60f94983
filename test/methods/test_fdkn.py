"""FDKN and what it shares with DKN, against its equations in plain loops."""

import numpy as np
import pytest
import torch
from references import (
    batch_norm,
    convolution,
    deformable_average,
    randomised,
    relu,
    shuffled,
    sigmoid,
    state_of,
    unshuffled,
)

from depth_sr_ros.methods.deformable import REACH, kernels_and_offsets, weighted_average
from depth_sr_ros.methods.deformable_cpu import weighted_average_cpu
from depth_sr_ros.methods.fdkn import FDKN
from depth_sr_ros.methods.layers import upsample_bicubic


def random_kernels(height, width, generator, batch=1):
    """Kernels, and offsets of which some lead beyond the reach and beyond the border."""
    kernels = torch.randn(batch, 9, height, width, generator=generator)
    offsets = 5 * torch.randn(batch, 18, height, width, generator=generator)
    return kernels, offsets


def test_weighted_average_is_equations_3_to_6():
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(1, 1, 13, 10, generator=generator)
    kernels, offsets = random_kernels(13, 10, generator)
    expected = deformable_average(image[0, 0].numpy(), kernels[0].numpy(), offsets[0].view(2, 9, 13, 10).numpy())
    assert np.abs(weighted_average(image, kernels, offsets)[0, 0].numpy() - expected).max() < 1e-5


def test_offsets_are_bounded_to_15_by_15_pixels():
    """A sample never comes from farther than 7 pixels, the neighbour's own place on the grid included."""
    image = torch.zeros(1, 1, 31, 31)
    image[0, 0, 15 - 8], image[0, 0, 15 + 8] = 1, 1  # just out of reach of the row in the middle
    kernels = torch.ones(1, 9, 31, 31)
    for sign in (-1, 1):
        offsets = torch.full((1, 18, 31, 31), sign * 100.0)
        averaged = weighted_average(image, kernels, offsets)[0, 0]
        assert averaged[15].abs().max() < 1e-5
        assert averaged[14 if sign < 0 else 16, 10].item() == pytest.approx(9, abs=1e-3)
    assert REACH == 7


def test_a_part_of_the_pixels_equals_the_whole_there():
    generator = torch.Generator().manual_seed(2)
    image = torch.rand(2, 1, 14, 11, generator=generator)
    kernels, offsets = random_kernels(14, 11, generator, batch=2)
    whole = weighted_average(image, kernels, offsets)
    for first in ((0, 0), (1, 3), (3, 2)):
        at = (..., slice(first[0], None, 4), slice(first[1], None, 4))
        assert torch.allclose(weighted_average(image, kernels[at], offsets[at], first, 4), whole[at], atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("height", "width"), [(12, 8), (13, 10), (5, 7), (1, 1)])
def test_the_compiled_loop_equals_the_reference(height, width, dtype):
    generator = torch.Generator().manual_seed(3)
    image = torch.rand(2, 1, height, width, generator=generator)
    places = (-(-height // 4), -(-width // 4))
    streams = [2 * torch.randn(2, *places, 27 * 16, generator=generator).to(dtype) for _ in range(2)]
    streams[0][0, 0, 0, ::5] = 100  # beyond what a logit or an offset can do
    streams[1][1, 0, 0, ::7] = -100
    joined = kernels_and_offsets(*(stream.float().permute(0, 3, 1, 2) for stream in streams))
    kernels, offsets = (torch.nn.functional.pixel_shuffle(part, 4)[..., :height, :width] for part in joined)
    found = weighted_average_cpu(image, *streams)
    assert torch.allclose(found, weighted_average(image, kernels, offsets), atol=1e-5)


def test_weighted_average_has_the_right_gradients():
    generator = torch.Generator().manual_seed(4)
    image = torch.rand(1, 1, 6, 5, generator=generator, dtype=torch.float64)
    kernels = torch.randn(1, 9, 6, 5, generator=generator, dtype=torch.float64)
    offsets = torch.rand(1, 18, 6, 5, generator=generator, dtype=torch.float64) * 0.8 + 0.1  # away from the kinks
    inputs = [tensor.requires_grad_() for tensor in (image, kernels, offsets)]
    assert torch.autograd.gradcheck(weighted_average, inputs)


def stream(image, state, name):
    """A column of table 2 in float64."""
    features = unshuffled(image, 4)
    for first in (0, 5, 10):
        prefix = f"{name}.features"
        features = convolution(features, state[f"{prefix}.{first}.weight"], state[f"{prefix}.{first}.bias"], 1)
        features = relu(batch_norm(features, state, f"{prefix}.{first + 1}"))
        features = convolution(features, state[f"{prefix}.{first + 3}.weight"], state[f"{prefix}.{first + 3}.bias"], 1)
        features = relu(features)
    return [
        convolution(features, state[f"{name}.{part}.weight"], state[f"{name}.{part}.bias"]) for part in ("weights", "offsets")
    ]


def test_the_network_is_table_2():
    generator = torch.Generator().manual_seed(5)
    method = randomised(FDKN(4, (4, 5, 6)), torch, generator)
    guide, depth = torch.rand(1, 3, 12, 8, generator=generator), torch.rand(1, 1, 3, 2, generator=generator)
    state = state_of(method)
    target = upsample_bicubic(depth, 4)[0].double().numpy()
    guide_weights, guide_offsets = stream(guide[0].double().numpy(), state, "guide")
    depth_weights, depth_offsets = stream(target, state, "depth")
    weights = shuffled(sigmoid(guide_weights) * sigmoid(depth_weights), 4)  # (9, 12, 8)
    offsets = shuffled(guide_offsets * depth_offsets, 4).reshape(2, 9, 12, 8)
    expected = deformable_average(target[0], weights - weights.mean(0), offsets)
    with torch.no_grad():
        found = method(guide, depth)[0, 0].numpy()
    assert np.abs(expected - target[0]).max() > 0.05  # the residual is not nothing
    assert np.abs(found - expected).max() < 1e-4


def test_kernels_sum_to_zero():
    method = FDKN(8, (4, 4, 4)).eval()
    with torch.no_grad():
        streams = method.predict(torch.rand(1, 3, 32, 24), torch.rand(1, 1, 4, 3))
    kernels, _ = kernels_and_offsets(*(stream.permute(0, 3, 1, 2) for stream in streams))
    assert torch.nn.functional.pixel_shuffle(kernels, 4).sum(1).abs().max() < 1e-5


def test_parameters_are_as_many_as_published():
    """0.69 M with a grey guide (table 7: 0.6 M); colour adds 32 input channels to the guide's first convolution."""
    count = sum(p.numel() for p in FDKN(8).parameters())
    assert count - 32 * 32 * 9 == pytest.approx(0.69e6, rel=0.01)
