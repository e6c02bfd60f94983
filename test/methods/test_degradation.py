"""Weights of two kinds, for what sensors measure and for exact reductions, under one name."""

import json

import numpy as np
import pytest
import torch

from depth_sr_ros import Upsampler
from depth_sr_ros.methods import registry
from depth_sr_ros.methods.errors import MethodError
from depth_sr_ros.methods.registry import available, load_method, method_class, weights_path
from depth_sr_ros.methods.weights import Manifest, read_manifest, save_weights

WIDTHS = {"widths": [4, 4, 4]}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A package with fdkn's weights of both kinds at x8, and for exact reductions alone at x4: the first number tells which."""
    monkeypatch.setattr(registry, "weights_directory", lambda: tmp_path)
    for name, scale, degradation in (("fdkn_x4", 4, "exact"), ("fdkn_x8", 8, "exact"), ("fdkn_x8_sensor", 8, "sensor")):
        model = method_class("fdkn")(scale, **WIDTHS)
        generator = torch.Generator().manual_seed(len(name))
        for parameter in model.parameters():
            parameter.data.normal_(generator=generator)
        next(iter(model.parameters())).data.fill_(0.5 if degradation == "sensor" else 0.25)
        save_weights(
            tmp_path / f"{name}.safetensors", model.state_dict(), Manifest("fdkn", scale, "", WIDTHS, degradation=degradation)
        )
    return tmp_path


def value_of(method) -> float:
    return next(iter(method.parameters())).flatten()[0].item()


def test_each_degradation_has_its_own_weights(folder):
    assert value_of(load_method("fdkn", 8, degradation="sensor")) == 0.5
    assert value_of(load_method("fdkn", 8, degradation="exact")) == value_of(load_method("fdkn", 8)) == 0.25


def test_exact_weights_serve_where_there_are_none_for_sensors(folder):
    assert value_of(load_method("fdkn", 4, degradation="sensor")) == 0.25
    assert weights_path("fdkn", 4, "sensor") == weights_path("fdkn", 4, "exact") == folder / "fdkn_x4.safetensors"


def test_a_method_of_any_scale_has_them_too(folder):
    for ending in ("", "_sensor"):
        (folder / f"jiif{ending}.safetensors").write_bytes(b"")
    assert weights_path("jiif", 5, "sensor").stem == "jiif_sensor" and weights_path("jiif", 5).stem == "jiif"


def test_the_list_of_methods_tells_which_scales_have_sensor_weights(folder):
    fdkn = next(info for info in available() if info.name == "fdkn")
    assert fdkn.scales == (4, 8) and fdkn.sensor_scales == (8,)


def test_an_upsampler_is_for_sensors_unless_asked(folder):
    frame = np.zeros((16, 16, 3), np.uint8), np.linspace(1, 2, 4, dtype=np.float32).reshape(2, 2)
    results = [Upsampler("fdkn", 8, **more)(*frame).depth for more in ({}, {"degradation": "sensor"}, {"degradation": "exact"})]
    assert np.array_equal(results[0], results[1]) and not np.array_equal(results[0], results[2])


def test_another_degradation_is_refused(folder):
    with pytest.raises(MethodError, match="degradation is 'real', it must be sensor or exact"):
        Upsampler("fdkn", 8, degradation="real")


def test_a_manifest_without_the_entry_is_for_exact_reductions_and_one_with_another_is_refused(folder):
    path = folder / "fdkn_x8.safetensors"
    manifest = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({key: value for key, value in manifest.items() if key != "degradation"}))
    assert read_manifest(path).degradation == "exact"
    path.with_suffix(".json").write_text(json.dumps({**manifest, "degradation": "real"}))
    with pytest.raises(MethodError, match="degradation is 'real', it must be sensor or exact"):
        read_manifest(path)
