"""FDKN's feature streams inside other methods: the same features, whatever they serve."""

import pytest
import torch

from depth_sr_ros.methods.ahmf import AHMF
from depth_sr_ros.methods.dada import DADA
from depth_sr_ros.methods.fdkn import FDKN
from depth_sr_ros.methods.jiif import JIIF
from depth_sr_ros.methods.layers import upsample_bicubic
from depth_sr_ros.methods.naima import NAIMA
from depth_sr_ros.methods.registry import load_method
from depth_sr_ros.methods.streams import Context, FeatureStream, StreamFeatures, TwoStreams

SMALL_NAIMA = dict(
    encoder="own", streams=True, width=8, depth_groups=1, depth_blocks=1, rgb_blocks=1, upsampler_stages=1,
    rgb_to_upsampler=True, own_channels=8, own_blocks=1,
)  # fmt: skip
SMALL_JIIF = dict(streams=True, guide_features=4, depth_width=8, depth_blocks=1, hidden=(8, 8))
WIDTHS = (8, 12, 16)
METHODS = {
    "ahmf": lambda scale: AHMF(scale, channels=8, compact=True, streams="both", context=WIDTHS, context_blocks=1),
    "ahmf, guide only": lambda scale: AHMF(scale, channels=8, compact=True, streams="guide"),
    "dada": lambda scale: DADA(
        scale, encoder="streams", encoder_config={"context": WIDTHS, "blocks": 1}, iterations=4, gradient_iterations=4
    ),
    "jiif": lambda scale: JIIF(scale, context=WIDTHS, context_blocks=1, **SMALL_JIIF),
    "naima": lambda scale: NAIMA(
        scale, context=WIDTHS, context_blocks=1, streams_to_upsampler=True, finish_width=12, **SMALL_NAIMA
    ),
}


