"""AHMF against its equations in plain numpy."""

import numpy as np
import pytest
import torch
from references import convolution, randomised, shuffled, sigmoid, state_of, unshuffled

from depth_sr_ros.methods.ahmf import AHMF, ConvGRU
from depth_sr_ros.methods.layers import upsample_bicubic


class Reference:
    """The equations, by number, on arrays (C, h, w)."""

    def __init__(self, method):
        self.state = state_of(method)

    def conv(self, features, name):
        weight = self.state[f"{name}.weight"]
        return convolution(features, weight, self.state.get(f"{name}.bias"), weight.shape[-1] // 2)

    def prelu(self, features, name):
        return np.where(features > 0, features, self.state[f"{name}.weight"] * features)

    def layer(self, features, name):
        return self.prelu(self.conv(features, f"{name}.0"), f"{name}.1")

    def mmaf(self, depth, guide, name):
        enhanced = []
        for features, which in ((depth, "enhance_depth"), (guide, "enhance_guide")):  # eqs. 10, 11
            passed = self.layer(features, f"{name}.{which}.features")
            enhanced.append(passed * sigmoid(self.conv(features, f"{name}.{which}.gate.0")))
        joint = self.layer(np.concatenate(enhanced), f"{name}.squeeze")  # eq. 12
        joint = joint.mean((1, 2), keepdims=True) + joint.std((1, 2), keepdims=True)  # eq. 13
        excited = [self.layer(joint, f"{name}.{which}") for which in ("excite_depth", "excite_guide")]  # eqs. 14, 15
        return excited[0] * enhanced[0] + excited[1] * enhanced[1]  # eq. 16

    def gru(self, levels, name):
        """Eqs. 18 to 21 with one convolution of [H, F] a gate, put together from the parts."""
        c = len(levels[0])
        from_input, bias = self.state[f"{name}.from_input.weight"], self.state[f"{name}.from_input.bias"]
        gates, last = self.state[f"{name}.gates_from_state.weight"], self.state[f"{name}.candidate_from_state.weight"]
        wz = np.concatenate((gates[:c], from_input[:c]), 1)
        wr = np.concatenate((gates[c:], from_input[c : 2 * c]), 1)
        wh = np.concatenate((last, from_input[2 * c :]), 1)
        bz, br, bh = bias[:c], bias[c : 2 * c], bias[2 * c :]
        state, states = np.zeros_like(levels[0]), []
        for features in levels:
            both = np.concatenate((state, features))
            update = sigmoid(convolution(both, wz, bz, 1))
            reset = sigmoid(convolution(both, wr, br, 1))
            candidate = np.tanh(convolution(np.concatenate((reset * state, features)), wh, bh, 1))
            state = update * candidate + (1 - update) * state
            states.append(state)
        return states

    def bhfc(self, levels):
        def two_layers(features, direction):
            return self.gru(self.gru(features, f"collaboration.{direction}.0"), f"collaboration.{direction}.1")

        up, down = two_layers(levels, "low_to_high"), two_layers(levels[::-1], "high_to_low")[::-1]
        out = []
        for i, both in enumerate(a + b for a, b in zip(up, down)):
            name = f"collaboration.residuals.{i}"
            out.append(both + self.conv(self.layer(both, name), f"{name}.2"))
        return out

    def residual(self, guide, depth, levels, doublings, compact):
        """Eqs. 1 to 8."""
        if not compact:
            guide = self.layer(guide, "downsample")
        index = 1 if compact else 3  # of the first convolution between the shuffles
        for _ in range(doublings - 1):
            guide = self.conv(unshuffled(guide, 2), f"downsample.{index}")
            guide = self.prelu(guide, f"downsample.{index + 1}")
            index += 3
        guide = unshuffled(guide, 2)
        fused = []
        for i in range(levels):
            depth, guide = self.layer(depth, f"depth_features.{i}"), self.layer(guide, f"guide_features.{i}")
            fused.append(self.mmaf(depth, guide, f"fusions.{i}"))
        features = self.conv(np.concatenate(self.bhfc(fused)), "upsample.0")
        if compact:
            return shuffled(features, 2**doublings)
        for i in range(doublings):
            features = shuffled(self.conv(features, f"upsample.{1 + 2 * i}"), 2)
        return self.conv(features, f"upsample.{1 + 2 * doublings}")


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize(("scale", "levels"), [(2, 2), (4, 4), (8, 3), (16, 1)])
def test_the_network_is_equations_1_to_21(scale, levels, compact):
    generator = torch.Generator().manual_seed(scale)
    method = randomised(AHMF(scale, 3, levels, compact), torch, generator)
    guide = torch.rand(1, 3, scale * 3, scale * 4, generator=generator)
    depth = torch.rand(1, 1, 3, 4, generator=generator)
    reference = Reference(method)
    residual = reference.residual(guide[0].double().numpy(), depth[0].double().numpy(), levels, scale.bit_length() - 1, compact)
    expected = upsample_bicubic(depth, scale)[0].numpy() + residual
    with torch.no_grad():
        found = method(guide, depth)[0].numpy()
    assert np.abs(residual).max() > 0.05
    assert found.shape == (1, 3 * scale, 4 * scale)
    assert np.abs(found - expected).max() < 1e-4 * np.abs(residual).max()


def test_a_state_passes_from_level_to_level():
    """What the first level says reaches the last one's state, and only in the order visited."""
    gru = ConvGRU(3).eval()
    levels = [torch.rand(1, 3, 4, 4) for _ in range(4)]
    with torch.no_grad():
        before = gru(levels)
        after = gru([levels[0] + 1, *levels[1:]])
        later = gru([*levels[:3], levels[3] + 1])
    assert all((a - b).abs().max() > 1e-5 for a, b in zip(before, after))
    assert all(torch.equal(a, b) for a, b in zip(before[:3], later[:3]))


@pytest.mark.parametrize(("scale", "millions"), [(4, 2.54), (8, 3.36), (16, 5.75)])
def test_parameters_are_as_many_as_published(scale, millions):
    count = sum(p.numel() for p in AHMF(scale).parameters())
    assert count == pytest.approx(millions * 1e6, rel=0.002)
    assert sum(p.numel() for p in AHMF(scale, compact=True).parameters()) < count


def test_a_flat_scene_gives_finite_gradients():
    """The deviation of constant features is zero, where a root has no slope."""
    method = AHMF(4, 4, 2)
    method(torch.zeros(1, 3, 8, 8), torch.zeros(1, 1, 2, 2)).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in method.parameters())


def test_a_scale_that_is_no_power_of_two_is_refused():
    with pytest.raises(ValueError, match="2, 4, 8, 16, 32, got 6"):
        AHMF(6)
