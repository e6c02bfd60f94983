"""Joint bilateral upsampling by a cost volume (Kopf et al. 2007; Yang, Yang, Davis, Nister 2007)."""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from depth_sr_ros.methods.base import Method
from depth_sr_ros.methods.layers import upsample_bicubic
from depth_sr_ros.system.compiled import compiled

LEVELS = 31  # depth hypotheses d over the image's range; more gain nothing, as the parabola finds what is between
# These three are the best tried on the development pairs at x8.
TRUNCATION = 0.05  # of the image's range; depths further from d all cost the same
SPATIAL_DECAY = 0.5  # gamma_s, LR pixels
COLOUR_DECAY = 0.15  # gamma_c, of the mean difference between colours in [0, 1]
WINDOW_SIDE = 17  # neighbours, at most, that are looked at along a side of the window


class JointBilateral(Method):
    """Every pixel takes the depth that most of its neighbours of like colour have, not the mean of what they have.

    A neighbour q of pixel p weighs as in joint bilateral upsampling (Kopf et al., eq. 3), with Yang et al.'s kernels:

        w(p, q) = exp(-|p - q| / gamma_s) exp(-|I_p - I_q| / gamma_c),    |I_p - I_q| a mean over the three colours.

    Kopf et al. take the mean of depths by these weights, which blurs edges wherever the bicubic depth is on its way from
    one side to the other. Yang et al. filter a cost volume by them and take its minimum over hypotheses d,

        D(p) = argmin_d sum_q w(p, q) min(truncation^2, (d - D_bicubic(q))^2),

    which is placed between the levels of d by the parabola through the three costs around it.

    Departures from Yang et al.: the first estimate is bicubic; the filter is applied once, as a second round raised the
    error on the development pairs; windows reach one LR pixel, and at scales above 8 not every pixel in
    them is looked at, so that time a pixel stays bounded.

    It is one compiled loop on the CPU, in float32: tensors elsewhere go there and back, and gradients do not pass.
    """

    name = "joint_bilateral"
    summary = "joint bilateral filter of a cost volume: baseline without learning"
    paper = "Kopf et al., Joint Bilateral Upsampling; Yang et al., Spatial-Depth Super Resolution for Range Images"
    learned = False

    def forward(self, guide: Tensor, depth: Tensor) -> Tensor:
        """Upsample `depth`; see `Method.forward` for shapes."""
        source, colours = (tensor.detach().float().cpu().contiguous() for tensor in (depth, guide))
        filtered = [
            joint_bilateral(one, image[0].numpy(), float(low.min()), float(low.max()), self.scale)
            for one, image, low in zip(colours.numpy(), upsample_bicubic(source, self.scale), source)
        ]
        return torch.from_numpy(np.stack(filtered)[:, None]).to(depth)


def joint_bilateral(guide: np.ndarray, image: np.ndarray, lowest: float, highest: float, scale: int) -> np.ndarray:
    """Filter one image; see `JointBilateral`.

    Args:
        guide: (3, H, W) float32 in [0, 1].
        image: (H, W) float32, the bicubic depth; what overshoots the range counts as its end.
        lowest, highest: the range of depths, in the unit of `image`.
        scale: of the upsampling, by which the window is measured.

    Returns:
        (H, W) float32. `image` itself where the range is empty or invalid.
    """
    step = (highest - lowest) / (LEVELS - 1)
    if not 0 < step < np.inf:
        return image
    stride = math.ceil(2 * scale / (WINDOW_SIDE - 1))
    line = stride * np.arange(-(scale // stride), scale // stride + 1)
    spatial = np.exp(-np.hypot(line[:, None], line) / (SPATIAL_DECAY * scale)).astype(np.float32)
    places = ((image - np.float32(lowest)) / np.float32(step)).clip(0, LEVELS - 1)
    found = np.empty_like(image)
    colour_fall, truncation = np.float32(1 / (3 * COLOUR_DECAY)), np.float32(TRUNCATION * (LEVELS - 1))
    _compiled_filter()(guide, places, spatial, stride, colour_fall, truncation, found)
    return np.float32(lowest) + np.float32(step) * found


@lru_cache(maxsize=1)
def _compiled_filter():
    """Compile the loop when it is first needed: numba takes a second to import and to load its cache."""
    import numba

    half, two, above = np.float32(0.5), np.float32(2), np.float32(LEVELS - 1)

    @compiled(parallel=True, fastmath=True)
    def cost_volume_minimum(guide, places, spatial, stride, colour_fall, truncation, found):
        height, width = places.shape
        radius = spatial.shape[0] // 2
        for y in numba.prange(height):
            # What each hypothesis saves of the largest cost; one more at either end is for the parabola alone.
            saved = np.empty(LEVELS + 2, np.float32)
            for x in range(width):
                saved[:] = 0
                red, green, blue = guide[0, y, x], guide[1, y, x], guide[2, y, x]
                for i in range(-radius, radius + 1):
                    row = y + i * stride
                    if row < 0 or row >= height:
                        continue
                    for j in range(-radius, radius + 1):
                        column = x + j * stride
                        if column < 0 or column >= width:
                            continue
                        difference = abs(guide[0, row, column] - red) + abs(guide[1, row, column] - green)
                        difference += abs(guide[2, row, column] - blue)
                        weight = spatial[i + radius, j + radius] * np.exp(-colour_fall * difference)
                        place = places[row, column] + np.float32(1)
                        first = max(0, int(np.ceil(place - truncation)))
                        last = min(LEVELS + 1, int(place + truncation))
                        for level in range(first, last + 1):
                            saved[level] += weight * (truncation**2 - (np.float32(level) - place) ** 2)
                best = 1
                for level in range(2, LEVELS + 1):
                    if saved[level] > saved[best]:
                        best = level
                before, after = saved[best - 1], saved[best + 1]
                bend = before + after - two * saved[best]
                between = half * (before - after) / bend if bend < 0 else np.float32(0)
                found[y, x] = min(max(np.float32(best - 1) + between, np.float32(0)), above)

    return cost_volume_minimum