def pair(scale, rows=5, columns=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    guide = torch.rand(1, 3, scale * rows, scale * columns, generator=generator)
    return guide, torch.rand(1, 1, rows, columns, generator=generator)


def test_they_make_the_features_that_fdkn_makes():
    """What FDKN has learnt means the same in both: its weights fit, and so do the numbers of its last layer."""
    fdkn = load_method("fdkn", 8)
    streams = TwoStreams().eval()
    streams.guide.load_state_dict(fdkn.guide.features.state_dict())
    streams.depth.load_state_dict(fdkn.depth.features.state_dict())
    guide, depth = pair(8)
    upsampled = upsample_bicubic(depth, 8)
    with torch.inference_mode():
        features = streams(guide, upsampled - 0.5)  # a depth whose mean is the middle of its range
        logits = fdkn.guide.weights(features[:, :128]), fdkn.depth.weights(features[:, 128:])
        expected = fdkn.guide(guide), fdkn.depth(upsampled)
    for found, wanted in zip(logits, expected, strict=True):
        assert torch.allclose(found.permute(0, 2, 3, 1), wanted[..., : found.shape[1]], atol=1e-4)


def test_a_stream_has_the_layers_of_table_2():
    sizes = [tuple(layer.weight.shape) for layer in FeatureStream(3) if isinstance(layer, torch.nn.Conv2d)]
    assert sizes == [
        (32, 48, 3, 3), (32, 32, 3, 3), (64, 32, 3, 3), (64, 64, 3, 3), (128, 64, 3, 3), (128, 128, 3, 3)
    ]  # fmt: skip
    assert sum(p.numel() for p in FDKN(8).guide.features.parameters()) == sum(p.numel() for p in FeatureStream(3).parameters())


def test_context_begins_with_nothing_and_then_sees_far():
    """Put under streams that have learnt, it changes nothing; once it has learnt, it sees what the streams cannot."""
    torch.manual_seed(0)
    with_context, without = TwoStreams(WIDTHS).eval(), TwoStreams().eval()
    without.load_state_dict(with_context.state_dict(), strict=False)
    guide, depth = torch.rand(1, 3, 128, 192), torch.rand(1, 1, 128, 192)
    with torch.no_grad():
        assert torch.equal(with_context(guide, depth), without(guide, depth))
        with_context.context.widen[0].weight.normal_()
        changed = guide.clone()
        changed[..., :16] += 0.5
        far = (slice(None), slice(None), slice(None), slice(-16, None))  # 128 pixels away
        assert torch.equal(without(changed, depth)[far], without(guide, depth)[far])
        assert not torch.allclose(with_context(changed, depth)[far], with_context(guide, depth)[far])


def test_blocks_begin_with_nothing():
    """Put into a context that has learnt, they change nothing, and every one of them can learn from there."""
    torch.manual_seed(0)
    without, with_blocks = Context(6, WIDTHS), Context(6, WIDTHS, blocks=2)
    torch.nn.init.normal_(without.widen[0].weight)
    assert not with_blocks.load_state_dict(without.state_dict(), strict=False).unexpected_keys
    features = torch.rand(2, 6, 16, 24)
    assert torch.equal(with_blocks(features), without(features))
    optimiser = torch.optim.SGD(with_blocks.parameters(), lr=1e-2)
    for _ in range(3):  # what stands before a convolution of zeros learns one step after it
        optimiser.zero_grad()
        (with_blocks(features) - 1).square().mean().backward()
        optimiser.step()
    for name, parameter in with_blocks.named_parameters():
        assert parameter.grad.abs().max() > 0, name
    assert not torch.allclose(with_blocks(features), without(features))


@pytest.mark.parametrize("blocks", [0, 2])
@pytest.mark.parametrize("height, width", [(1, 1), (2, 9), (16, 24), (17, 23)])
def test_context_takes_any_size(height, width, blocks):
    context = Context(6, WIDTHS, blocks)
    torch.nn.init.normal_(context.widen[0].weight)
    features = torch.rand(2, 6, height, width)
    found = context(features)
    assert found.shape == features.shape and found.abs().max() > 0


@pytest.mark.parametrize("context", [(), WIDTHS])
@pytest.mark.parametrize("height, width", [(8, 12), (13, 22), (4, 5), (1, 3)])
def test_features_of_every_pixel_of_any_size(height, width, context):
    """What is completed to a multiple of four is cropped again: the inner pixels know nothing of it."""
    features = StreamFeatures(4, 6, context).eval()
    image = torch.rand(2, 4, height, width)
    with torch.inference_mode():
        assert features(image).shape == (2, 6, height, width)


def test_another_number_of_channels_is_refused():
    with pytest.raises(ValueError, match="guide of 3 channels and a depth, not 5"):
        StreamFeatures(5, 6)


@pytest.mark.parametrize("name", METHODS)
def test_a_fresh_context_changes_nothing_whatever_it_serves(name):
    """So that what has learnt without one can go on with one."""
    method = METHODS[name](8).eval()
    guide, depth = pair(8)
    with torch.inference_mode():
        with_context = method(guide, depth)
        for part in method.modules():
            if isinstance(part, TwoStreams):
                part.context = None
        assert torch.equal(method(guide, depth), with_context)


@pytest.mark.parametrize("name", METHODS)
def test_streams_learn_along(name):
    method = METHODS[name](8).train()
    guide, depth = pair(8, rows=4, columns=4)
    ground_truth = torch.rand(1, 1, 32, 32)
    estimate, wanted = method.training_estimate(guide, depth, ground_truth, torch.Generator().manual_seed(0))
    (estimate - wanted).square().mean().backward()
    streams = [part for part in method.modules() if isinstance(part, FeatureStream)]
    assert len(streams) == (1 if name == "ahmf, guide only" else 2)
    for stream in streams:
        assert stream[0].weight.grad.abs().max() > 0


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="streams want compact.*got x2"):
        AHMF(2, compact=True, streams="both")
    with pytest.raises(ValueError, match="streams want compact"):
        AHMF(8, streams="guide")
    with pytest.raises(ValueError, match="no streams 'depth': choose from guide, both"):
        AHMF(8, compact=True, streams="depth")
    with pytest.raises(ValueError, match="streams works at multiples of x4, got x2"):
        NAIMA(2, **SMALL_NAIMA)
    with pytest.raises(ValueError, match="streams_to_upsampler wants streams"):
        NAIMA(8, **SMALL_NAIMA | {"streams": False}, streams_to_upsampler=True)
