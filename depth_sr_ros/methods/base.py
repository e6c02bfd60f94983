"""What every method is: a torch module from a guide and an LR depth to a high-resolution depth."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from depth_sr_ros.methods.identity import identity


class Method(torch.nn.Module):
    """Guided super-resolution of depth by a whole factor.

    A method knows tensors only. Depth comes in filled and normalised to [0, 1] over the image, the guide is RGB in
    [0, 1] at the output's resolution; units, holes and validity are the caller's business.

    A method whose last step is data-dependent sampling has two stages (`two_stage`): `predict` is then pure
    convolutions, which any backend compiles, and `sample_cpu` is a hand-written loop for CPUs. For such a method
    `forward(guide, depth) == sample(depth, *predict(guide, depth))`. With `half_predictions`, `sample_cpu` reads predictions
    in the half precision that a backend computed them in.

    Weights belong to one scale, unless a method says `any_scale`: then what it makes of a guide and a depth follows
    from their sizes and the weights alone, and one weights file serves every scale.

    A method that `is_iterative` has a property `iterations`, which may be set between any two calls: how many steps it
    takes, from 0. Those of a method of two stages are taken in `sample`, so what is compiled of `predict` stays valid.

    Images larger than `pixels_at_once`, of the result, are upsampled in tiles (`core/tiles.py`), which bounds the memory to
    some 2 GB: 1920 x 1080 go through whole, unless a method says less.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    paper: ClassVar[str] = ""
    learned: ClassVar[bool] = True
    two_stage: ClassVar[bool] = False
    half_predictions: ClassVar[bool] = False
    any_scale: ClassVar[bool] = False
    is_iterative: ClassVar[bool] = False
    pixels_at_once: ClassVar[int] = 1 << 21
    if TYPE_CHECKING:
        iterations: int  # a property of those that iterate

    def __init__(self, scale: int) -> None:
        super().__init__()
        if scale < 2:
            raise ValueError(f"scale must be 2 or more, got {scale}")
        self.scale = scale

    def forward(self, guide: Tensor, depth: Tensor) -> Tensor:
        """Upsample.

        Args:
            guide: (B, 3, s*h, s*w) float, RGB in [0, 1].
            depth: (B, 1, h, w) float, normalised.

        Returns:
            (B, 1, s*h, s*w), in the units of `depth`.
        """
        return _in_full_precision(self.sample, depth, *self.predict(guide, depth))

    def identity(self) -> dict[str, str]:
        """Return what decides what `forward` computes, see `identity.identity`: an engine is known by it."""
        return identity(self.name, self.scale, self)

    @torch.no_grad()
    def estimate(self, guide: Tensor, depth: Tensor) -> Tensor:
        """Return what `forward` does, without gradients; on a CPU by the hand-written loop of a method of two stages."""
        if self.two_stage and depth.device.type == "cpu":
            return _in_full_precision(self.sample_cpu, depth, *self.predict(guide, depth))
        return self(guide, depth)

    def training_estimate(
        self, guide: Tensor, depth: Tensor, ground_truth: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return an estimate and the ground truth to compare it with: the whole image, unless a method draws pixels from it.

        Args:
            guide, depth: as for `forward`.
            ground_truth: (B, 1, s*h, s*w).
            generator: on the CPU; the source of all randomness, so that runs can be repeated.

        Returns:
            Two tensors of the same shape, (B, 1, s*h, s*w) or (B, 1, 1, N) for N pixels an image.
        """
        return self(guide, depth), ground_truth

    def predict(self, guide: Tensor, depth: Tensor) -> tuple[Tensor, ...]:
        """Return what the network predicts, as input for `sample`. Only methods of two stages have it."""
        raise TypeError(f"method {self.name!r} has no stages predict and sample: call it as a whole")

    def sample(self, depth: Tensor, *predicted: Tensor) -> Tensor:
        """Return the (B, 1, s*h, s*w) depth from the prediction: differentiable torch, the reference."""
        raise TypeError(f"method {self.name!r} has no stages predict and sample: call it as a whole")

    def sample_cpu(self, depth: Tensor, *predicted: Tensor) -> Tensor:
        """Do the same as `sample` on CPU tensors, without gradients and as fast as this CPU can."""
        return self.sample(depth, *predicted)


def _in_full_precision(function: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
    """Call it without autocast: places in an image need more digits than half precision has."""
    device = tensors[0].device.type
    if not torch.is_autocast_enabled(device):
        return function(*tensors)
    with torch.autocast(device, enabled=False):
        return function(*(tensor.float() for tensor in tensors))


class Predictor(torch.nn.Module):
    """The stage `predict` as a module of their own: what a backend compiles in its place."""

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.method = method
        self.half_outputs = method.half_predictions

    def identity(self) -> dict[str, str]:
        """Return what decides what `predict` computes; how many iterations come after it does not."""
        return identity(self.method.name, self.method.scale, self, frozenset({"_iterations"}))

    def forward(self, guide: Tensor, depth: Tensor) -> tuple[Tensor, ...]:
        """Return `method.predict(guide, depth)`."""
        return self.method.predict(guide, depth)
