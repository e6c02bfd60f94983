"""What `diffusion` does, on a CPU and without gradients: compiled loops that pass over the image few times an iteration.

Importing this module imports numba, which takes a second: do it when it is first needed.

Images and flows are framed by one pixel of zeros: no neighbour is outside, and nothing flows across the border. Rows run
over whole image rows wherever they can, which is what the compiler turns into vector instructions.
"""
from functools import lru_cache

import numba
import numpy as np
import torch
from torch import Tensor

from ..threads import torch_threads_kept
from .diffusion import STEP, Source, adjustment, extrapolation, finished
from .layers import resize_matrix, upsample_bicubic


def diffuse_with_adjustment(
    source: Source, flow: Tensor, scale: int, name: str, iterations: int, accelerated: bool
) -> Tensor:
    """Do what `diffusion.diffuse_with_adjustment` does on float32 CPU tensors; see there for arguments and result."""
    adjust = adjustment(name, source, scale)
    images = adjust(upsample_bicubic(source.values, scale))
    for image, values, known, flows in zip(images, source.values, source.known, flow):
        now = _framed(image[0])
        before = now.copy()
        below, right = _framed(STEP * flows[0]), _framed(STEP * flows[1])
        after = _average_iteration if name == "average" else _BicubicIteration(scale, *values[0].shape)
        with torch_threads_kept():
            for step in range(iterations):
                far = np.float32(extrapolation(step, accelerated))
                after(now, before, below, right, values[0].numpy(), known[0].numpy(), far)
                now, before = before, now
        image[0] = torch.from_numpy(now)[1:-1, 1:-1]
    return finished(images, source, scale, name)


def _framed(plane: Tensor) -> np.ndarray:
    """(H, W) -> (H + 2, W + 2)."""
    return torch.nn.functional.pad(plane, (1, 1, 1, 1)).numpy()


@numba.njit(fastmath=True, nogil=True, cache=True, inline="always")
def _diffused_row(now, below, right, row, out):
    """Eq. 1 for one framed row; flows are already multiplied by lambda."""
    above, here, under = now[row - 1, 1:], now[row, 1:], now[row + 1, 1:]
    left, after = now[row], now[row, 2:]
    up, down, back, forth = below[row - 1, 1:], below[row, 1:], right[row], right[row, 1:]
    for x in range(out.size):
        depth = here[x]
        vertical = (above[x] - depth) * up[x] + (under[x] - depth) * down[x]
        out[x] = depth + vertical + (left[x] - depth) * back[x] + (after[x] - depth) * forth[x]


@numba.njit(parallel=True, fastmath=True, nogil=True, cache=True)
def _average_iteration(now, before, below, right, values, known, far):
    """Eqs. 1 and 3 from `now`, extrapolated from `before` and put in its place, one row of blocks at a time."""
    height, width = values.shape
    scale = (now.shape[0] - 2) // height
    for block_row in numba.prange(height):
        rows = np.empty((scale, scale * width), np.float32)
        ratios = np.zeros(scale * width, np.float32)
        top = block_row * scale + 1
        for row in range(scale):
            out = rows[row]
            _diffused_row(now, below, right, top + row, out)
            for x in range(out.size):
                ratios[x] += out[x]
        for column in range(width):
            block = ratios[column * scale : (column + 1) * scale]
            mean = block.sum() / np.float32(scale * scale)
            block[:] = far * (1 + known[block_row, column] * (values[block_row, column] / mean - 1))
        for row in range(scale):
            out, target = rows[row], before[top + row, 1:]
            for x in range(out.size):
                target[x] = (1 - far) * target[x] + ratios[x] * out[x]


class _BicubicIteration:
    """Eq. 1 and the projection onto the images whose bicubic reduction is the source.

    R is banded, and R+ = R' (R R')^-1: so a few multiplications a pixel do, and dense products at the low resolution.
    """

    def __init__(self, scale: int, height: int, width: int) -> None:
        self.diffused = np.empty((scale * height, scale * width), np.float32)
        self.missing = np.empty((height, width), np.float32)
        self.widened = np.empty((height, scale * width), np.float32)
        self.rows, self.columns = _reduction(height, scale), _reduction(width, scale)

    def __call__(self, now, before, below, right, values, known, far) -> None:
        """Put the state after `now` in the place of `before`."""
        _diffuse(now, below, right, self.diffused)
        _measure(self.diffused, values, known, *self.rows[:2], *self.columns, self.missing)
        _widen(self.missing, self.rows[2], *self.columns[:2], self.widened)
        _correct(self.diffused, self.widened, *self.rows[:2], far, before)


@lru_cache(maxsize=16)
def _reduction(side: int, scale: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the bicubic R (side, scale * side), where each row's numbers begin and end (side, 2), and (R R')^-1."""
    matrix = np.array(resize_matrix(scale * side, side))
    filled = matrix != 0
    ends = np.stack((filled.argmax(1), matrix.shape[1] - filled[:, ::-1].argmax(1)), axis=1)
    exact = matrix.astype(np.float64)
    return matrix, ends, np.linalg.inv(exact @ exact.T).astype(np.float32)


@numba.njit(parallel=True, fastmath=True, nogil=True, cache=True)
def _diffuse(now, below, right, diffused):
    for row in numba.prange(diffused.shape[0]):
        _diffused_row(now, below, right, row + 1, diffused[row])


@numba.njit(parallel=True, fastmath=True, nogil=True, cache=True)
def _measure(diffused, values, known, rows, row_ends, columns, column_ends, columns_inverse, missing):
    """What the diffused image's reduction lacks of the source, times (C C')^-1."""
    for row in numba.prange(values.shape[0]):
        reduced = np.zeros(diffused.shape[1], np.float32)
        for y in range(row_ends[row, 0], row_ends[row, 1]):
            _add(rows[row, y], diffused[y], reduced)
        missing[row] = 0
        for column in range(values.shape[1]):
            total = np.float32(0)
            for x in range(column_ends[column, 0], column_ends[column, 1]):
                total += columns[column, x] * reduced[x]
            lack = known[row, column] * (values[row, column] - total)
            _add(lack, columns_inverse[column], missing[row])


@numba.njit(parallel=True, fastmath=True, nogil=True, cache=True)
def _widen(missing, rows_inverse, columns, column_ends, widened):
    """(R R')^-1 times what is missing, times C."""
    height, width = missing.shape
    for row in numba.prange(height):
        line = np.zeros(width, np.float32)
        for other in range(height):
            _add(rows_inverse[row, other], missing[other], line)
        widened[row] = 0
        for column in range(width):
            start, end = column_ends[column]
            _add(line[column], columns[column, start:end], widened[row, start:end])


@numba.njit(parallel=True, fastmath=True, nogil=True, cache=True)
def _correct(diffused, widened, rows, row_ends, far, before):
    """Add R' times the correction, extrapolate from `before`, and put the result in its place."""
    height, full_height = rows.shape
    scale = full_height // height
    for y in numba.prange(full_height):
        line = diffused[y]  # a pass of its own reads it next: it may be changed in place
        for row in range(max(0, y // scale - 2), min(height, y // scale + 3)):
            _add(rows[row, y], widened[row], line)
        target = before[y + 1, 1:]
        for x in range(line.size):
            target[x] = (1 - far) * target[x] + far * line[x]


@numba.njit(fastmath=True, nogil=True, cache=True, inline="always")
def _add(weight, line, total):
    """total += weight * line."""
    for x in range(total.size):
        total[x] += weight * line[x]
