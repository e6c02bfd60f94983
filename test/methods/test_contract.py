"""What holds for every method of the registry, asked of each in small (see `small_methods.SMALL`)."""

import numpy as np
import pytest
import torch
from small_methods import SMALL, save_small, small_method, smooth_pair

from depth_sr_ros import Upsampler
from depth_sr_ros.methods.base import Predictor
from depth_sr_ros.methods.registry import check_iterations, known_methods, load_method, method_class
from depth_sr_ros.methods.weights import Manifest, save_weights

WITHOUT_GUIDE = {"bicubic"}
SIZES = {2: (5, 3), 3: (2, 5), 4: (5, 7), 8: (3, 1), 16: (1, 2)}  # of the depth by scale, few of them a multiple of anything

CONFIGURATIONS = [(name, variant) for name in SMALL for variant in SMALL[name]]


def only(condition):
    """Run a test for the configurations whose method class meets a condition."""
    chosen = [one for one in CONFIGURATIONS if condition(method_class(one[0]))]
    return pytest.mark.parametrize(("name", "variant"), chosen, ids=lambda one: one or "-")


every_method = only(lambda cls: True)
learned = only(lambda cls: cls.learned)
two_stage = only(lambda cls: cls.two_stage)


def same(one, other, digits=1e-5):
    """Equal but for rounding, which grows with the largest number."""
    return (one - other).abs().max() < digits * max(1, other.abs().max())


def works_at(name, variant, scale):
    try:
        method_class(name)(scale, **SMALL[name][variant])
    except ValueError:
        return False
    return True


def test_every_method_has_a_small_configuration_and_a_name_of_its_own():
    assert sorted(SMALL) == known_methods()
    for name in SMALL:
        assert method_class(name).name == name and "" in SMALL[name]
        assert all(works_at(name, variant, scale) for variant in SMALL[name] for scale in (4, 8, 16))


@pytest.mark.parametrize(
    ("name", "variant", "scale"),
    [(*one, scale) for one in CONFIGURATIONS for scale in SIZES if works_at(*one, scale)],
    ids=lambda one: str(one) or "-",
)
def test_any_size_gives_scale_times_that_size(name, variant, scale):
    height, width = SIZES[scale]
    method = small_method(name, variant, scale)
    with torch.no_grad():
        out = method(*smooth_pair(scale, height, width))
        estimate = method.estimate(*smooth_pair(scale, height, width))
    for found in (out, estimate):
        assert found.shape == (1, 1, scale * height, scale * width) and found.dtype == torch.float32
        assert found.isfinite().all()
    assert same(out, estimate, 2e-5)


@every_method
def test_images_of_a_batch_do_not_touch_each_other(name, variant):
    method, (guide, depth) = small_method(name, variant), smooth_pair(4, 5, 6, batch=3)
    depth = torch.cat((depth[:1], 0.25 + 2 * depth[1:2], depth[2:]))  # one has a range of its own
    with torch.no_grad():
        together = method(guide, depth)
        alone = torch.cat([method(guide[i : i + 1], depth[i : i + 1]) for i in range(3)])
    assert same(together, alone)
    assert (together[0] - together[1]).abs().max() > 0.01


@every_method
def test_the_same_input_gives_the_same_output(name, variant):
    method, inputs = small_method(name, variant), smooth_pair(4, 5, 6)
    with torch.no_grad():
        assert torch.equal(method(*inputs), small_method(name, variant)(*inputs))
        assert torch.equal(method.estimate(*inputs), method.estimate(*inputs))


@every_method
def test_inputs_are_left_as_they_were_wherever_they_lie_in_memory(name, variant):
    method, (guide, depth) = small_method(name, variant), smooth_pair(4, 5, 6)
    elsewhere = guide.contiguous(memory_format=torch.channels_last), depth.transpose(2, 3).contiguous().transpose(2, 3)
    before = [tensor.clone() for tensor in elsewhere]
    with torch.no_grad():
        found = method.estimate(*elsewhere)
        assert same(found, method.estimate(guide, depth), 1e-4)
    assert all(torch.equal(one, other) for one, other in zip(elsewhere, before))


@every_method
@pytest.mark.parametrize(("dtype", "share"), [(torch.float16, 0.02), (torch.bfloat16, 0.08)])
def test_half_precision_keeps_its_type_and_stays_near(name, variant, dtype, share):
    method, (guide, depth) = small_method(name, variant), smooth_pair(4, 5, 6)
    with torch.no_grad():
        exact = method(guide, depth)
        half = method.to(dtype)(guide.to(dtype), depth.to(dtype))
        estimate = method.estimate(guide.to(dtype), depth.to(dtype))
        zeros = method(guide.to(dtype), torch.zeros_like(depth, dtype=dtype))
    assert half.dtype == estimate.dtype == dtype and zeros.isfinite().all()
    assert (half.float() - exact).abs().mean() < share * exact.std()
    assert (estimate - half).float().abs().mean() < 0.01 * exact.std()


@every_method
def test_autocast_keeps_the_depths_digits(name, variant):
    """Features may be rounded; what does not depend on them must not be."""
    method, (guide, depth) = small_method(name, variant), smooth_pair(4, 5, 6)
    with torch.no_grad():
        for parameter in method.parameters():
            parameter.zero_()  # no features
        exact = method(guide, depth)
        with torch.autocast("cpu", torch.bfloat16):
            found, estimate = method(guide, depth), method.estimate(guide, depth)
    assert (found.float() - exact).abs().max() < 1e-6 and (estimate.float() - exact).abs().max() < 2e-5


