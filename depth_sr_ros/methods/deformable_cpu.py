"""The weighted average of `deformable` on a CPU: one pass over what the streams' last convolutions leave.

A place of the streams holds 4 x 4 pixels and 9 neighbours of each: 144 lanes, which lie beside each other in memory. One loop
makes weights, positions and fractions of all of them, which the compiler turns into vector instructions; a second one fetches
the samples, pixel by pixel. bfloat16 predictions are widened as they are read.

To be imported where the loop is first needed: numba takes a second.
"""

from functools import lru_cache

import numba
import numpy as np
import torch
from numba.extending import overload
from torch import Tensor

from depth_sr_ros.methods.deformable import KERNEL, NEIGHBOURS, REACH
from depth_sr_ros.methods.streams import RATIO
from depth_sr_ros.system.compiled import compiled

PIXELS = RATIO * RATIO  # of a place
LANES = NEIGHBOURS * PIXELS
# 2^f for f in [0, 1), relative error 1e-7: a minimax polynomial, highest power first.
EXP2 = tuple(np.float32(c) for c in (1.8775767e-3, 8.9893397e-3, 5.5826318e-2, 2.4015361e-1, 6.9315308e-1, 9.9999994e-1))
LOG2_E, EXPONENT_BIAS, MANTISSA_BITS = np.float32(1.4426950408889634), 127, 23
LARGEST_EXPONENT = 60  # 2^-60 is no weight, and the product of two 2^60 is still a number
_REACH, _LARGEST, _ZERO, _ONE = np.float32(REACH), np.float32(LARGEST_EXPONENT), np.float32(0), np.float32(1)
_A, _B, _C, _D, _E, _F = EXP2


def weighted_average_cpu(image: Tensor, guide_stream: Tensor, depth_stream: Tensor) -> Tensor:
    """Do what `deformable.kernels_and_offsets` and `deformable.weighted_average` do, without gradients.

    Args:
        image: (B, 1, H, W) float32 on the CPU.
        guide_stream, depth_stream: (B, ceil(H/4), ceil(W/4), 27 * 16), see `deformable.DeformableKernels`; bfloat16 is read
            as it is, other types are made float32.

    Returns:
        (B, 1, H, W) float32.
    """
    table = _lanes()
    out = torch.empty_like(image, memory_format=torch.contiguous_format)
    streams = [_readable(stream) for stream in (guide_stream, depth_stream)]
    for one in range(image.shape[0]):
        # A sample on the last row or column is between it and its repetition: no pixel needs a case of its own.
        padded = np.pad(image[one, 0].numpy(), ((0, 1), (0, 1)), mode="edge")
        _average(padded, streams[0][one], streams[1][one], table, out[one, 0].numpy())
    return out


def _readable(stream: Tensor) -> np.ndarray:
    """float32, or the bits of bfloat16 as uint16."""
    stream = stream.contiguous()
    return stream.view(torch.uint16).numpy() if stream.dtype == torch.bfloat16 else stream.float().numpy()


@lru_cache(maxsize=1)
def _lanes() -> np.ndarray:
    """Of each lane the neighbour's row and column beside the pixel, and the pixel's in its place: (4 * LANES,) float32."""
    neighbour, pixel = np.divmod(np.arange(LANES), PIXELS)
    beside = neighbour // KERNEL - KERNEL // 2, neighbour % KERNEL - KERNEL // 2
    return np.concatenate((*beside, pixel // RATIO, pixel % RATIO)).astype(np.float32)


def _widen(value):
    """float32 of the bits of bfloat16; only compiled."""
    raise NotImplementedError


@overload(_widen, inline="always")
def _(value):
    if value == numba.types.uint16:
        return lambda value: np.uint32(np.uint32(value) << np.uint32(16)).view(np.float32)
    return lambda value: value


@compiled(inline="always", fastmath=True)
def _exp(x):
    """2^(whole + fraction), the whole number put in as the exponent."""
    exponent = min(max(x * LOG2_E, -_LARGEST), _LARGEST) + np.float32(EXPONENT_BIAS)  # positive: cut off is rounded down
    whole = np.int32(exponent)
    x = exponent - np.float32(whole)
    mantissa = ((((_A * x + _B) * x + _C) * x + _D) * x + _E) * x + _F
    return mantissa * np.int32(whole << np.int32(MANTISSA_BITS)).view(np.float32)


@compiled(fastmath=True, error_model="numpy", inline="never")
def _look(guide, depth, lanes, y, x, last_y, last_x, stride, seen, places):
    """Weights, fractions of rows and of columns to `seen`, the upper left pixels' numbers to `places`."""
    for lane in range(LANES):
        seen[lane] = _ONE / ((_ONE + _exp(-_widen(guide[lane]))) * (_ONE + _exp(-_widen(depth[lane]))))
        dy = _widen(guide[lane + LANES]) * _widen(depth[lane + LANES]) + lanes[lane]
        dx = _widen(guide[lane + 2 * LANES]) * _widen(depth[lane + 2 * LANES]) + lanes[lane + LANES]
        sy = min(max(y + lanes[lane + 2 * LANES] + min(max(dy, -_REACH), _REACH), _ZERO), last_y)
        sx = min(max(x + lanes[lane + 3 * LANES] + min(max(dx, -_REACH), _REACH), _ZERO), last_x)
        top, left = np.int32(sy), np.int32(sx)
        seen[lane + LANES] = sy - np.float32(top)
        seen[lane + 2 * LANES] = sx - np.float32(left)
        places[lane] = top * stride + left


@compiled(parallel=True, fastmath=True, error_model="numpy")
def _average(padded, guide, depth, lanes, out):
    (height, width), stride, pixels = out.shape, padded.shape[1], padded.ravel()
    last_y, last_x = np.float32(height - 1), np.float32(width - 1)
    for row in numba.prange(guide.shape[0]):
        seen, places = np.empty(3 * LANES, np.float32), np.empty(LANES, np.int32)
        for column in range(guide.shape[1]):
            y, x = RATIO * row, RATIO * column
            corner = np.float32(y), np.float32(x)
            _look(guide[row, column], depth[row, column], lanes, *corner, last_y, last_x, np.int32(stride), seen, places)
            for pixel in range(PIXELS):
                y, x = RATIO * row + pixel // RATIO, RATIO * column + pixel % RATIO
                if y >= height or x >= width:
                    continue
                own = padded[y, x]  # taken off each sample, as the kernel sums to zero: fewer digits are lost
                product, weights, samples = _ZERO, _ZERO, _ZERO
                for neighbour in range(NEIGHBOURS):
                    lane = neighbour * PIXELS + pixel
                    place, fy, fx = np.uint32(places[lane]), seen[lane + LANES], seen[lane + 2 * LANES]
                    upper = pixels[place] + fx * (pixels[place + 1] - pixels[place])
                    lower = pixels[place + stride] + fx * (pixels[place + stride + 1] - pixels[place + stride])
                    sample = upper + fy * (lower - upper) - own
                    product += seen[lane] * sample
                    weights += seen[lane]
                    samples += sample
                out[y, x] = own + product - weights * samples * np.float32(1 / NEIGHBOURS)
