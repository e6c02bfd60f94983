"""Methods by name, their weights files, shared layers, baselines."""

import json
import resource
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from references import randomised
from small_methods import save_small

from depth_sr_ros.methods import guided_filter, registry
from depth_sr_ros.methods.errors import MethodError, MissingWeights, UnknownMethod, UnsupportedScale
from depth_sr_ros.methods.layers import pad_to_multiple, resize_bicubic, resize_matrix
from depth_sr_ros.methods.registry import available, known_methods, load_method, method_class
from depth_sr_ros.methods.weights import Manifest, load_weights, save_weights, sha256_of


def small(name, config, scale=4):
    return randomised(method_class(name)(scale, **config), torch, torch.Generator().manual_seed(1))


def pair(scale, height, width, batch=1):
    """A smooth guide with a depth that follows it."""
    generator = torch.Generator().manual_seed(2)
    coarse = torch.rand(batch, 3, 5, 6, generator=generator)
    guide = resize_bicubic(coarse, (scale * height, scale * width)).clamp(0, 1)
    return guide, resize_bicubic(guide[:, :1], (height, width))


# --- registry -----------------------------------------------------------------------------------------------------


def test_methods_are_listed_with_what_they_are():
    names = [info.name for info in available()]
    assert names == known_methods() == sorted(names)
    assert {"ahmf", "bicubic", "dkn", "fdkn", "guided_filter", "joint_bilateral"} <= set(names)
    for info in available():
        assert info.summary and (info.paper or not info.learned)
        assert method_class(info.name).name == info.name
        assert info.learned or info.scales == registry.ALL_SCALES


def test_an_unknown_method_is_answered_with_the_known():
    with pytest.raises(UnknownMethod, match=r"'fdnk'.*ahmf, bicubic.*guided_filter"):
        load_method("fdnk", 8)


@pytest.mark.parametrize("scale", [1, 0, -4, 33, 2.5, "8", True])
def test_an_impossible_scale_is_answered_with_the_range(scale):
    with pytest.raises(UnsupportedScale, match="whole number from 2 to 32"):
        load_method("bicubic", scale)


@pytest.mark.parametrize("number", [np.int64(4), np.uint8(4)])
def test_a_scale_may_be_any_kind_of_whole_number(number):
    scale = load_method("bicubic", number).scale
    assert scale == 4 and type(scale) is int and registry.methods_at(number) == registry.methods_at(4)


@pytest.mark.parametrize("name", [["fdkn"], None, 5])
def test_a_method_that_is_no_name_is_answered_with_the_known(name):
    with pytest.raises(UnknownMethod, match="known methods are ahmf, bicubic"):
        load_method(name, 8)


def test_missing_weights_are_answered_with_what_there_is(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "weights_directory", lambda: tmp_path)
    save(tmp_path / "fdkn_x4.safetensors", scale=4)
    with pytest.raises(MissingWeights, match=r"'fdkn' has no weights for x8 \(it has: x4\).*bicubic, .*guided_filter"):
        load_method("fdkn", 8)
    with pytest.raises(MissingWeights, match=r"'ahmf' has no weights for x4 \(it has: none\).*bicubic, .*fdkn, guided"):
        load_method("ahmf", 4)
    assert next(info for info in available() if info.name == "fdkn").scales == (4,)


def test_weights_for_any_scale_serve_every_scale(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "weights_directory", lambda: tmp_path)
    save_small(tmp_path / "jiif_x8.safetensors", "jiif", 8)  # not where weights for any scale lie
    assert registry.scales_with_weights("jiif") == () and "jiif" not in registry.methods_at(8)
    with pytest.raises(MissingWeights, match=r"'jiif' has no weights for x5 \(it has: none\)"):
        load_method("jiif", 5)
    path = save_small(tmp_path / "jiif.safetensors", "jiif", None)
    assert json.loads(path.with_suffix(".json").read_text())["scale"] is None
    assert registry.scales_with_weights("jiif") == registry.ALL_SCALES == tuple(range(2, 33))
    assert "jiif" in registry.methods_at(2) and "jiif" in registry.methods_at(32)
    states = []
    for scale in (2, 5, 32):
        method = load_method("jiif", scale)
        assert method.scale == scale and method(*pair(scale, 3, 2)).shape == (1, 1, 3 * scale, 2 * scale)
        states.append(method.state_dict())
    assert all(torch.equal(states[0][name], state[name]) for state in states for name in state)
    with pytest.raises(UnsupportedScale, match="from 2 to 32"):
        load_method("jiif", 33)


