"""NAIMA: its equations by brute force, DINOv2's weights by file, and an encoder of its own."""

import math

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from depth_sr_ros.methods import dinov2, naima
from depth_sr_ros.methods.dinov2 import DinoV2, load_dinov2
from depth_sr_ros.methods.errors import MethodError, MissingWeights
from depth_sr_ros.methods.layers import upsample_bicubic
from depth_sr_ros.methods.naima import NAIMA, Projection, TokenProjection, attend
from depth_sr_ros.methods.registry import load_method
from depth_sr_ros.methods.semantic import SemanticEncoder
from depth_sr_ros.methods.weights import Manifest, save_weights

TINY = {
    "width": 6,
    "depth_groups": 1,
    "depth_blocks": 1,
    "rgb_blocks": 1,
    "upsampler_stages": 2,
    "own_channels": 8,
    "own_blocks": 1,
}


def tiny(scale: int = 4, seed: int = 0, **config) -> NAIMA:
    """A small network whose attentions already count."""
    torch.manual_seed(seed)
    method = NAIMA(scale, **{"encoder": "own", **TINY, **config}).eval()
    with torch.no_grad():
        for level in method.levels:
            level.alpha.fill_(0.5)
    return method


def pair(scale: int = 4, height: int = 5, width: int = 7, batch: int = 1, seed: int = 1):
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.rand(batch, 3, scale * height, scale * width, generator=generator),
        torch.rand(batch, 1, height, width, generator=generator),
    )


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder with random weights in the layout of facebook/dinov2-small."""
    folder = tmp_path_factory.mktemp("dinov2")
    save_file(_published_state(), folder / "model.safetensors")
    return folder


def _published_state() -> dict:
    generator = torch.Generator().manual_seed(4)
    shapes = {
        "embeddings.cls_token": (1, 1, 384),
        "embeddings.mask_token": (1, 384),
        "embeddings.position_embeddings": (1, 1370, 384),
        "embeddings.patch_embeddings.projection.weight": (384, 3, 14, 14),
        "embeddings.patch_embeddings.projection.bias": (384,),
        "layernorm.weight": (384,),
        "layernorm.bias": (384,),
    }
    for number in range(12):
        layer = f"encoder.layer.{number}."
        for name in (
            "attention.attention.query",
            "attention.attention.key",
            "attention.attention.value",
            "attention.output.dense",
        ):
            shapes |= {f"{layer}{name}.weight": (384, 384), f"{layer}{name}.bias": (384,)}
        shapes |= {f"{layer}mlp.fc1.weight": (1536, 384), f"{layer}mlp.fc1.bias": (1536,)}
        shapes |= {f"{layer}mlp.fc2.weight": (384, 1536), f"{layer}mlp.fc2.bias": (384,)}
        for name in (
            "norm1.weight",
            "norm1.bias",
            "norm2.weight",
            "norm2.bias",
            "layer_scale1.lambda1",
            "layer_scale2.lambda1",
        ):
            shapes[layer + name] = (384,)
    return {name: torch.randn(shape, generator=generator) * 0.1 for name, shape in shapes.items()}


def test_attention_by_hand():
    """Equation 4, pixel by pixel."""
    torch.manual_seed(0)
    queries, keys = torch.randn(2, 5, 3, 4), torch.randn(2, 5, 3, 4)
    found = attend(queries, keys)
    for image in range(2):
        q, f = queries[image].flatten(1).T, keys[image].flatten(1).T  # (12, 5)
        for pixel in range(12):
            asked = q[pixel] / q[pixel].square().mean().sqrt()
            logits = torch.stack([(asked * key / key.square().mean().sqrt()).sum() / math.sqrt(5) for key in f])
            expected = (torch.softmax(logits, 0)[:, None] * f).sum(0)
            assert (found[image].flatten(1)[:, pixel] - expected).abs().max() < 1e-5


@pytest.mark.parametrize("factor", [1, 2, 4])
@pytest.mark.parametrize("up", [True, False])
def test_projections_by_the_equations(factor, up):
    """DBPN, eqs. 1 to 10: project, project back, project the difference."""
    torch.manual_seed(0)
    unit = Projection(3, factor, up)
    features = torch.randn(1, 3, 4 * (1 if up else factor), 6 * (1 if up else factor))

    def step(part, image):
        conv, prelu = part
        operation = F.conv_transpose2d if isinstance(conv, torch.nn.ConvTranspose2d) else F.conv2d
        return F.prelu(operation(image, conv.weight, conv.bias, stride=factor, padding=2), prelu.weight)

    first = step(unit.there, features)
    expected = first + step(unit.again, step(unit.back, first) - features)
    assert expected.shape[-2:] == ((4 * factor, 6 * factor) if up else (4, 6))
    assert torch.equal(unit(features), expected)


@pytest.mark.parametrize(("patch", "scale"), [(14, 4), (14, 8), (14, 16), (14, 3), (16, 8), (16, 2), (16, 16)])
def test_tokens_lie_on_the_depth_pixels(patch, scale):
    """A token that differs moves features exactly where its patch and its neighbours' lie."""
    project = TokenProjection(2, 3, patch, scale)
    size = 5 * patch // scale, 6 * patch // scale
    tokens = torch.zeros(1, 2, 5, 6)
    with torch.no_grad():
        for parameter in project.parameters():
            parameter.abs_()  # nothing cancels, no ReLU cuts off
        plain = project(tokens, size)
        tokens[0, 0, 4, 0] = 10
        changed = (project(tokens, size) != plain).any(1)[0]
    assert changed.shape == size
    rows, columns = changed.nonzero().T
    assert rows.min() == 3 * patch // scale and rows.max() == size[0] - 1  # 3 x 3 tokens take part
    assert columns.min() == 0 and columns.max() == -(-2 * patch // scale) - 1


@pytest.mark.parametrize(("scale", "paper"), [(4, 62.844), (8, 81.693), (16, 141.855)])
def test_the_papers_configuration_has_its_parameters(scale, paper, monkeypatch):
    """Table 4, trainable plus frozen, within 1 %. DINOv2's own position embeddings have 37 x 37 places, 22.056 M
    parameters in all; the paper counts them resized to its training patches, 21.876 M and 21.924 M."""
    monkeypatch.setattr(naima, "load_dinov2", lambda weights: dinov2.frozen(DinoV2()))
    with torch.device("meta"):
        method = NAIMA(scale)
    trained = sum(parameter.numel() for parameter in method.parameters())
    fixed = sum(buffer.numel() for buffer in method.semantic.buffers())
    assert fixed == 22_056_192
    assert trained + fixed == pytest.approx(paper * 1e6, rel=0.01)
    assert trained == pytest.approx({4: 40.968e6, 8: 59.769e6, 16: 119.931e6}[scale], rel=0.001)


def test_the_forward_pass_is_the_papers():
    """Equations 1 to 7 in order."""
    method = tiny()
    guide, depth = pair()
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (naima.MEAN, naima.DEVIATION))
    with torch.no_grad():
        picture = (guide - mean) / deviation
        tokens = method.semantic(F.pad(picture, (0, 4, 0, 12)))  # 20 x 28 to 32 x 32
        d, r = method.depth_head(depth), method.rgb_head(picture)
        for level, tau in zip(method.levels, tokens):
            e = level.depth(d)
            e = e + level.alpha * attend(e, level.tokens(tau, (5, 7)))
            r = level.rgb(r)
            d = e + level.merge(level.down(torch.cat((level.up(e), r), 1)))
        expected = method.upsampler(d) + upsample_bicubic(depth, 4)
        assert (method(guide, depth) - expected).abs().max() < 1e-6


