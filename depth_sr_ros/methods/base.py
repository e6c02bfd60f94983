"""What every method is: a torch module from a guide and a low-resolution depth to a high-resolution depth."""
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
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    paper: ClassVar[str] = ""
    learned: ClassVar[bool] = True
    is_cut: ClassVar[bool] = False

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
        return self.reconstruct(depth, *self.regress(guide, depth))

    def regress(self, guide: Tensor, depth: Tensor) -> tuple[Tensor, ...]:
        """Return what the network predicts, as input for `reconstruct`. Only cut methods have it."""
        raise TypeError(f"method {self.name!r} is not cut into regress and reconstruct: call it as a whole")

    def reconstruct(self, depth: Tensor, *regressed: Tensor) -> Tensor:
        """Return the (B, 1, s*h, s*w) depth from the prediction: differentiable torch, the reference."""
        raise TypeError(f"method {self.name!r} is not cut into regress and reconstruct: call it as a whole")

    def reconstruct_cpu(self, depth: Tensor, *regressed: Tensor) -> Tensor:
        """Do the same as `reconstruct` on CPU tensors, without gradients and as fast as this CPU can."""
        return self.reconstruct(depth, *regressed)
