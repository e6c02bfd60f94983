"""Teachers: trained methods whose estimates take the place of a share of the ground truth."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from depth_sr_ros.core.ensemble import FLIPS
from depth_sr_ros.methods.diffusion import bicubic_projection
from depth_sr_ros.methods.layers import resize_bicubic
from depth_sr_ros.methods.registry import load_method
from depth_sr_ros.methods.weights import read_manifest


class Teachers:
    """What a target ought to be by the estimates of others (Hinton, Vinyals, Dean, Distilling the Knowledge in a Network).

    The ground truth of a sample says where a ragged or misregistered edge happened to be, which no network can know; at what is
    left to learn, most of the gradient is that chance. The mean of good estimates has the chance taken out of it, so
    fewer steps are needed.

    Args:
        files: weights, one a teacher.
        scale: that they are asked at.
        share: of their mean in the target, 0 to 1; the rest is the ground truth.
        device: "cpu" or "cuda".
        precision: one of `precision.PRECISIONS`, in which they compute.

    Raises:
        MethodError: weights are damaged, or for another scale.
    """

    def __init__(
        self,
        files: Sequence[Path],
        scale: int,
        share: float,
        device: torch.device | str = "cpu",
        precision: str = "float32",
    ) -> None:
        self.scale, self.share, self.precision = scale, share, precision
        methods = [load_method(read_manifest(file).method, scale, file) for file in files]
        # torch accepts a device and a memory format together; its own signature does not say so
        self.methods = [method.to(device, memory_format=torch.channels_last) for method in methods]  # type: ignore[call-overload]

    @torch.no_grad()
    def target(self, guide: Tensor, lr_depth: Tensor, ground_truth: Tensor, generator: torch.Generator) -> Tensor:
        """Return the ground truth with a share of the teachers' mean in it.

        Teachers see the sample turned over at random, so that in the long run the student learns the mean over turns.
        Their reduction is set to the ground truth's, of which there is no doubt.

        Args:
            guide: (B, 3, s*h, s*w); lr_depth: (B, 1, h, w); ground_truth: (B, 1, s*h, s*w).
            generator: on the CPU.

        Returns:
            (B, 1, s*h, s*w).
        """
        mean = torch.zeros_like(ground_truth)
        for method in self.methods:
            axes = [2 + axis for axis in FLIPS[int(torch.randint(len(FLIPS), (), generator=generator))]]
            with torch.autocast(guide.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
                estimate = method.estimate(guide.flip(axes), lr_depth.flip(axes)).float()
            mean += estimate.flip(axes) / len(self.methods)
        adjust = bicubic_projection(resize_bicubic(ground_truth, (lr_depth.shape[-2], lr_depth.shape[-1])), self.scale)
        return torch.lerp(ground_truth, adjust(mean), self.share)