@pytest.mark.parametrize("scale", [4, 8, 16])
def test_a_fresh_network_changes_little(scale):
    """Whatever the scale, whose kernels and strides differ: no level makes features many times as large."""
    torch.manual_seed(0)
    method = NAIMA(scale, encoder="own", width=32, depth_groups=1, depth_blocks=2, rgb_blocks=1, fold=4)
    guide, depth = torch.rand(1, 3, 8 * scale, 8 * scale), torch.rand(1, 1, 8, 8)
    with torch.no_grad():
        residual = method(guide, depth) - upsample_bicubic(depth, scale)
    assert 1e-3 < residual.std() < 1


def test_attention_starts_without_a_say():
    torch.manual_seed(0)
    method = NAIMA(4, encoder="own", **TINY)
    guide, depth = pair()
    with torch.no_grad():
        before = method(guide, depth)
        for parameter in method.semantic.parameters():
            parameter.add_(1)
        assert torch.equal(method(guide, depth), before)


def test_the_upsampler_sees_the_picture_where_asked():
    guide, depth = pair()
    for asked in (True, False):
        method = tiny(rgb_to_upsampler=asked)
        with torch.no_grad():
            for level in method.levels:
                level.merge.weight.zero_()  # closes the fusions
                level.alpha.zero_()
            same = torch.equal(method(guide, depth), method(1 - guide, depth))
        assert same is not asked


