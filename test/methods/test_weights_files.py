"""Weights files: what comes back, and what is refused."""

import json
import resource
from dataclasses import asdict, replace

import pytest
import torch
from small_methods import save_fdkn, small_config, small_method, smooth_pair

from depth_sr_ros.methods.errors import MethodError, MissingWeights
from depth_sr_ros.methods.registry import load_method
from depth_sr_ros.methods.weights import Manifest, load_weights, save_weights, sha256_of


@pytest.mark.parametrize("name", ["bicubic", "guided_filter", "joint_bilateral", "dada_free"])
def test_a_method_that_learns_nothing_takes_no_weights(name, tmp_path):
    path = tmp_path / "some.safetensors"
    path.write_bytes(b"")
    with pytest.raises(MethodError, match=f"'{name}' has learnt nothing and takes no weights, so .*some"):
        load_method(name, 8, path)


def test_saved_weights_come_back_ready_to_run(tmp_path):
    path = tmp_path / "some.safetensors"
    model = small_method("fdkn", scale=8)
    made = Manifest("fdkn", 8, "", small_config("fdkn"), accuracy={"a": 1.5})
    manifest = save_weights(path, model.state_dict(), made)
    assert manifest.sha256 == sha256_of(path) and load_weights(path, "fdkn", 8)[0] == manifest
    loaded = load_method("fdkn", 8, path)
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())
    inputs = smooth_pair(8, 2, 3)
    assert torch.equal(loaded(*inputs), model(*inputs))


def test_half_precision_weights_run_in_single(tmp_path):
    path = tmp_path / "half.safetensors"
    state = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in small_method("fdkn", scale=8).state_dict().items()
    }
    save_weights(path, state, Manifest("fdkn", 8, "", small_config("fdkn")))
    assert all(p.dtype == torch.float32 for p in load_method("fdkn", 8, path).parameters())


def test_weights_of_another_method_or_scale_are_refused(tmp_path):
    with pytest.raises(MethodError, match="are for dkn x8, not for fdkn x8"):
        load_method("fdkn", 8, save_fdkn(tmp_path / "a.safetensors", method="dkn"))
    with pytest.raises(MethodError, match="are for fdkn x4, not for fdkn x8"):
        load_method("fdkn", 8, save_fdkn(tmp_path / "b.safetensors", scale=4))


def test_a_changed_file_is_refused(tmp_path):
    path = save_fdkn(tmp_path / "a.safetensors")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(MethodError, match="file is damaged"):
        load_method("fdkn", 8, path)


@pytest.mark.parametrize("keep", [0, 5, 200, 0.5])
def test_a_truncated_file_is_refused_even_under_its_own_hash(tmp_path, keep):
    path = save_fdkn(tmp_path / "a.safetensors")
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
    path = save_fdkn(tmp_path / "a.safetensors", config=config)
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
    path = save_fdkn(tmp_path / "a.safetensors")
    path.with_suffix(".json").unlink()
    if text is not None:
        path.with_suffix(".json").write_text(text)
    with pytest.raises(MethodError, match=says):
        load_method("fdkn", 8, path)


def test_a_manifest_that_is_a_folder_is_refused(tmp_path):
    path = save_fdkn(tmp_path / "a.safetensors")
    path.with_suffix(".json").unlink()
    path.with_suffix(".json").mkdir()
    with pytest.raises(MethodError, match="manifest .*a.json cannot be read: Is a directory"):
        load_method("fdkn", 8, path)


@pytest.mark.parametrize("name", ["a" * 300, "a" * 5000, "no/such/folder/a.safetensors", "a\0b"])
def test_a_name_that_no_file_can_have_is_a_missing_file(tmp_path, name):
    with pytest.raises(MissingWeights, match="no weights file"):
        load_method("fdkn", 8, tmp_path / name)


def test_a_configuration_far_larger_than_the_weights_takes_no_memory(tmp_path):
    path = save_fdkn(tmp_path / "a.safetensors", config={"widths": [4000, 4000, 4000]})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(MethodError, match=r"makes a network of \d+ numbers, and the file holds \d+"):
        load_method("fdkn", 8, path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes; it would be 5 million


def test_a_file_that_is_cut_while_its_weights_are_in_use_does_no_harm(tmp_path):
    """A file that is mapped into memory and cut by others ends the process."""
    path = save_fdkn(tmp_path / "a.safetensors")
    method = load_method("fdkn", 8, path)
    path.write_bytes(b"")
    assert all(parameter.isfinite().all() for parameter in method.parameters())


def test_weights_of_a_method_bound_to_a_scale_cannot_be_for_any(tmp_path):
    with pytest.raises(MethodError, match="any.safetensors are for fdkn at any scale, but its weights must be for one: x8"):
        load_method("fdkn", 8, save_fdkn(tmp_path / "any.safetensors", scale=None))


@pytest.mark.parametrize(("dtype", "value"), [("float32", "nan"), ("float32", "inf"), ("float16", "-inf"), ("float64", 1e300)])
def test_weights_that_are_no_numbers_are_refused_by_name(tmp_path, dtype, value):
    state = small_method("fdkn", scale=8).state_dict()
    name = sorted(state)[3]
    state[name] = state[name].to(getattr(torch, dtype))
    state[name].view(-1)[-1] = float(value)
    path = tmp_path / "spoilt.safetensors"
    save_weights(path, state, Manifest("fdkn", 8, "", small_config("fdkn")))
    with pytest.raises(MethodError, match=f"{path}: tensor {name} holds NaN or infinity"):
        load_method("fdkn", 8, path)


def rewrite_manifest(path, **changes):
    manifest, file = load_manifest(path), path.with_suffix(".json")
    file.write_text(json.dumps(asdict(replace(manifest, **changes))))


def load_manifest(path):
    return Manifest(**json.loads(path.with_suffix(".json").read_text()))
