"""DKN against a network that sees one patch a pixel, against dilated convolutions, and against shift-and-stitch."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from references import batch_norm, convolution, deformable_average, randomised, relu, sigmoid, state_of

from depth_sr_ros.methods.dkn import DKN
from depth_sr_ros.methods.fdkn import FDKN
from depth_sr_ros.methods.layers import upsample_bicubic

SMALL = (2, 3, 4)
HEADS = ("weights.weight", "weights.bias", "offsets.weight", "offsets.bias")


def small(scale, seed):
    return randomised(DKN(scale, SMALL), torch, torch.Generator().manual_seed(seed))


def pair(scale, height, width, seed=0, batch=1):
    generator = torch.Generator().manual_seed(seed)
    guide = torch.rand(batch, 3, scale * height, scale * width, generator=generator)
    return guide, torch.rand(batch, 1, height, width, generator=generator)


def pixel(patch, state, name):
    """Table 1 on one patch (C, 51, 51): logits (9,) and offsets (18,)."""

    def layer(features, which, stride=1):
        return convolution(features, state[f"{name}.{which}.weight"], state[f"{name}.{which}.bias"], stride=stride)

    features = relu(batch_norm(layer(patch, "fine.0"), state, f"{name}.fine.1"))
    assert features.shape[1:] == (45, 45)
    features = relu(layer(features, "to_middle.0", stride=2))
    assert features.shape[1:] == (22, 22)
    features = relu(batch_norm(layer(features, "middle.0"), state, f"{name}.middle.1"))
    features = relu(layer(features, "to_coarse.0", stride=2))
    assert features.shape[1:] == (9, 9)
    features = relu(batch_norm(layer(features, "coarse.0"), state, f"{name}.coarse.1"))
    features = relu(layer(relu(layer(features, "coarse.3")), "coarse.5"))
    assert features.shape[1:] == (1, 1)
    return layer(features, "weights")[:, 0, 0], layer(features, "offsets")[:, 0, 0]


def test_every_pixel_is_what_table_1_makes_of_its_patch():
    method = small(3, 1)
    guide, depth = pair(3, 3, 2, 1)  # 9 x 6: no multiple of 4
    state = state_of(method)
    target = upsample_bicubic(depth, 3)[0].double().numpy()
    around = ((0, 0), (25, 25), (25, 25))
    wide_guide = np.pad(guide[0].double().numpy(), around, mode="edge")
    wide_target = np.pad(target, around, mode="edge")
    kernels, offsets = np.zeros((9, 9, 6)), np.zeros((2, 9, 9, 6))
    for y in range(9):
        for x in range(6):
            window = (slice(None), slice(y, y + 51), slice(x, x + 51))
            guide_weights, guide_offsets = pixel(wide_guide[window], state, "guide")
            target_weights, target_offsets = pixel(wide_target[window], state, "depth")
            weights = sigmoid(guide_weights) * sigmoid(target_weights)
            kernels[:, y, x] = weights - weights.mean()
            offsets[:, :, y, x] = (guide_offsets * target_offsets).reshape(2, 9)
    expected = deformable_average(target[0], kernels, offsets)
    with torch.no_grad():
        found = method(guide, depth)[0, 0].numpy()
    assert np.abs(expected - target[0]).max() > 0.05
    assert np.abs(found - expected).max() < 1e-4


def dilated(stream, image):
    """One dense evaluation of a stream: every layer after a DownConv twice as dilated, no stride."""

    def layer(features, module, dilation):
        return F.conv2d(features, module.weight, module.bias, dilation=dilation)

    features = F.relu(stream.fine[1](layer(image, stream.fine[0], 1)))
    features = F.relu(layer(features, stream.to_middle[0], 1))
    features = F.relu(stream.middle[1](layer(features, stream.middle[0], 2)))
    features = F.relu(layer(features, stream.to_coarse[0], 2))
    features = F.relu(stream.coarse[1](layer(features, stream.coarse[0], 4)))
    features = F.relu(layer(F.relu(layer(features, stream.coarse[3], 4)), stream.coarse[5], 4))
    return torch.cat((stream.weights(features), stream.offsets(features)), 1)


def shuffled(streams):
    """What `predict` or a stream returned, (B, h, w, 27 * 16), pixel by pixel, (B, 27, H, W)."""
    return [F.pixel_shuffle(stream.permute(0, 3, 1, 2), 4) for stream in streams]


def joined(guide_parts, depth_parts):
    """Section 3.2 for streams that know all pixels, (B, 27, H, W): kernels (B, 9, H, W), offsets (B, 18, H, W)."""
    weights = torch.sigmoid(guide_parts[:, :9]) * torch.sigmoid(depth_parts[:, :9])
    return weights - weights.mean(1, keepdim=True), guide_parts[:, 9:] * depth_parts[:, 9:]


@pytest.mark.parametrize(("scale", "height", "width"), [(4, 3, 5), (8, 2, 3), (3, 5, 3), (2, 7, 5)])
def test_dense_evaluation_and_shift_and_stitch_agree(scale, height, width):
    method = small(scale, 2)
    guide, depth = pair(scale, height, width, 2, batch=2)
    target = upsample_bicubic(depth, scale)
    rows, columns = target.shape[-2:]
    wide = [F.pad(image, (25, 24 + -columns % 4, 25, 24 + -rows % 4), mode="replicate") for image in (guide, target)]
    with torch.no_grad():
        found = joined(*shuffled(method.predict(guide, depth)))
        dense = joined(dilated(method.guide, wide[0]), dilated(method.depth, wide[1]))
        stitched = [torch.zeros_like(part) for part in dense]
        unshifted = ((0, 0),)
        for y in range(4):  # section 3.2.1: sixteen passes of the network over shifted inputs
            for x in range(4):
                shifted = [F.pad(image, (-x, x, -y, y)) for image in wide]  # left and up
                parts = joined(method.guide(shifted[0], unshifted, unshifted), method.depth(shifted[1], unshifted, unshifted))
                for whole, part in zip(stitched, parts):
                    whole[..., y::4, x::4] = part
    for one, two, three in zip(found, dense, stitched):
        assert one.shape == two.shape and (one - two).abs().max() < 1e-4
        assert (one - three).abs().max() < 1e-4


def test_training_sees_every_pixel_as_the_dense_evaluation_does():
    method = small(3, 3)
    guide, depth = pair(3, 2, 3, 3)
    places = torch.arange(54.0).view(1, 1, 6, 9)
    seen = torch.zeros(54, dtype=torch.bool)
    with torch.no_grad():
        dense = method(guide, depth).flatten()
        for seed in range(200):
            estimate, ground_truth = method.training_estimate(guide, depth, places, torch.Generator().manual_seed(seed))
            where = ground_truth.long().flatten()
            assert torch.allclose(estimate.flatten(), dense[where], atol=1e-5)
            seen[where] = True
            if seen.all():
                break
    assert seen.all()


def test_parameters_are_as_many_as_published():
    assert sum(p.numel() for p in DKN(8).parameters()) == pytest.approx(1.16e6, rel=0.005)


def on_fdkn(scale, seed):
    """A DKN on FDKN's streams that have learnt something, itself still fresh; and that FDKN."""
    fdkn = randomised(FDKN(scale), torch, torch.Generator().manual_seed(seed))
    method = DKN(scale, SMALL, on_fdkn=True).eval()
    method.fdkn.load_state_dict(fdkn.state_dict())
    features = {name: one for name, one in small(scale, seed).state_dict().items() if not name.endswith(HEADS)}
    method.load_state_dict(features, strict=False)  # features that are not all dead; what predicts remains as it is
    return method, fdkn


