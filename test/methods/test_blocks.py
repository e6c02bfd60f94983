"""The blocks that methods are built of, against plain references in which every weight has a say."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from references import (
    batch_norm,
    convolution,
    randomised,
    relu,
    shuffled,
    sigmoid,
    state_of,
    stretched,
    transposed_convolution,
    unshuffled,
)

from depth_sr_ros.methods import edsr, unet
from depth_sr_ros.methods.naima import Projection, Upsampler
from depth_sr_ros.methods.semantic import SemanticEncoder, WideBlock
from depth_sr_ros.methods.streams import Context

SEEDS = [0, 1]
U_NETS = {"light": lambda: unet.LightUNet(4, 3, (4, 6, 8)), "resnet50": lambda: unet.ResNet50UNet(4, 3)}
REACH = {"light": 128, "resnet50": 176}  # pixels: no feature sees farther


def drawn(block, seed=0):
    """A block whose weights are all drawn at random, those that start at zero too; and these weights."""
    block = randomised(block.double(), torch, torch.Generator().manual_seed(seed))
    return block, state_of(block)


def batch(*shape, seed=5):
    return torch.randn(2, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def agree(found, expected):
    """Images of a batch and what a reference makes of each."""
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert (other.std((1, 2)) > 0).any()  # not all is cut off
        assert np.abs(one.numpy() - other).max() < 1e-9 * np.abs(other).max()


def convolved(image, state, name, stride=1):
    """By a layer of a state dict, zeros around as far as its kernel reaches."""
    weight = state[f"{name}.weight"]
    return convolution(image, weight, state.get(f"{name}.bias"), weight.shape[-1] // 2, stride)


def normalised(image, state, name, number, stride=1):
    """By layer `number` of a sequence without a bias, and by the batch normalisation after it."""
    return batch_norm(convolved(image, state, f"{name}.{number}", stride), state, f"{name}.{number + 1}")


def completed(image, multiple):
    """The last row and column repeated."""
    height, width = image.shape[1:]
    return np.pad(image, ((0, 0), (0, -height % multiple), (0, -width % multiple)), mode="edge")


# EDSR and RCAN


def residual_block(image, state, name=""):
    return image + convolved(relu(convolved(image, state, f"{name}first")), state, f"{name}second")


def attention_block(image, state, name=""):
    """RCAN, eqs. 8 to 11."""
    residual = convolved(relu(convolved(image, state, f"{name}first")), state, f"{name}second")
    means = residual.mean((1, 2), keepdims=True)
    scales = sigmoid(convolved(relu(convolved(means, state, f"{name}scales.1")), state, f"{name}scales.3"))
    return image + scales * residual


def attention_group(image, state, blocks):
    found = image
    for number in range(blocks):
        found = attention_block(found, state, f"body.{number}.")
    return image + convolved(found, state, f"body.{blocks}")


def encoded(image, state, blocks, stride):
    """EDSR of an image folded by `stride`."""
    head = convolved(unshuffled(completed(image, stride), stride), state, "head.1")
    found = head
    for number in range(blocks):
        found = residual_block(found, state, f"body.{number}.")
    found = head + convolved(found, state, f"body.{blocks}")
    if stride == 1:
        return found
    return shuffled(convolved(found, state, "unfold.0"), stride)[:, : image.shape[1], : image.shape[2]]


@pytest.mark.parametrize("seed", SEEDS)
def test_edsrs_residual_block_is_two_convolutions_and_its_input(seed):
    block, state = drawn(edsr.ResidualBlock(3), seed)
    images = batch(3, 4, 5)
    with torch.no_grad():
        agree(block(images), [residual_block(image, state) for image in images.numpy()])


@pytest.mark.parametrize("squeeze", [1, 2])
@pytest.mark.parametrize("seed", SEEDS)
def test_channels_are_scaled_by_their_means_over_the_image(squeeze, seed):
    block, state = drawn(edsr.AttentionBlock(4, squeeze), seed)
    images = batch(4, 4, 5)
    with torch.no_grad():
        agree(block(images), [attention_block(image, state) for image in images.numpy()])


@pytest.mark.parametrize("blocks", [1, 2])
def test_an_attention_group_adds_its_input_to_what_its_blocks_make(blocks):
    group, state = drawn(edsr.AttentionGroup(3, blocks))
    images = batch(3, 4, 5)
    with torch.no_grad():
        agree(group(images), [attention_group(image, state, blocks) for image in images.numpy()])


@pytest.mark.parametrize(("stride", "features"), [(1, None), (2, None), (2, 3), (3, 2)])
def test_edsr_adds_its_first_features_to_its_last(stride, features):
    """With a stride, which the image's sides need not be multiples of, before they are unfolded."""
    network, state = drawn(edsr.EDSR(2, 4, 2, stride, features))
    images = batch(2, 5, 7)
    with torch.no_grad():
        agree(network(images), [encoded(image, state, 2, stride) for image in images.numpy()])