def test_the_own_encoders_maps_grow_coarser_by_its_patch():
    maps = SemanticEncoder(8, 1)(torch.rand(2, 3, 48, 32))
    assert [tuple(one.shape) for one in maps] == [(2, 8, 3, 2)] * 4


def test_dinov2_by_hand(published):
    """One image through the published layout with plain matrix products."""
    state = _published_state()
    image = torch.randn(1, 3, 28, 42)
    with torch.no_grad():
        found = load_dinov2(published)(image)
    tokens = [state["embeddings.cls_token"][0, 0]]
    kernel = state["embeddings.patch_embeddings.projection.weight"].flatten(1)
    for row in range(2):
        for column in range(3):
            patch = image[0, :, 14 * row : 14 * row + 14, 14 * column : 14 * column + 14].flatten()
            tokens.append(kernel @ patch + state["embeddings.patch_embeddings.projection.bias"])
    positions = state["embeddings.position_embeddings"][0]
    grid = positions[1:].T.reshape(1, 384, 37, 37)
    grid = F.interpolate(grid, (2, 3), mode="bicubic", align_corners=False)[0].flatten(1).T
    x = torch.stack(tokens) + torch.cat((positions[:1], grid))
    expected = []

    def norm(values, name):
        centred = values - values.mean(-1, keepdim=True)
        unit = centred / (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt()
        return unit * state[f"{name}.weight"] + state[f"{name}.bias"]

    for number in range(12):
        layer = f"encoder.layer.{number}."

        def linear(values, name, layer=layer):
            return values @ state[f"{layer}{name}.weight"].T + state[f"{layer}{name}.bias"]

        y = norm(x, layer + "norm1")
        q, k, v = (linear(y, f"attention.attention.{part}") for part in ("query", "key", "value"))
        heads = [
            torch.softmax(q[:, one] @ k[:, one].T / 8, 1) @ v[:, one]
            for one in (slice(64 * head, 64 * head + 64) for head in range(6))
        ]
        x = x + linear(torch.cat(heads, 1), "attention.output.dense") * state[layer + "layer_scale1.lambda1"]
        y = linear(norm(x, layer + "norm2"), "mlp.fc1")
        y = y * 0.5 * (1 + torch.erf(y / math.sqrt(2)))
        x = x + linear(y, "mlp.fc2") * state[layer + "layer_scale2.lambda1"]
        if number in (2, 5, 8, 11):
            expected.append(norm(x, "layernorm")[1:])
    for one, other in zip(found, expected, strict=True):
        assert (one[0].flatten(1).T - other).abs().max() < 1e-4 * other.abs().max()


def test_dinov2_agrees_with_transformers(tmp_path):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.Dinov2Config(
        hidden_size=384,
        num_attention_heads=6,
        num_hidden_layers=12,
        image_size=518,
        patch_size=14,
        out_features=["stage3", "stage6", "stage9", "stage12"],
    )
    transformers.Dinov2Model(config).save_pretrained(tmp_path)
    reference = transformers.Dinov2Backbone.from_pretrained(tmp_path, out_features=config.out_features).eval()
    image = torch.randn(1, 3, 56, 98)
    with torch.no_grad():
        for found, expected in zip(load_dinov2(tmp_path)(image), reference(image).feature_maps, strict=True):
            assert (found - expected).abs().max() < 1e-5


@pytest.mark.parametrize("how", ["folder", "file", "environment"])
def test_naming_the_weights(how, published, monkeypatch):
    monkeypatch.delenv(dinov2.VARIABLE, raising=False)
    if how == "environment":
        monkeypatch.setenv(dinov2.VARIABLE, str(published))
    named = {"folder": published, "file": published / "model.safetensors", "environment": None}[how]
    method = NAIMA(4, dinov2=named, **TINY).eval()
    with torch.no_grad():
        assert method(*pair()).isfinite().all()


def test_a_frozen_encoder_is_neither_trained_nor_saved(published):
    torch.manual_seed(0)
    method = NAIMA(4, dinov2=published, **TINY)
    assert not list(method.semantic.parameters())
    assert not [name for name in method.state_dict() if name.startswith("semantic.")]
    again = NAIMA(4, dinov2=published, **TINY)
    again.load_state_dict(method.state_dict())
    with torch.no_grad():
        assert torch.equal(again(*pair()), method(*pair()))
    assert all(buffer.dtype == torch.bfloat16 for buffer in method.to(torch.bfloat16).semantic.buffers())


def test_a_classifiers_file_will_do(published, tmp_path):
    state = {f"dinov2.{name}": tensor for name, tensor in _published_state().items()}
    save_file({**state, "classifier.weight": torch.zeros(2, 768)}, tmp_path / "model.safetensors")
    image = torch.randn(1, 3, 14, 14)
    with torch.no_grad():
        assert torch.equal(load_dinov2(tmp_path)(image)[3], load_dinov2(published)(image)[3])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_attention_bears_features_of_nothing(dtype):
    nothing = torch.zeros(1, 4, 3, 3, dtype=dtype, requires_grad=True)
    found = attend(nothing, nothing)
    found.sum().backward()
    assert (found == 0).all() and nothing.grad.isfinite().all()


def test_without_weights_the_message_helps(tmp_path, monkeypatch):
    monkeypatch.delenv(dinov2.VARIABLE, raising=False)
    with pytest.raises(MissingWeights, match="facebook/dinov2-small.*DEPTH_SR_DINOV2"):
        NAIMA(8, **TINY)
    with pytest.raises(MissingWeights, match="nowhere.*facebook/dinov2-small"):
        NAIMA(8, dinov2=tmp_path / "nowhere", **TINY)
    with pytest.raises(MissingWeights, match="model.safetensors"):
        NAIMA(8, dinov2=tmp_path, **TINY)


def test_weights_that_want_dinov2_say_so_and_not_that_they_do_not_fit(tmp_path, monkeypatch):
    monkeypatch.delenv(dinov2.VARIABLE, raising=False)
    manifest = Manifest(
        method="naima", scale=8, sha256="", config={"encoder": "dinov2"}, recipe="naima", data="none", trained="never"
    )
    save_weights(tmp_path / "naima_x8.safetensors", {"alpha": torch.zeros(1)}, manifest)
    with pytest.raises(MissingWeights, match="^naima with DINOv2.*DEPTH_SR_DINOV2"):
        load_method("naima", 8, tmp_path / "naima_x8.safetensors")


def test_a_file_that_is_something_else_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"no such thing")
    with pytest.raises(MethodError, match="not a readable safetensors"):
        load_dinov2(path)
    save_file({"layernorm.weight": torch.zeros(768)}, path)
    with pytest.raises(MethodError, match="not those of facebook/dinov2-small"):
        load_dinov2(path)


def test_an_unknown_encoder_is_answered_with_the_known():
    with pytest.raises(MethodError, match="dinov2, own"):
        NAIMA(8, encoder="resnet")
