"""What every method is: a torch module from a guide and a low-resolution depth to a high-resolution depth."""

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor


class Method(torch.nn.Module):
    """Guided super-resolution of depth by a whole factor.

    A method knows tensors only. Depth comes in filled and normalised to [0, 1] over the image, the guide is RGB in
    [0, 1] at the output's resolution; units, holes and validity are the caller's business.

    A method whose last stage is data-dependent sampling can be *cut*: `regress` is then pure convolutions, which any
    backend compiles, and `reconstruct_cpu` is a hand-written loop for CPUs. For a cut method
    `forward(guide, depth) == reconstruct(depth, *regress(guide, depth))`.

    Weights belong to one scale, unless a method says `any_scale`: then what it makes of a guide and a depth follows
    from their sizes and the weights alone, and one weights file serves every scale.

    A method that `is_iterative` has a property `iterations`, which may be set between any two calls: how many steps it
    takes, from 0. Those of a cut method are taken in `reconstruct`, so what is compiled of `regress` stays valid.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    paper: ClassVar[str] = ""
    learned: ClassVar[bool] = True
    is_cut: ClassVar[bool] = False
    any_scale: ClassVar[bool] = False
    is_iterative: ClassVar[bool] = False

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
        return _in_full_precision(self.reconstruct, depth, *self.regress(guide, depth))

    @torch.no_grad()
    def estimate(self, guide: Tensor, depth: Tensor) -> Tensor:
        """Return what `forward` does, without gradients; on a CPU by the hand-written loop of a cut method."""
        if self.is_cut and depth.device.type == "cpu":
            return _in_full_precision(self.reconstruct_cpu, depth, *self.regress(guide, depth))
        return self(guide, depth)

    def training_estimate(
        self, guide: Tensor, depth: Tensor, truth: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return an estimate and the truth to compare it with: the whole image, unless a method draws pixels from it.

        Args:
            guide, depth: as for `forward`.
            truth: (B, 1, s*h, s*w).
            generator: on the CPU; the source of all randomness, so that runs can be repeated.

        Returns:
            Two tensors of the same shape, (B, 1, s*h, s*w) or (B, 1, 1, N) for N pixels an image.
        """
        return self(guide, depth), truth

    def regress(self, guide: Tensor, depth: Tensor) -> tuple[Tensor, ...]:
        """Return what the network predicts, as input for `reconstruct`. Only cut methods have it."""
        raise TypeError(f"method {self.name!r} is not cut into regress and reconstruct: call it as a whole")

    def reconstruct(self, depth: Tensor, *regressed: Tensor) -> Tensor:
        """Return the (B, 1, s*h, s*w) depth from the prediction: differentiable torch, the reference."""
        raise TypeError(f"method {self.name!r} is not cut into regress and reconstruct: call it as a whole")

    def reconstruct_cpu(self, depth: Tensor, *regressed: Tensor) -> Tensor:
        """Do the same as `reconstruct` on CPU tensors, without gradients and as fast as this CPU can."""
        return self.reconstruct(depth, *regressed)


def _in_full_precision(function: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
    """Call it without autocast: places in an image need more digits than half precision has."""
    device = tensors[0].device.type
    if not torch.is_autocast_enabled(device):
        return function(*tensors)
    with torch.autocast(device, enabled=False):
        return function(*(tensor.float() for tensor in tensors))


class Regression(torch.nn.Module):
    """The convolutions of a cut method as a module of their own: what a backend compiles in its place."""

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.method = method

    def forward(self, guide: Tensor, depth: Tensor) -> tuple[Tensor, ...]:
        """Return `method.regress(guide, depth)`."""
        return self.method.regress(guide, depth)