# NAIMA's own encoder


def gelu(x):
    return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2


def wide_block(image, state, name=""):
    weight, bias = state[f"{name}spread.weight"], state[f"{name}spread.bias"]
    spread = np.concatenate(
        [convolution(image[one : one + 1], weight[one : one + 1], bias[one : one + 1], 3) for one in range(len(image))]
    )
    unit = (spread - spread.mean()) / np.sqrt(spread.var() + 1e-5)
    unit = unit * state[f"{name}norm.weight"][:, None, None] + state[f"{name}norm.bias"][:, None, None]
    return image + convolved(gelu(convolved(unit, state, f"{name}widen")), state, f"{name}narrow")


def semantic_maps(image, state, blocks):
    """Each map is made of the map before it, the first of the stem's features."""
    features = relu(convolved(unshuffled(image, 4), state, "stem.1"))
    features = relu(convolved(features, state, "stem.3", stride=2))
    features = convolved(features, state, "stem.5", stride=2)
    maps = []
    for level in range(4):
        for number in range(blocks):
            features = wide_block(features, state, f"levels.{level}.{number}.")
        maps.append(features)
    return maps


@pytest.mark.parametrize("seed", SEEDS)
def test_a_wide_block_spreads_by_channel_and_mixes_by_pixel(seed):
    block, state = drawn(WideBlock(3), seed)
    images = batch(3, 5, 9)
    with torch.no_grad():
        agree(block(images), [wide_block(image, state) for image in images.numpy()])


@pytest.mark.parametrize("blocks", [1, 2])
def test_each_semantic_map_goes_on_from_the_one_before(blocks):
    encoder, state = drawn(SemanticEncoder(4, blocks))
    images = batch(3, 32, 48)
    with torch.no_grad():
        found = encoder(images)
    expected = [semantic_maps(image, state, blocks) for image in images.numpy()]
    for maps, others in zip(found, zip(*expected), strict=True):
        agree(maps, others)


# NAIMA's upsampler


def projected(image, state, name, factor, up):
    """To the other resolution, back, and what that misses of the image there again."""

    def step(image, part, up):
        operation = transposed_convolution if up else convolution
        layer = f"{name}{part}"
        found = operation(image, state[f"{layer}.0.weight"], state[f"{layer}.0.bias"], 2, factor)
        return np.where(found > 0, found, state[f"{layer}.1.weight"] * found)

    first = step(image, "there", up)
    return first + step(step(first, "back", not up) - image, "again", up)


def upsampled(image, beside, state, stages, factor, fold):
    """phi of eq. 7: all stages and what stands beside them, joined at the high resolution."""
    seen = []
    for stage in range(stages):
        image = attention_block(convolved(image, state, f"refine.{stage}.0"), state, f"refine.{stage}.1.")
        seen.append(projected(image, state, f"project.{stage}.", factor, up=True))
    joined = attention_block(convolved(np.concatenate((*seen, beside)), state, "finish.0"), state, "finish.1.")
    return shuffled(convolved(joined, state, "last"), fold)


@pytest.mark.parametrize("factor", [1, 2, 4])
@pytest.mark.parametrize("up", [True, False])
def test_a_projection_corrects_what_its_way_back_misses(factor, up):
    block, state = drawn(Projection(3, factor, up))
    images = batch(3, 2, 3) if up else batch(3, 2 * factor, 3 * factor)
    with torch.no_grad():
        agree(block(images), [projected(image, state, "", factor, up) for image in images.numpy()])


@pytest.mark.parametrize("stages", [1, 3])
@pytest.mark.parametrize("beside", [0, 2])
def test_all_stages_of_the_upsampler_reach_its_result(stages, beside):
    upsampler, state = drawn(Upsampler(2, stages, factor=2, fold=2, beside=beside, finish_width=3))
    images, others = batch(2, 3, 4), batch(beside, 6, 8)
    with torch.no_grad():
        found = upsampler(images, others) if beside else upsampler(images)
    pairs = zip(images.numpy(), others.numpy())
    agree(found, [upsampled(image, other, state, stages, 2, 2) for image, other in pairs])


