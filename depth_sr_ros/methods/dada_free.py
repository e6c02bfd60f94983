"""DADA without learning: the colours themselves guide the diffusion (section 3.1; with a dagger in table 2)."""

import torch
from torch import Tensor

from depth_sr_ros.methods import diffusion
from depth_sr_ros.methods.base import Method

ITERATIONS = 120  # accelerated; they cover the diffusion time of 4840 plain ones, the paper takes 8000 + 1024


class DADAFree(Method):
    """Depth diffuses where the guide has no edges and always agrees with the LR depth.

    Departures from the paper: iterations are accelerated (see `diffusion`), with the same equilibrium, and by default
    cover half of the paper's diffusion time; each image's range is moved to [1, 2] before it, as the ratios must not depend
    on where zero is.

    Args:
        scale: between the two resolutions.
        kappa: the difference of colours, all three together and each in [0, 1], at which the flow is halved.
        iterations: see the property.
        adjustment: what down() is in eq. 3: "average", the paper's, fits a sensor whose pixel is the mean of what it
            covers; "bicubic" fits the literature's LR depths. See `diffusion.adjustment`.
        accelerated: False for the paper's plain iterations.
    """

    name = "dada_free"
    summary = "anisotropic diffusion guided by colours, consistent with the input: needs no weights"
    paper = "Metzger, Caye Daudt, Schindler, Guided Depth Super-Resolution by Deep Anisotropic Diffusion, section 3.1"
    learned = False
    two_stage = True
    is_iterative = True

    def __init__(
        self,
        scale: int,
        kappa: float = 0.03,
        iterations: int = ITERATIONS,
        adjustment: str = "average",
        accelerated: bool = True,
    ) -> None:
        super().__init__(scale)
        if adjustment not in diffusion.ADJUSTMENTS:
            raise ValueError(f"adjustment {adjustment!r} is none of {', '.join(diffusion.ADJUSTMENTS)}")
        if not kappa > 0:
            raise ValueError(f"kappa must be above 0, got {kappa}")
        self.kappa = kappa
        self.iterations = iterations
        self.adjustment = adjustment
        self.accelerated = accelerated

    @property
    def iterations(self) -> int:
        """How many diffusion steps are taken: may be set between any two calls, to anything from 0.

        Time is linear in it, and the result agrees with the LR depth at any number. What a backend compiled of
        `predict` stays valid.
        """
        return self._iterations

    @iterations.setter
    def iterations(self, number: int) -> None:
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise ValueError(f"iterations must be a whole number from 0, got {number!r}")
        self._iterations = number

    def forward(self, guide: Tensor, depth: Tensor) -> Tensor:
        """Upsample `depth`; see `Method.forward` for shapes. Invalid depth (NaN) is filled by the diffusion."""
        if depth.device.type == "cpu" and depth.dtype != torch.float64 and not _has_gradient(guide, depth):
            return self.estimate(guide, depth)
        return super().forward(guide, depth)

    def predict(self, guide: Tensor, depth: Tensor) -> tuple[Tensor]:
        """Return the coefficients of eq. 2, (B, 2, s*h, s*w) float32: see `diffusion.coefficients`."""
        return (diffusion.coefficients(guide, self.kappa),)

    def sample(self, depth: Tensor, flow: Tensor) -> Tensor:
        """Diffuse and adjust, eqs. 1 and 3, in float32 at least."""
        return self._diffused(depth, flow, self.iterations, self.iterations)

    @torch.no_grad()
    def sample_cpu(self, depth: Tensor, flow: Tensor) -> Tensor:
        """Do the same in compiled loops."""
        from depth_sr_ros.methods import diffusion_cpu

        source = diffusion.prepare(depth.float())
        result = diffusion_cpu.diffuse_with_adjustment(
            source, flow.float(), self.scale, self.adjustment, self.iterations, self.accelerated
        )
        return result.to(depth.dtype)

    def _diffused(self, depth: Tensor, flow: Tensor, iterations: int, gradient_iterations: int) -> Tensor:
        with torch.autocast(depth.device.type, enabled=False):  # half precision would not agree with the input
            source = diffusion.prepare(depth)
            result = diffusion.diffuse_with_adjustment(
                source, flow.to(source.values.dtype), self.scale, self.adjustment,
                iterations, gradient_iterations, self.accelerated,
            )  # fmt: skip
        return result.to(depth.dtype)


def _has_gradient(*tensors: Tensor) -> bool:
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
