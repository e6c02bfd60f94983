"""Bicubic upsampling, without a look at the guide: the yardstick, and what serves while an engine is built."""

from torch import Tensor

from depth_sr_ros.methods.base import Method
from depth_sr_ros.methods.layers import upsample_bicubic


class Bicubic(Method):
    """Keys' cubic with a = -0.5, as in PIL, which the literature's tables use."""

    name = "bicubic"
    summary = "interpolation without the guide: baseline and fallback"
    learned = False

    def forward(self, guide: Tensor, depth: Tensor) -> Tensor:
        """Upsample `depth`; see `Method.forward` for shapes. `guide` is not used."""
        return upsample_bicubic(depth, self.scale)
