"""Weights in 8 bits: what comes back is near what was quantised, and what is quantised wrongly is told of."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from depth_sr_ros.methods.errors import MethodError
from depth_sr_ros.methods.quantisation import LARGEST, LEAST, SCALE, dequantise, quantise
from depth_sr_ros.methods.weights import Manifest, load_weights, save_weights


def kernels(channels=32, seed=0):
    """Output channels whose weights differ by orders of magnitude, one of them dead."""
    weights = torch.randn(channels, 16, 3, 3, generator=torch.Generator().manual_seed(seed))
    weights *= torch.logspace(-5, 1, channels)[:, None, None, None]
    weights[3] = 0
    return weights


def test_each_channel_is_off_by_half_a_step_at_most():
    weights = kernels()
    back = dequantise(quantise({"conv.weight": weights}))["conv.weight"]
    assert back.dtype == torch.float32 and back.shape == weights.shape
    step = weights.flatten(1).abs().amax(1) / LARGEST
    assert ((back - weights).flatten(1).abs().amax(1) <= 0.501 * step).all()
    assert back[3].count_nonzero() == 0


def test_quantised_twice_is_quantised_once():
    """So weights can be blended, continued and written again without drifting."""
    once = dequantise(quantise({"conv.weight": kernels()}))
    torch.testing.assert_close(dequantise(quantise(once)), once, rtol=1e-6, atol=0)


def test_small_tensors_and_counts_are_not_rounded_to_8_bits():
    state = {"bias": torch.linspace(-1, 1, LEAST), "small": torch.randn(8, 8), "seen": torch.tensor(7)}
    quantised = quantise(state)
    assert not [name for name in quantised if name.endswith(SCALE)]
    back = dequantise(quantised)
    assert back["seen"] == 7 and back["seen"].dtype == torch.int64
    for name in ("bias", "small"):
        torch.testing.assert_close(back[name], state[name].half().float(), rtol=0, atol=0)


def test_a_file_is_half_the_size_and_says_nothing_of_it(tmp_path):
    state = {"conv.weight": kernels()}
    path, plain = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    save_weights(path, quantise(state), Manifest("fdkn", 8, ""))
    save_weights(plain, {"conv.weight": state["conv.weight"].half()}, Manifest("fdkn", 8, ""))
    assert path.stat().st_size < 0.6 * plain.stat().st_size
    _, loaded = load_weights(path, "fdkn", 8)
    assert loaded.keys() == state.keys()
    torch.testing.assert_close(loaded, dequantise(quantise(state)), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda state: state.pop("w"), "w is missing"),
        (lambda state: state.update({"w" + SCALE: torch.ones(31)}), r"w is torch.int8 \(32, 16, 3, 3\) with scales \(31,\)"),
        (lambda state: state.update(w=torch.ones(32, 16)), "w is torch.float32"),
        (lambda state: state.update({"w" + SCALE: torch.full((32,), torch.nan)}), "w holds NaN or infinity"),
    ],
    ids=["no tensor", "too few scales", "not int8", "NaN"],
)
def test_what_is_quantised_wrongly_is_told_of(tmp_path, spoil, message):
    path = tmp_path / "fdkn_x8.safetensors"
    state = quantise({"w": kernels()})
    spoil(state)
    save_weights(path, state, Manifest("fdkn", 8, ""))
    with pytest.raises(MethodError, match=message) as raised:
        load_weights(path, "fdkn", 8)
    assert str(path) in str(raised.value)


def test_int8_without_scales_stays_what_it_is(tmp_path):
    save_file({"mask": torch.ones(3, dtype=torch.int8)}, tmp_path / "a.safetensors")
    assert dequantise(load_file(tmp_path / "a.safetensors"))["mask"].dtype == torch.int8