def test_a_weights_file_for_any_scale_can_be_named(tmp_path):
    path = save_small(tmp_path / "mine.safetensors", "jiif", None)
    assert load_weights(path, "jiif", 7)[0].scale is None
    assert [load_method("jiif", scale, path).scale for scale in (3, 16)] == [3, 16]
    with pytest.raises(MethodError, match="are for jiif at any scale, not for fdkn x8"):
        load_method("fdkn", 8, path)
    one = save_small(tmp_path / "one.safetensors", "jiif", 8)
    with pytest.raises(MethodError, match="are for jiif x8, not for jiif x4"):
        load_method("jiif", 4, one)
    with pytest.raises(MethodError, match="are for jiif x8, not for jiif at any scale"):
        load_weights(one, "jiif", None)


@pytest.mark.parametrize("scale", [1, 33])
def test_no_method_works_at_an_impossible_scale(scale):
    with pytest.raises(UnsupportedScale, match="whole number from 2 to 32"):
        registry.methods_at(scale)


def test_a_weights_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MissingWeights, match="no weights file .*nowhere"):
        load_method("fdkn", 8, tmp_path / "nowhere.safetensors")


# --- weights files ------------------------------------------------------------------------------------------------


def save(path, method="fdkn", scale=8, config=None, made_with=None):
    """Write weights of a small FDKN, with a manifest that may say something else."""
    model = method_class("fdkn")(scale or 8, **(made_with or {"widths": [4, 4, 4]}))
    save_weights(path, model.state_dict(), Manifest(method, scale, "", config or {"widths": [4, 4, 4]}))
    return path


@pytest.mark.parametrize("name", ["bicubic", "guided_filter", "joint_bilateral", "dada_free"])
def test_a_method_that_learns_nothing_takes_no_weights(name, tmp_path):
    path = tmp_path / "some.safetensors"
    path.write_bytes(b"")
    with pytest.raises(MethodError, match=f"'{name}' has learnt nothing and takes no weights, so .*some"):
        load_method(name, 8, path)


def test_saved_weights_come_back_ready_to_run(tmp_path):
    path = tmp_path / "some.safetensors"
    model = small("fdkn", {"widths": [4, 4, 4]}, 8)
    made = Manifest("fdkn", 8, "", {"widths": [4, 4, 4]}, accuracy={"a": 1.5})
    manifest = save_weights(path, model.state_dict(), made)
    assert manifest.sha256 == sha256_of(path) and load_weights(path, "fdkn", 8)[0] == manifest
    loaded = load_method("fdkn", 8, path)
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())
    inputs = pair(8, 2, 3)
    assert torch.equal(loaded(*inputs), model(*inputs))


def test_half_precision_weights_run_in_single(tmp_path):
    path = tmp_path / "half.safetensors"
    state = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in small("fdkn", {"widths": [4, 4, 4]}, 8).state_dict().items()
    }
    save_weights(path, state, Manifest("fdkn", 8, "", {"widths": [4, 4, 4]}))
    assert all(p.dtype == torch.float32 for p in load_method("fdkn", 8, path).parameters())


def test_weights_of_another_method_or_scale_are_refused(tmp_path):
    with pytest.raises(MethodError, match="are for dkn x8, not for fdkn x8"):
        load_method("fdkn", 8, save(tmp_path / "a.safetensors", method="dkn"))
    with pytest.raises(MethodError, match="are for fdkn x4, not for fdkn x8"):
        load_method("fdkn", 8, save(tmp_path / "b.safetensors", scale=4))


def test_a_changed_file_is_refused(tmp_path):
    path = save(tmp_path / "a.safetensors")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(MethodError, match="file is damaged"):
        load_method("fdkn", 8, path)