@every_method
@pytest.mark.parametrize("value", [0.0, 0.37, 1.0])
def test_a_depth_without_range_and_a_guide_without_texture_give_numbers(name, variant, value):
    method, (guide, depth) = small_method(name, variant), smooth_pair(4, 5, 6)
    flat = torch.full_like(depth, value)
    with torch.no_grad():
        for seen in (guide, torch.zeros_like(guide), torch.ones_like(guide)):
            assert method.estimate(seen, flat).isfinite().all() and method.estimate(seen, depth).isfinite().all()


@every_method
def test_a_constant_depth_stays_exactly_that(name, variant, tmp_path):
    """At the front door, whatever a network makes of it."""
    weights = None
    if method_class(name).learned:
        weights = tmp_path / "small.safetensors"
        save_weights(weights, small_method(name, variant).state_dict(), Manifest(name, 4, "", SMALL[name][variant]))
    upsampler = Upsampler(name, 4, backend="torch_eager", weights=weights)
    rgb = np.random.default_rng(0).integers(0, 255, (20, 28, 3), np.uint8)
    assert (upsampler(rgb, np.full((5, 7), 1.2345, np.float32)).depth == np.float32(1.2345)).all()


@learned
def test_gradients_reach_every_parameter(name, variant):
    """In some of several networks: in one a ReLU may cut off what is before it."""
    guide, depth = smooth_pair(4, 8, 8, batch=2)
    without, seed = None, 0
    while without != set() and seed < 16:
        method = small_method(name, variant, seed=seed).train()
        estimate, target = method.training_estimate(guide, depth, guide[:, :1] ** 2, torch.Generator().manual_seed(seed))
        assert estimate.shape == target.shape
        (estimate - target).square().mean().backward()
        gradients = {of: parameter.grad for of, parameter in method.named_parameters()}
        assert all(gradient.isfinite().all() for gradient in gradients.values() if gradient is not None)
        silent = {of for of, gradient in gradients.items() if gradient is None or not gradient.any()}
        without, seed = silent if without is None else without & silent, seed + 1
    assert without == set()


@learned
def test_gradients_are_right(name, variant):
    method = small_method(name, variant).double()
    guide, depth = (tensor.double() for tensor in smooth_pair(4, 2, 2))
    depth = (depth + 0.1 * torch.arange(4.0).view(2, 2)).requires_grad_()
    assert torch.autograd.gradcheck(lambda depth: method(guide, depth), depth, eps=1e-7, atol=1e-4)


@only(lambda cls: cls.name not in WITHOUT_GUIDE)
def test_the_guide_matters(name, variant):
    method, (guide, depth) = small_method(name, variant), smooth_pair(4, 5, 6)
    with torch.no_grad():
        assert (method(guide, depth) - method(guide.flip(3), depth)).abs().max() > 1e-4


@learned
def test_weights_that_were_saved_give_the_same_output(name, variant, tmp_path):
    method, path = small_method(name, variant), tmp_path / "small.safetensors"
    scale = None if method.any_scale else 4
    save_weights(path, method.state_dict(), Manifest(name, scale, "", SMALL[name][variant]))
    loaded = load_method(name, 4, path)
    assert not loaded.training and not any(parameter.requires_grad for parameter in loaded.parameters())
    with torch.no_grad():
        assert torch.equal(loaded(*smooth_pair(4, 5, 6)), method(*smooth_pair(4, 5, 6)))


@two_stage
@pytest.mark.parametrize("scale", [4, 8])
def test_two_stages_are_the_whole(name, variant, scale):
    method, (guide, depth) = small_method(name, variant, scale), smooth_pair(scale, 5, 6, batch=2)
    with torch.no_grad():
        whole = method(guide, depth)
        predicted = Predictor(method)(guide, depth)
        assert same(method.sample(depth, *predicted), whole, 2e-5)
        assert same(method.sample_cpu(depth, *predicted), whole, 2e-5)


@only(lambda cls: not cls.two_stage)
def test_a_method_of_one_stage_says_so(name, variant):
    with pytest.raises(TypeError, match=f"'{name}' has no stages"):
        small_method(name, variant).predict(*smooth_pair(4, 2, 2))


@every_method
def test_loops_leave_torch_its_threads(name, variant):
    """On OpenMP the loops of numba, which has a thread a core, would change what PyTorch computes with."""
    method, before = small_method(name, variant), torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            method.estimate(*smooth_pair(4, 5, 6))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


@every_method
def test_iterations_may_be_set_where_there_are_some(name, variant):
    method = small_method(name, variant)
    if not method.is_iterative:
        with pytest.raises(ValueError, match=f"'{name}' has no iterations"):
            check_iterations(name, 5)
        return
    with torch.no_grad():
        results = []
        for method.iterations in (0, 7):
            results.append(method(*smooth_pair(4, 5, 6)))
    assert not torch.equal(*results) and all(result.isfinite().all() for result in results)


def test_small_weights_are_of_the_small_configuration(tmp_path):
    path = save_small(tmp_path / "jiif.safetensors", "jiif", None)
    assert load_method("jiif", 5, path).scale == 5