# what lies under the streams


def context_block(image, state, name):
    return image + convolved(relu(convolved(relu(image), state, f"{name}.body.1")), state, f"{name}.body.3")


def context_at(level, image, state, depth, blocks):
    """What is found at half the resolution of `image` and below, at that of `image`; None at the bottom."""
    if level == depth:
        return None
    below = relu(convolved(image, state, f"down.{level}.0", stride=2))
    below = relu(convolved(below, state, f"down.{level}.2"))
    found = context_at(level + 1, below, state, depth, blocks)
    found = below if found is None else relu(convolved(relu(found + below), state, f"refine.{level}"))
    if blocks:
        for number in range(blocks):
            found = context_block(found, state, f"blocks.{level}.{number}")
        found = relu(found)
    return stretched(convolved(found, state, f"widen.{level}"), *image.shape[1:])


def context(image, state, depth, blocks):
    """A U-Net of sums; with blocks, others beside it at the image's own resolution that see what it found."""
    found = context_at(0, image, state, depth, blocks)
    if not blocks:
        return found
    own = convolved(image + found, state, "own.0")
    for number in range(blocks):
        own = context_block(own, state, f"own.{number + 1}")
    return found + convolved(relu(own), state, f"own.{blocks + 2}")


@pytest.mark.parametrize("widths", [(4,), (2, 3, 4)])
@pytest.mark.parametrize("blocks", [0, 1, 2])
@pytest.mark.parametrize("size", [(8, 8), (5, 11)])
def test_a_context_is_a_u_net_of_sums_with_blocks_at_every_resolution(widths, blocks, size):
    network, state = drawn(Context(3, widths, blocks))
    images = batch(3, *size)
    with torch.no_grad():
        agree(network(images), [context(image, state, len(widths), blocks) for image in images.numpy()])


# U-Nets


def normalised_block(image, state, name=""):
    """The residual block of the small U-Net."""
    inner = relu(normalised(image, state, f"{name}body", 0))
    return relu(image + normalised(inner, state, f"{name}body", 3))


def bottleneck(image, state, stride, name=""):
    """He et al., fig. 5, right; the shortcut is the image where nothing about its shape changes."""
    inner = relu(normalised(image, state, f"{name}body", 0))
    inner = relu(normalised(inner, state, f"{name}body", 3, stride))
    inner = normalised(inner, state, f"{name}body", 6)
    if f"{name}shortcut.0.weight" in state:
        image = normalised(image, state, f"{name}shortcut", 0, stride)
    return relu(image + inner)


def light_u_net(image, state, levels, ratio):
    height, width = image.shape[1:]
    found = unshuffled(completed(image, ratio * 2 ** (levels - 1)), ratio)
    skips = []
    for level in range(levels):
        found = relu(normalised(found, state, f"down.{level}", 0, 2 if level else 1))
        found = normalised_block(found, state, f"down.{level}.3.")
        skips.append(found)
    for number, skip in enumerate(skips[-2::-1]):
        above = found.repeat(2, 1).repeat(2, 2)
        found = relu(normalised(np.concatenate((above, skip)), state, f"join.{number}", 0))
        found = normalised_block(found, state, f"up.{number}.")
    return shuffled(convolved(found, state, "head"), ratio)[:, :height, :width]


