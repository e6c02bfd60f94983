"""DADA: diffusion guided by learned features (Metzger, Caye Daudt, Schindler, section 3.2)."""

import math

import torch
from torch import Tensor, nn

from depth_sr_ros.methods import diffusion
from depth_sr_ros.methods.base import Method
from depth_sr_ros.methods.dada_free import ITERATIONS, DADAFree
from depth_sr_ros.methods.layers import mean_free, upsample_bicubic
from depth_sr_ros.methods.streams import StreamFeatures
from depth_sr_ros.methods.unet import LightUNet, ResNet50UNet

ENCODERS = {"light": LightUNet, "resnet50": ResNet50UNet, "streams": StreamFeatures}
CHANNELS = 4  # C_1: the guide, and the upsampled depth less its mean


class DADA(DADAFree):
    """A network turns guide and depth into features, whose differences say where depth may not flow.

    In training, gradients pass through the last `gradient_iterations` into network and kappa; a random number of others
    goes before them, so that the network learns to serve any number.

    Departures from the paper, besides `DADAFree`'s: by default a network of our own that a CPU can run (18 GFLOP at 640 x
    480 in place of 420), with fewer features; kappa begins larger than 0.03, because feature differences of a fresh
    network are larger than those of colours, and with hardly any flow there would be hardly any gradient.

    Args:
        scale, kappa, iterations, adjustment, accelerated: see `DADAFree`; `kappa` is where learning begins.
        encoder: "light"; "streams", which may begin with what FDKN has learnt; or "resnet50", the paper's.
        features: C_2; the paper has 64.
        gradient_iterations: N_grad; the paper has 1024 plain ones.
        encoder_config: more keyword arguments of the encoder.
    """

    name = "dada"
    summary = "diffusion guided by learned features, consistent with the input; `iterations` set live"
    paper = "Metzger, Caye Daudt, Schindler, Guided Depth Super-Resolution by Deep Anisotropic Diffusion"
    learned = True

    def __init__(
        self,
        scale: int,
        kappa: float = 0.3,
        iterations: int = ITERATIONS,
        adjustment: str = "average",
        accelerated: bool = True,
        encoder: str = "light",
        features: int = 8,
        gradient_iterations: int = 48,
        encoder_config: dict | None = None,
    ) -> None:
        super().__init__(scale, kappa, iterations, adjustment, accelerated)
        if encoder not in ENCODERS:
            raise ValueError(f"encoder {encoder!r} is none of {', '.join(ENCODERS)}")
        if not 1 <= gradient_iterations <= iterations:
            raise ValueError(f"gradient_iterations must be from 1 to iterations = {iterations}, got {gradient_iterations}")
        self.gradient_iterations = gradient_iterations
        self.extractor = ENCODERS[encoder](CHANNELS, features, **(encoder_config or {}))
        self.log_kappa = nn.Parameter(torch.tensor(math.log(kappa)))

    def forward(self, guide: Tensor, depth: Tensor) -> Tensor:
        """Upsample `depth`; see `Method.forward` for shapes. Invalid depth (NaN) is filled by the diffusion."""
        return Method.forward(self, guide, depth)  # torch throughout: backends trace it

    def predict(self, guide: Tensor, depth: Tensor) -> tuple[Tensor]:
        """Return the coefficients of eq. 2 from features, (B, 2, s*h, s*w) float32."""
        depth = upsample_bicubic(diffusion.fill_with_mean(depth), self.scale)
        features = self.extractor(torch.cat((guide, mean_free(depth)), 1))
        return (diffusion.coefficients(features, self.log_kappa.exp()),)

    def training_estimate(
        self, guide: Tensor, depth: Tensor, ground_truth: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Diffuse for N_grad iterations with gradients after up to N_pre without (section 3.2); see `Method`."""
        (flow,) = self.predict(guide, depth)
        most = max(0, self.iterations - self.gradient_iterations)  # N_pre
        iterations = self.gradient_iterations + int(torch.randint(most + 1, (), generator=generator))
        if depth.device.type == "cpu" and self.adjustment == "bicubic" and not depth.isnan().any():
            return self._diffused_cpu(depth, flow, iterations), ground_truth
        return self._diffused(depth, flow, iterations, self.gradient_iterations), ground_truth

    def _diffused_cpu(self, depth: Tensor, flow: Tensor, iterations: int) -> Tensor:
        """Do what `_diffused` does in compiled loops, some six times as fast."""
        from depth_sr_ros.methods import diffusion_cpu

        with torch.autocast("cpu", enabled=False):  # as there: half precision would not agree with the input
            return diffusion_cpu.diffuse_with_gradients(
                diffusion.prepare(depth.float()), flow.float(), self.scale,
                iterations, self.gradient_iterations, self.accelerated,
            )  # fmt: skip
