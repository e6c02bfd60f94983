"""DADA's diffusion with adjustment, its compiled loops, and its networks."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from depth_sr_ros.methods import diffusion, diffusion_cpu
from depth_sr_ros.methods.base import Predictor
from depth_sr_ros.methods.dada import DADA
from depth_sr_ros.methods.dada_free import DADAFree
from depth_sr_ros.methods.layers import resize_bicubic, resize_matrix, upsample_bicubic

TINY = {"features": 3, "encoder_config": {"widths": (4, 6)}}
ADJUSTMENTS = ("average", "bicubic")


def example(height, width, scale, seed=0, batch=1):
    generator = torch.Generator().manual_seed(seed)
    guide = torch.rand(batch, 3, scale * height, scale * width, generator=generator)
    return guide, torch.rand(batch, 1, height, width, generator=generator)


def reduced(image, adjustment, scale):
    if adjustment == "average":
        return F.avg_pool2d(image, scale)
    return resize_bicubic(image, (image.shape[-2] // scale, image.shape[-1] // scale))


def flow_between(guide, p, n, kappa):
    """Eq. 2."""
    return kappa**2 / (kappa**2 + ((guide[:, p[0], p[1]] - guide[:, n[0], n[1]]) ** 2).sum())


def diffused_pixel_by_pixel(image, guide, kappa):
    """Eq. 1 with its sum over the four neighbours, lambda = 0.24."""
    height, width = image.shape
    out = image.copy()
    for y in range(height):
        for x in range(width):
            for n in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if 0 <= n[0] < height and 0 <= n[1] < width:
                    out[y, x] += 0.24 * (image[n] - image[y, x]) * flow_between(guide, (y, x), n, kappa)
    return out


def adjusted_pixel_by_pixel(image, source, known, scale):
    """Eq. 3, ratio 1 where the source is invalid."""
    out = image.copy()
    for row in range(source.shape[0]):
        for column in range(source.shape[1]):
            block = np.s_[row * scale : (row + 1) * scale, column * scale : (column + 1) * scale]
            if known[row, column]:
                out[block] *= source[row, column] / image[block].mean()
    return out


@pytest.mark.parametrize("has_hole", [False, True])
@pytest.mark.parametrize("iterations", [0, 1, 5])
def test_plain_iterations_are_equations_1_to_3(iterations, has_hole):
    guide, depth = example(3, 4, 3)
    if has_hole:
        depth[0, 0, 1, 2] = torch.nan
    source = depth[0, 0].double().numpy()
    known = ~np.isnan(source)
    filled = np.where(known, source, source[known].mean())
    lr_depth, span = filled.min(), np.ptp(filled)
    filled = (filled - lr_depth) / span + 1
    state = upsample_bicubic(torch.from_numpy(filled)[None, None], 3)[0, 0].numpy()
    state = adjusted_pixel_by_pixel(state, filled, known, 3)
    for _ in range(iterations):
        state = diffused_pixel_by_pixel(state, guide[0].double().numpy(), 0.3)
        state = adjusted_pixel_by_pixel(state, filled, known, 3)
    method = DADAFree(3, kappa=0.3, iterations=iterations, accelerated=False)
    found = method.sample(depth, *method.predict(guide, depth))[0, 0].numpy()
    assert np.abs(found - ((state - 1) * span + lr_depth)).max() < 1e-5


def test_accelerated_iterations_are_extrapolated_plain_ones():
    """FSI: u_k+1 = a F(u_k) + (1 - a) u_k-1 with a = (4k + 2) / (2k + 3)."""
    guide, depth = example(3, 4, 4)
    source, flow = diffusion.prepare(depth), diffusion.coefficients(guide, 0.3)
    adjust = diffusion.adjustment("average", source, 4)
    states = [adjust(upsample_bicubic(source.values, 4))] * 2
    for a in (2 / 3, 6 / 5, 10 / 7, 14 / 9):
        states.append(a * adjust(diffusion.diffuse(states[-1], flow)) + (1 - a) * states[-2])
    expected = states[-1] * source.span + source.base
    found = diffusion.diffuse_with_adjustment(source, flow, 4, "average", 4, 4, True)
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("adjustment", ADJUSTMENTS)
def test_both_ways_settle_at_the_same_image(adjustment):
    guide, depth = example(5, 4, 4)
    plain = DADAFree(4, 1.0, 6000, adjustment, accelerated=False)(guide, depth)
    fast = DADAFree(4, 1.0, 300, adjustment)(guide, depth)
    assert torch.allclose(plain, fast, atol=1e-3)
    assert (fast - upsample_bicubic(depth, 4)).abs().max() > 0.1


def test_bicubic_adjustment_is_the_nearest_image_that_reduces_to_the_source():
    _, depth = example(4, 5, 4)
    source = diffusion.prepare(depth)
    image = torch.rand(1, 1, 16, 20, generator=torch.Generator().manual_seed(2))
    operator = np.kron(resize_matrix(16, 4), resize_matrix(20, 5)).astype(np.float64)  # (20, 320)
    values, flat = source.values.double().numpy().ravel(), image.double().numpy().ravel()
    nearest = flat + np.linalg.lstsq(operator, values - operator @ flat, rcond=None)[0]
    found = diffusion.adjustment("bicubic", source, 4)(image)
    assert np.abs(found.numpy().ravel() - nearest).max() < 1e-5


@pytest.mark.parametrize("adjustment", ADJUSTMENTS)
@pytest.mark.parametrize("accelerated", [True, False])
@pytest.mark.parametrize("size", [(1, 1, 2), (7, 5, 3), (5, 9, 8), (3, 2, 16)])
def test_the_compiled_loops_equal_the_reference(adjustment, accelerated, size):
    guide, depth = example(*size, batch=2)
    depth[1, 0, -1, -1] = torch.nan if depth[1].numel() > 1 else 0.5
    method = DADAFree(size[2], 0.2, 25, adjustment, accelerated)
    flow = method.predict(guide, depth)
    expected = method.sample(depth, *flow)
    found = method.sample_cpu(depth, *flow)
    assert found.shape == (2, 1, size[0] * size[2], size[1] * size[2])
    assert torch.allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("adjustment", ADJUSTMENTS)
@pytest.mark.parametrize("iterations", [0, 1, 2, 13, 120, 2000])
def test_the_reduced_output_is_the_input_at_any_number_of_iterations(iterations, adjustment):
    guide, depth = example(6, 7, 8)
    depth = 0.4 + 3 * depth  # metres
    method = DADAFree(8, adjustment=adjustment)
    method.iterations = iterations
    for result in (method(guide, depth), method.sample(depth, *method.predict(guide, depth))):
        assert ((reduced(result, adjustment, 8) - depth).abs() / depth).max() < 1e-5


@pytest.mark.parametrize(("adjustment", "rounding", "settled"), [("average", 5e-8, 1e-4), ("bicubic", 3e-7, 1e-3)])
def test_consistency_holds_near_zero_and_in_any_unit(adjustment, rounding, settled):
    guide, depth = example(6, 7, 8)
    depth[0, 0, 0, 0], depth[0, 0, 3, 3] = 1e-3, 0
    for unit in (1e-3, 1.0, 1e4):
        result = DADAFree(8, adjustment=adjustment)(guide, unit * depth) / unit
        assert torch.allclose(reduced(result, adjustment, 8), depth, rtol=1e-4, atol=rounding)
        assert torch.allclose(result, DADAFree(8, adjustment=adjustment)(guide, depth), atol=settled)


def test_consistency_holds_where_neighbours_differ_most():
    guide, depth = example(20, 21, 2)
    depth = depth.round()
    for kappa in (1e-3, 0.1, 10.0):
        result = DADAFree(2, kappa)(guide, depth)
        assert (F.avg_pool2d(result, 2) - depth).abs().max() < 1e-5 and result.abs().max() < 10


def test_edges_of_the_guide_become_edges_of_the_depth():
    """An edge that crosses the LR pixels comes out where the guide has it."""
    ground_truth = torch.zeros(1, 1, 48, 48)
    ground_truth[..., 21:] = 1
    guide = torch.where(ground_truth > 0, 0.8, 0.3).expand(1, 3, -1, -1)
    found = DADAFree(8)(guide, F.avg_pool2d(ground_truth, 8))
    assert (found - ground_truth).abs().max() < 0.05
    assert (upsample_bicubic(F.avg_pool2d(ground_truth, 8), 8) - ground_truth).abs().max() > 0.3


@pytest.mark.parametrize("adjustment", ADJUSTMENTS)
def test_unknown_depth_is_filled_from_around_and_changes_nothing_else(adjustment):
    depth = torch.full((1, 1, 6, 6), 2.0)
    depth[..., 3:] = 4.0
    guide = torch.where(upsample_bicubic(depth, 4) > 3, 0.8, 0.3).expand(1, 3, -1, -1)
    holed = depth.clone()
    holed[0, 0, 2, 1] = torch.nan
    result = DADAFree(4, iterations=400, adjustment=adjustment)(guide, holed)
    known = ~holed.isnan()
    assert (reduced(result, adjustment, 4) - depth)[known].abs().max() < 1e-4
    assert (result[..., 8:12, 4:8] - 2).abs().max() < 0.15


def test_a_flat_depth_and_no_depth_at_all_stay_finite():
    guide, depth = example(3, 3, 4)
    assert torch.allclose(DADAFree(4)(guide, torch.full_like(depth, 1.5)), torch.tensor(1.5))
    assert DADAFree(4)(guide, torch.full_like(depth, torch.nan)).isfinite().all()


@pytest.mark.parametrize("adjustment", ADJUSTMENTS)
def test_gradients_of_the_diffusion_are_right(adjustment):
    guide, depth = (tensor.double() for tensor in example(2, 3, 3))
    kappa = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)

    def upsample(guide, kappa):
        flow = diffusion.coefficients(guide, kappa)
        return diffusion.diffuse_with_adjustment(diffusion.prepare(depth), flow, 3, adjustment, 4, 4, True)

    assert torch.autograd.gradcheck(upsample, (guide.requires_grad_(), kappa))


def test_only_the_last_iterations_carry_gradients():
    """As if the state before them were given."""
    guide, depth = example(3, 3, 4)
    source = diffusion.prepare(depth)
    flow = diffusion.coefficients(guide, 0.3).requires_grad_()
    diffusion.diffuse_with_adjustment(source, flow, 4, "average", 6, 2, False).square().sum().backward()
    adjust = diffusion.adjustment("average", source, 4)
    state = adjust(upsample_bicubic(source.values, 4))
    free = flow.detach().clone().requires_grad_()
    for step in range(6):
        state = adjust(diffusion.diffuse(state.detach() if step == 4 else state, free))
    diffusion.finished(state, source, 4, "average").square().sum().backward()
    assert torch.allclose(flow.grad, free.grad, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("iterations", "with_gradients"), [(1, 3), (2, 3), (9, 4), (25, 25)])
@pytest.mark.parametrize("accelerated", [True, False])
@pytest.mark.parametrize("size", [(1, 1, 2), (7, 5, 3), (5, 9, 8), (3, 2, 16)])
def test_the_compiled_gradients_equal_the_references(size, accelerated, iterations, with_gradients):
    guide, depth = example(*size, batch=2)
    source, numbers = diffusion.prepare(depth), (iterations, with_gradients, accelerated)
    outcomes = []
    for diffuse in (
        lambda flow: diffusion.diffuse_with_adjustment(source, flow, size[2], "bicubic", *numbers),
        lambda flow: diffusion_cpu.diffuse_with_gradients(source, flow, size[2], *numbers),
    ):
        flow = diffusion.coefficients(guide, 0.2).requires_grad_()
        result = diffuse(flow)
        (result * guide[:, :1]).sum().backward()
        outcomes.append((result, torch.zeros_like(flow) if flow.grad is None else flow.grad))
    (expected, gradient), (found, found_gradient) = outcomes
    assert torch.allclose(found, expected, atol=2e-5)
    assert torch.allclose(found_gradient, gradient, rtol=1e-3, atol=1e-5 + 1e-4 * gradient.abs().max())


def test_training_on_a_cpu_is_the_reference_with_holes_and_without():
    torch.manual_seed(0)
    method = DADA(4, iterations=20, gradient_iterations=8, adjustment="bicubic", **TINY).train()
    guide, depth = example(5, 6, 4, batch=2)
    holed = depth.clone()
    holed[0, 0, 2, 1] = torch.nan
    for lr_depth in (depth, holed):
        estimate, _ = method.training_estimate(guide, lr_depth, guide[:, :1], torch.Generator().manual_seed(0))
        before = int(torch.randint(13, (), generator=torch.Generator().manual_seed(0)))
        (flow,) = method.predict(guide, lr_depth)
        assert torch.allclose(estimate, method._diffused(lr_depth, flow, before + 8, 8), atol=2e-5)
        estimate.square().sum().backward()
    for name, parameter in method.named_parameters():
        assert parameter.grad.isfinite().all() and parameter.grad.abs().max() > 0, name


def test_under_autocast_what_is_trained_agrees_with_the_input():
    torch.manual_seed(0)
    method = DADA(4, iterations=20, gradient_iterations=8, adjustment="bicubic", **TINY).train()
    guide, depth = example(5, 6, 4)
    with torch.autocast("cpu", torch.bfloat16):
        estimate, _ = method.training_estimate(guide, depth, guide[:, :1], torch.Generator().manual_seed(0))
    assert estimate.dtype == torch.float32
    assert torch.allclose(reduced(estimate, "bicubic", 4), depth, atol=1e-5)


def test_training_draws_how_many_iterations_go_before_those_with_gradients(monkeypatch):
    method = DADA(4, iterations=60, gradient_iterations=8, **TINY).train()
    drawn = []
    monkeypatch.setattr(method, "_diffused", lambda depth, flow, *numbers: drawn.append(numbers) or depth)
    for seed in (*range(12), 0):
        method.training_estimate(*example(4, 4, 4), None, torch.Generator().manual_seed(seed))
    assert all(8 <= total <= 60 and with_gradient == 8 for total, with_gradient in drawn)
    assert len(set(drawn)) > 5 and drawn[0] == drawn[-1]


@pytest.mark.parametrize("size", [(5, 7, 4), (3, 5, 8), (9, 4, 3)])
@pytest.mark.parametrize("adjustment", ADJUSTMENTS)
def test_a_networks_result_reduces_to_the_input_at_any_size(size, adjustment):
    torch.manual_seed(0)
    guide, depth = example(*size, batch=3)
    method = DADA(size[2], iterations=10, gradient_iterations=5, adjustment=adjustment, **TINY).eval()
    with torch.no_grad():
        whole = method(guide, depth)
    assert torch.allclose(reduced(whole, adjustment, size[2]), depth, atol=1e-6)


def test_under_autocast_the_diffusion_stays_float32():
    torch.manual_seed(0)
    guide, depth = example(4, 5, 4)
    method = DADA(4, **TINY).eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        results = method(guide, depth), method.estimate(guide, depth)
    for result in results:
        assert result.dtype == torch.float32
        assert torch.allclose(F.avg_pool2d(result, 4), depth, atol=1e-6)


def test_the_papers_network_has_as_many_parameters_as_published():
    """32.53 million: ResNet-50's 23.51 with a fourth channel and no classifier, and the ascending half's 9.02."""
    with torch.device("meta"):
        method = DADA(8, encoder="resnet50", features=64)
    assert sum(p.numel() for p in method.parameters()) == pytest.approx(32.53e6, rel=1e-3)
    encoder = sum(p.numel() for part in (method.extractor.stem, method.extractor.stages) for p in part.parameters())
    classifier = 2048 * 1000 + 1000
    assert encoder == 25_557_032 - classifier + 64 * 49  # ResNet-50 has 25,557,032 with its classifier


def test_the_papers_network_runs_on_any_size():
    torch.manual_seed(0)
    method = DADA(4, encoder="resnet50", features=4, iterations=3, gradient_iterations=3).eval()
    guide, depth = example(5, 6, 4)
    with torch.no_grad():
        assert method(guide, depth).shape == (1, 1, 20, 24)


def test_the_network_runs_on_openvino_as_in_torch():
    """The diffusion coefficients are compiled with it: their formula once came out wrong there."""
    pytest.importorskip("openvino")
    from depth_sr_ros.backends import select_backend

    torch.manual_seed(0)
    method = DADA(4, **TINY).eval().requires_grad_(False)
    engine = select_backend("openvino").compile(Predictor(method), example(5, 6, 4), "f32")
    assert engine.error < 1e-5


def test_what_was_predicted_serves_any_number_of_iterations():
    torch.manual_seed(0)
    method = DADA(4, kappa=1.0, iterations=60, gradient_iterations=5, **TINY).eval()
    guide, depth = example(5, 6, 4)
    with torch.no_grad():
        flow = method.predict(guide, depth)
        found = []
        for number in (60, 6, 0):
            method.iterations = number
            assert torch.equal(method.predict(guide, depth)[0], flow[0])
            found.append(method.sample_cpu(depth, *flow))
            assert torch.allclose(found[-1], method(guide, depth), atol=1e-5)
            assert torch.allclose(F.avg_pool2d(found[-1], 4), depth, atol=1e-5)
    assert (found[0] - found[1]).abs().max() > 1e-2 and (found[1] - found[2]).abs().max() > 1e-2


@pytest.mark.parametrize("number", [-1, 2.5, True, "many"])
def test_wrong_iterations_are_refused(number):
    method = DADAFree(8)
    with pytest.raises(ValueError, match=f"iterations must be.*{number}"):
        method.iterations = number
    assert method.iterations == 120


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"adjustment": "median"}, "'median' is none of average, bicubic"),
        ({"encoder": "vgg"}, "'vgg' is none of light, resnet50"),
        ({"kappa": 0.0}, "kappa must be above 0"),
        ({"gradient_iterations": 0}, "gradient_iterations must be"),
        ({"gradient_iterations": 50, "iterations": 20}, "iterations = 20, got 50"),
    ],
)
def test_wrong_configurations_are_refused(config, says):
    with pytest.raises(ValueError, match=says):
        DADA(8, **config)