@pytest.mark.parametrize("keep", [0, 5, 200, 0.5])
def test_a_truncated_file_is_refused_even_under_its_own_hash(tmp_path, keep):
    path = save(tmp_path / "a.safetensors")
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
    with pytest.raises(MethodError, match="file is damaged"):
        load_method("fdkn", 8, path)
    rewrite_manifest(path, sha256=sha256_of(path))
    with pytest.raises(MethodError, match="not a readable safetensors file"):
        load_method("fdkn", 8, path)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"widths": [4, 4, 6]}, "size mismatch"),
        ({"widths": [4, 4]}, "Unexpected key"),
        ({"depth": 3}, "unexpected keyword argument 'depth'"),
        ({"scale": 4}, "multiple values for argument 'scale'"),
        ({"widths": []}, "IndexError"),
        ({"widths": {"a": 1}}, ""),
        ({"widths": [4, 4, "4"]}, ""),
        ({"widths": None}, ""),
    ],
)
def test_weights_that_do_not_fit_their_own_configuration_are_refused(tmp_path, config, says):
    path = save(tmp_path / "a.safetensors", config=config)
    with pytest.raises(MethodError, match=f"(?s)do not fit fdkn x8.*{says}"):
        load_method("fdkn", 8, path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "is missing"),
        ("{", "cannot be read"),
        ("[1]", "cannot be read"),
        ('{"method": "fdkn"}', "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ('{"method": "fdkn", "scale": 8, "sha256": "", "colour": 1}', "colour"),
        (" " * (2 << 20), "larger than"),
        ('{"method": "fdkn", "scale": "8", "sha256": ""}', "scale is '8', it must be a whole number or null"),
        ('{"method": "fdkn", "scale": true, "sha256": ""}', "scale is True, it must be a whole number or null"),
        ('{"method": "fdkn", "scale": 8.0, "sha256": ""}', "scale is 8.0, it must be a whole number or null"),
        ('{"method": ["fdkn"], "scale": 8, "sha256": ""}', r"method is \['fdkn'\], it must be a string"),
        ('{"method": "fdkn", "scale": 8, "sha256": null}', "sha256 is None, it must be a string"),
        ('{"method": "fdkn", "scale": 8, "sha256": "", "config": [4, 4, 4]}', r"config is \[4, 4, 4\], it must be an object"),
        ('{"method": "fdkn", "scale": 8, "sha256": "", "config": null}', "config is None, it must be an object"),
    ],
)
def test_a_manifest_that_is_none_is_refused(tmp_path, text, says):
    path = save(tmp_path / "a.safetensors")
    path.with_suffix(".json").unlink()
    if text is not None:
        path.with_suffix(".json").write_text(text)
    with pytest.raises(MethodError, match=says):
        load_method("fdkn", 8, path)


def test_a_manifest_that_is_a_folder_is_refused(tmp_path):
    path = save(tmp_path / "a.safetensors")
    path.with_suffix(".json").unlink()
    path.with_suffix(".json").mkdir()
    with pytest.raises(MethodError, match="manifest .*a.json cannot be read: Is a directory"):
        load_method("fdkn", 8, path)


@pytest.mark.parametrize("name", ["a" * 300, "a" * 5000, "no/such/folder/a.safetensors", "a\0b"])
def test_a_name_that_no_file_can_have_is_a_missing_file(tmp_path, name):
    with pytest.raises(MissingWeights, match="no weights file"):
        load_method("fdkn", 8, tmp_path / name)