def test_on_fdkn_it_begins_as_fdkn_and_adds_to_its_logits_and_offsets():
    method, fdkn = on_fdkn(3, 4)
    guide, depth = pair(3, 5, 3, 4)
    with torch.no_grad():
        assert (method(guide, depth) - fdkn(guide, depth)).abs().max() < 1e-5
        plain = small(3, 5)
        method.guide.load_state_dict(plain.guide.state_dict())
        method.depth.load_state_dict(plain.depth.state_dict())
        found = joined(*shuffled(method.predict(guide, depth)))
        target = upsample_bicubic(depth, 3)
        wide = [F.pad(image, (25, 24 + -9 % 4, 25, 24 + -15 % 4), mode="replicate") for image in (guide, target)]
        sides = []
        for name, image in (("guide", wide[0]), ("depth", wide[1])):
            inner = image[..., 25 : image.shape[-2] - 24, 25 : image.shape[-1] - 24]
            (base,) = shuffled([getattr(method.fdkn, name)(inner)])
            sides.append(dilated(getattr(method, name), image) + base)
        for one, two in zip(found, joined(*sides)):
            assert (one - two).abs().max() < 1e-4


def test_training_on_fdkn_sees_every_pixel_and_both_networks_learn():
    method, _ = on_fdkn(3, 6)
    guide, depth = pair(3, 3, 4, 6)
    dense = method(guide, depth).detach().flatten()
    places = torch.arange(108.0).view(1, 1, 9, 12)
    for seed in range(8):
        estimate, ground_truth = method.training_estimate(guide, depth, places, torch.Generator().manual_seed(seed))
        assert torch.allclose(estimate.flatten(), dense[ground_truth.long().flatten()], atol=1e-5)
    estimate.square().sum().backward()
    for network in (method.guide.weights, method.guide.offsets, method.fdkn.guide.features[0]):
        assert network.weight.grad.abs().max() > 0