def largest(image):
    """Of 3 x 3 pixels around every second one."""
    image = np.pad(image, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    rows, columns = (size // 2 - 1 for size in image.shape[1:])
    around = [image[:, dy : dy + 2 * rows : 2, dx : dx + 2 * columns : 2] for dy in range(3) for dx in range(3)]
    return np.max(around, 0)


def resnet50_u_net(image, state):
    """At twice the image's size, whose means over 2 x 2 pixels come out."""
    height, width = image.shape[1:]
    found = completed(image, 16)
    found = stretched(found, *(2 * side for side in found.shape[1:]))
    found = relu(normalised(found, state, "stem", 0, 2))
    skips = [found]
    found = largest(found)
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for number in range(blocks):
            found = bottleneck(found, state, 2 if stage and not number else 1, f"stages.{stage}.{number}.")
        skips.append(found)
    nothing = np.zeros((0, *(2 * side for side in skips[0].shape[1:])))  # the last level takes over nothing
    for number, skip in enumerate((*skips[-2::-1], nothing)):
        found = np.concatenate((found.repeat(2, 1).repeat(2, 2), skip))
        found = relu(normalised(found, state, f"up.{number}", 0))
        found = relu(normalised(found, state, f"up.{number}", 3))
    found = convolved(found, state, "head")
    means = sum(found[:, dy::2, dx::2] for dy in (0, 1) for dx in (0, 1)) / 4
    return means[:, :height, :width]


@pytest.fixture(scope="module", params=U_NETS)
def u_net(request):
    """A U-Net of random weights and how far it sees."""
    generator = torch.Generator().manual_seed(3)
    return randomised(U_NETS[request.param](), torch, generator), REACH[request.param]


def strip(height, length):
    """An image long enough for places that do not see each other, and low to save time.

    Its large structures differ too: to the deepest level, plain noise looks the same everywhere.
    """
    generator = torch.Generator().manual_seed(7)
    coarse = torch.rand(1, 4, height // 16, length // 16, generator=generator)
    return F.interpolate(coarse, (height, length)) + torch.rand(1, 4, height, length, generator=generator)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_u_nets_residual_block_adds_its_input(seed):
    block, state = drawn(unet.ResidualBlock(3), seed)
    images = batch(3, 4, 5)
    with torch.no_grad():
        agree(block(images), [normalised_block(image, state) for image in images.numpy()])


@pytest.mark.parametrize(("before", "stride"), [(8, 1), (3, 1), (3, 2), (8, 2)])
def test_a_bottleneck_adds_its_shortcut(before, stride):
    """Of all shapes that ResNet-50 has: the same before and after, more channels, a smaller image."""
    block, state = drawn(unet.Bottleneck(before, 2, stride))
    images = batch(before, 4, 6)
    with torch.no_grad():
        agree(block(images), [bottleneck(image, state, stride) for image in images.numpy()])


@pytest.mark.parametrize(("widths", "ratio"), [((6, 8), 2), ((4, 6, 8), 2), ((6, 8), 4)])
def test_the_light_u_net_joins_its_levels_place_by_place(widths, ratio):
    network, state = drawn(unet.LightUNet(2, 3, widths, ratio))
    images = batch(2, 13, 22)
    with torch.no_grad():
        agree(network(images), [light_u_net(image, state, len(widths), ratio) for image in images.numpy()])


def test_the_resnet_u_net_works_at_twice_the_size_and_comes_back():
    network, state = drawn(unet.ResNet50UNet(2, 3))
    images = batch(2, 18, 22)
    with torch.no_grad():
        agree(network(images), [resnet50_u_net(image, state) for image in images.numpy()])


@pytest.mark.parametrize("upright", [False, True])
def test_a_u_nets_features_move_with_the_image(u_net, upright):
    """By a whole place of its deepest level, away from the ends of the strip, which do not move."""
    net, reach = u_net
    step, length = net.multiple, 2 * reach + 64
    image = strip(step, length + step)
    views = image[..., :length], image[..., step:]
    with torch.no_grad():
        one, other = (net(view.mT.contiguous()).mT if upright else net(view) for view in views)
    one, other = one[..., reach + step : length - reach], other[..., reach : length - reach - step]
    assert (one - other).abs().max() < 1e-4 * one.std()


def test_each_corner_of_the_image_changes_the_features_of_that_corner_most(u_net):
    """And none out of its reach, at whatever level."""
    net, reach = u_net
    rows, columns, cell = 2, reach // net.multiple + 2, net.multiple
    corners = [(row, column) for row in (0, rows - 1) for column in (0, columns - 1)]
    images = strip(rows * cell, columns * cell).repeat(1 + len(corners), 1, 1, 1)
    for image, (row, column) in zip(images[1:], corners):
        image[:, row * cell :, column * cell :][:, :cell, :cell] = 1
    with torch.no_grad():
        plain, *changed = net(images)
    for features, (row, column) in zip(changed, corners):
        change = (features - plain).abs().sum(0, keepdim=True)
        out_of_reach = change[..., reach + cell :] if column == 0 else change[..., : -reach - cell]
        assert out_of_reach.max() < 1e-4 * change.max()
        assert F.avg_pool2d(change, cell).argmax().item() == row * columns + column
