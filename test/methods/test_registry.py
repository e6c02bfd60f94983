"""Methods by name, and which of them have weights."""

import json

import numpy as np
import pytest
import torch
from small_methods import save_fdkn, save_small, smooth_pair

from depth_sr_ros.methods import registry
from depth_sr_ros.methods.errors import MethodError, MissingWeights, UnknownMethod, UnsupportedScale
from depth_sr_ros.methods.registry import available, known_methods, load_method, method_class
from depth_sr_ros.methods.weights import load_weights


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
    save_fdkn(tmp_path / "fdkn_x4.safetensors", scale=4)
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
        assert method.scale == scale and method(*smooth_pair(scale, 3, 2)).shape == (1, 1, 3 * scale, 2 * scale)
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
