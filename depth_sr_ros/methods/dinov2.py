"""DINOv2's ViT-S/14 as a frozen source of semantic features (Oquab et al. 2023), from a file that the user names.

The architecture is a plain vision transformer with layer scale. Its published weights are read in the layout in which
they stand on the Hugging Face hub (facebook/dinov2-small, model.safetensors); they do not come with this package.
"""

import os
from pathlib import Path
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.methods.errors import MethodError, MissingWeights

VARIABLE = "DEPTH_SR_DINOV2"  # environment variable that names the weights
FILE = "model.safetensors"  # its name in a folder
WIDTH = 384
HEADS = 6
DEPTH = 12
TRAINED_GRID = 37  # patches per axis in pre-training: 518 pixels
EPSILON = 1e-6  # of the LayerNorms

# Names in the published file -> names here, replaced in this order.
NAMES = (
    ("dinov2.", ""),
    ("embeddings.patch_embeddings.projection", "patches"),
    ("embeddings.cls_token", "class_token"),
    ("embeddings.position_embeddings", "positions"),
    ("encoder.layer.", "blocks."),
    ("attention.attention.", "attention."),
    ("attention.output.dense", "attention.output"),
    ("layer_scale1.lambda1", "scale1"),
    ("layer_scale2.lambda1", "scale2"),
    ("layernorm.", "norm."),
)
UNUSED = ("embeddings.mask_token", "classifier.")  # for pre-training, and of fine-tuned classifiers
AnyModule = TypeVar("AnyModule", bound=nn.Module)


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.output = (nn.Linear(WIDTH, WIDTH) for _ in range(4))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, 384) -> the same."""
        heads = (part(tokens).unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in (self.query, self.key, self.value))
        return self.output(F.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention and a two-layer perceptron, each normalised before, scaled by channel after, and added."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH, EPSILON)
        self.attention = Attention()
        self.scale1 = nn.Parameter(torch.ones(WIDTH))
        self.norm2 = nn.LayerNorm(WIDTH, EPSILON)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(WIDTH, 4 * WIDTH), "fc2": nn.Linear(4 * WIDTH, WIDTH)})
        self.scale2 = nn.Parameter(torch.ones(WIDTH))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, 384) -> the same."""
        tokens = tokens + self.scale1 * self.attention(self.norm1(tokens))
        return tokens + self.scale2 * self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(tokens))))


class DinoV2(nn.Module):
    """ViT-S/14 that returns the patch tokens after some of its blocks, each through the final LayerNorm.

    Its values are buffers that no state dict holds: they do not train, and are not saved with what does.

    Args:
        taps: after which blocks, counted from 1.
    """

    patch = 14
    channels = WIDTH

    def __init__(self, taps: tuple[int, ...] = (3, 6, 9, 12)) -> None:
        super().__init__()
        self.taps = taps
        self.patches = nn.Conv2d(3, WIDTH, self.patch, self.patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.positions = nn.Parameter(torch.zeros(1, TRAINED_GRID**2 + 1, WIDTH))
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.norm = nn.LayerNorm(WIDTH, EPSILON)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return a (B, 384, H/14, W/14) for each tap.

        Args:
            image: (B, 3, H, W), standardised by ImageNet's mean and deviation, sides multiples of 14.
        """
        patches = self.patches(image)
        rows, columns = patches.shape[-2:]
        tokens = torch.cat((self.class_token.expand(image.shape[0], -1, -1), patches.flatten(2).transpose(1, 2)), 1)
        tokens = tokens + self._positions(rows, columns)
        features = []
        for number, block in enumerate(self.blocks, start=1):
            tokens = block(tokens)
            if number in self.taps:
                features.append(self.norm(tokens)[:, 1:].transpose(1, 2).unflatten(2, (rows, columns)))
        return features

    def _positions(self, rows: int, columns: int) -> Tensor:
        """The position embeddings (1, 1 + rows*columns, 384), resized from the grid of the pre-training."""
        if rows == columns == TRAINED_GRID:
            return self.positions
        grid = self.positions[:, 1:].transpose(1, 2).unflatten(2, (TRAINED_GRID, TRAINED_GRID))
        grid = F.interpolate(grid.float(), (rows, columns), mode="bicubic", align_corners=False).to(grid.dtype)
        return torch.cat((self.positions[:, :1], grid.flatten(2).transpose(1, 2)), 1)


def load_dinov2(weights: Path | str | None = None) -> DinoV2:
    """Return the encoder with published weights, frozen.

    Args:
        weights: the safetensors file, or the folder that holds it as model.safetensors; None takes what the environment
            variable DEPTH_SR_DINOV2 names.

    Raises:
        MissingWeights: nothing is named, or there is no such file.
        MethodError: the file is not the safetensors of a ViT-S/14 in the published layout.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = weights_file(weights)
    try:
        published = load_file(path)
    except SafetensorError as error:
        raise MethodError(f"DINOv2 weights {path} are not a readable safetensors file: {error}") from None
    encoder = DinoV2()
    state = {_name(name): tensor.float() for name, tensor in published.items() if not _unused(name)}
    try:
        encoder.load_state_dict(state)
    except RuntimeError as error:
        raise MethodError(f"DINOv2 weights {path} are not those of facebook/dinov2-small: {error}") from None
    return frozen(encoder)


def weights_file(weights: Path | str | None) -> Path:
    """Return the file that an argument or the environment names.

    Raises:
        MissingWeights: the message says where the weights come from and how to name them.
    """
    help_text = (
        "they are published as facebook/dinov2-small on the Hugging Face hub (Apache-2.0): download its "
        f"{FILE} and set {VARIABLE} to that file or its folder; or choose weights of naima with an encoder of its own"
    )
    named = weights or os.environ.get(VARIABLE)
    if not named:
        raise MissingWeights(f"naima with DINOv2 needs that encoder's weights, and none are named: {help_text}")
    path = Path(named).expanduser()
    path = path / FILE if path.is_dir() else path
    if not path.is_file():
        raise MissingWeights(f"there is no file {path} with DINOv2's weights: {help_text}")
    return path


def frozen(module: AnyModule) -> AnyModule:
    """Turn every parameter into a buffer that no state dict holds: moved and cast with the rest, but never changed."""
    for part in module.modules():
        for name, parameter in list(part.named_parameters(recurse=False)):
            delattr(part, name)
            part.register_buffer(name, parameter.detach(), persistent=False)
    return module


def _unused(name: str) -> bool:
    return name.removeprefix("dinov2.").startswith(UNUSED)


def _name(name: str) -> str:
    for published, here in NAMES:
        name = name.replace(published, here)
    return name