def test_a_configuration_far_larger_than_the_weights_takes_no_memory(tmp_path):
    path = save(tmp_path / "a.safetensors", config={"widths": [4000, 4000, 4000]})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(MethodError, match=r"makes a network of \d+ numbers, and the file holds \d+"):
        load_method("fdkn", 8, path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes; it would be 5 million


def test_a_file_that_is_cut_while_its_weights_are_in_use_does_no_harm(tmp_path):
    """A file that is mapped into memory and cut by others ends the process."""
    path = save(tmp_path / "a.safetensors")
    method = load_method("fdkn", 8, path)
    path.write_bytes(b"")
    assert all(parameter.isfinite().all() for parameter in method.parameters())


def test_weights_of_a_method_bound_to_a_scale_cannot_be_for_any(tmp_path):
    with pytest.raises(MethodError, match="any.safetensors are for fdkn at any scale, but its weights must be for one: x8"):
        load_method("fdkn", 8, save(tmp_path / "any.safetensors", scale=None, made_with={"widths": [4, 4, 4]}))


@pytest.mark.parametrize(("dtype", "value"), [("float32", "nan"), ("float32", "inf"), ("float16", "-inf"), ("float64", 1e300)])
def test_weights_that_are_no_numbers_are_refused_by_name(tmp_path, dtype, value):
    state = small("fdkn", {"widths": [4, 4, 4]}, 8).state_dict()
    name = sorted(state)[3]
    state[name] = state[name].to(getattr(torch, dtype))
    state[name].view(-1)[-1] = float(value)
    path = tmp_path / "spoilt.safetensors"
    save_weights(path, state, Manifest("fdkn", 8, "", {"widths": [4, 4, 4]}))
    with pytest.raises(MethodError, match=f"{path}: tensor {name} holds NaN or infinity"):
        load_method("fdkn", 8, path)


def rewrite_manifest(path, **changes):
    manifest, file = load_manifest(path), path.with_suffix(".json")
    file.write_text(json.dumps(asdict(replace(manifest, **changes))))


def load_manifest(path):
    return Manifest(**json.loads(path.with_suffix(".json").read_text()))


# --- resizing -----------------------------------------------------------------------------------------------------

SIZES = [(6, 48), (7, 28), (48, 6), (60, 15), (50, 7), (7, 50), (9, 9), (1, 8), (8, 1), (3, 2)]


@pytest.mark.parametrize(("n_in", "n_out"), SIZES)
def test_resizing_is_a_sum_over_the_kernel(n_in, n_out):
    """Keys' cubic of a = -0.5, stretched where it shrinks, over the samples in reach, normalised to one."""
    ratio = n_in / n_out
    stretch = max(1.0, ratio)
    for i, row in enumerate(resize_matrix(n_in, n_out)):
        weights = []
        for j in range(n_in):
            x = abs((j + 0.5) - (i + 0.5) * ratio) / stretch
            if x < 1:
                weights.append(1.5 * x**3 - 2.5 * x**2 + 1)
            else:
                weights.append(-0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0)
        # Whole samples only, as PIL has it: one whose share of the kernel is under half a sample is left out.
        assert np.abs(row - np.array(weights) / sum(weights)).max() < (1e-6 if ratio <= 1 else 0.02)


@pytest.mark.parametrize(("n_in", "n_out"), SIZES)
def test_resizing_is_pils(n_in, n_out):
    image_module = pytest.importorskip("PIL.Image")
    image = np.random.default_rng(1).random((n_in, 11), dtype=np.float32)
    expected = np.asarray(image_module.fromarray(image).resize((11, n_out), image_module.BICUBIC))
    assert np.abs(resize_matrix(n_in, n_out) @ image - expected).max() < 2e-6


def test_an_image_is_resized_along_both_axes():
    image_module = pytest.importorskip("PIL.Image")
    image = np.random.default_rng(2).random((9, 14), dtype=np.float32)
    for size in ((36, 56), (3, 7), (18, 5)):
        expected = np.asarray(image_module.fromarray(image).resize(size[::-1], image_module.BICUBIC))
        assert np.abs(resize_bicubic(torch.from_numpy(image)[None, None], size)[0, 0].numpy() - expected).max() < 2e-6


def test_padding_repeats_the_border_up_to_a_multiple():
    image = torch.arange(6.0).view(1, 1, 2, 3)
    assert pad_to_multiple(image, 4)[0, 0].tolist() == [[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5], [3, 4, 5, 5]]
    assert pad_to_multiple(image, 1) is image


# --- guided filter ------------------------------------------------------------------------------------------------


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
    method, inputs = load_method("guided_filter", scale), pair(scale, height, width, batch=2)
    native = method(*inputs)
    monkeypatch.setattr(guided_filter, "_opencv_guided_filter", lambda: None)
    assert (native - method(*inputs)).abs().max() < 1e-4


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_guided_filter_takes_half_precision_without_opencv(dtype, monkeypatch):
    method, (guide, depth) = load_method("guided_filter", 4), pair(4, 5, 6)
    exact = method(guide, depth)
    monkeypatch.setattr(guided_filter, "_opencv_guided_filter", lambda: None)
    half = method(guide.to(dtype), depth.to(dtype))
    assert half.dtype == dtype and (half.float() - exact).abs().mean() < 0.05 * exact.std()


def test_guided_filter_lets_gradients_through_to_either_image():
    method, (guide, depth) = load_method("guided_filter", 4), pair(4, 5, 6)
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
