"""What `diffusion` does, on a CPU: compiled loops that pass over the image few times an iteration, forwards and back.

Importing this module imports numba, which takes a second: do it when it is first needed.

Images and flows are framed by one pixel of zeros: no neighbour is outside, and nothing flows across the border. Rows run
over whole image rows wherever they can, which is what the compiler turns into vector instructions.
"""

from functools import lru_cache

import numba
import numpy as np
import torch
from torch import Tensor

from depth_sr_ros.methods.diffusion import STEP, Source, adjustment, extrapolation, finished
from depth_sr_ros.methods.layers import resize_matrix, upsample_bicubic
from depth_sr_ros.system.compiled import compiled


def diffuse_with_adjustment(source: Source, flow: Tensor, scale: int, name: str, iterations: int, accelerated: bool) -> Tensor:
    """Do what `diffusion.diffuse_with_adjustment` does on float32 CPU tensors; see there for arguments and result."""
    last, _ = _iterate(source, flow, scale, name, iterations, 0, accelerated)
    return finished(last, source, scale, name)


def diffuse_with_gradients(
    source: Source, flow: Tensor, scale: int, iterations: int, gradient_iterations: int, accelerated: bool
) -> Tensor:
    """Do the same with the adjustment "bicubic", and with gradients of the last iterations for the flow alone.

    All of the source must be known: where nothing is asked for, the projection is not its own transpose.
    """
    last = _Diffusion.apply(flow, source, scale, iterations, gradient_iterations, accelerated)
    return finished(last, source, scale, "bicubic")


class _Diffusion(torch.autograd.Function):
    """The iterations, and the gradient of what comes out for the flow.

    An iteration is after = (1 - far) before + far A D now, where D is eq. 1 and A the projection, less a constant. Both
    are symmetric, D because as much flows back as forth: so gradients are diffused and projected as images are.
    """

    @staticmethod
    def forward(ctx, flow, source, scale, iterations, gradient_iterations, accelerated):
        last, kept = _iterate(source, flow, scale, "bicubic", iterations, gradient_iterations, accelerated)
        ctx.save_for_backward(flow)
        ctx.kept, ctx.scale, ctx.accelerated = kept, scale, accelerated
        ctx.steps = range(iterations - kept.shape[1], iterations)
        return last

    @staticmethod
    def backward(ctx, gradient):
        (flow,) = ctx.saved_tensors
        result = torch.empty_like(flow)
        for index, kept in enumerate(ctx.kept):
            found = _gradient_of_flow(gradient[index, 0], flow[index], kept, ctx.scale, ctx.steps, ctx.accelerated)
            result[index] = torch.from_numpy(found)
        return result, None, None, None, None, None


def _iterate(source, flow, scale, name, iterations, gradient_iterations, accelerated) -> tuple[Tensor, np.ndarray]:
    """Iterate from the bicubic image.

    Returns:
        The last states, (B, 1, s*h, s*w); and those that each of the last `gradient_iterations` began with, framed:
        (B, N, s*h + 2, s*w + 2), N being as many as there were.
    """
    images = adjustment(name, source, scale)(upsample_bicubic(source.values, scale))
    height, width = images.shape[-2:]
    first = max(0, iterations - gradient_iterations)
    kept = np.empty((len(images), iterations - first, height + 2, width + 2), np.float32)
    for image, values, known, flows, states in zip(images, source.values, source.known, flow, kept):
        after = _average_iteration if name == "average" else _BicubicIteration(scale, *values[0].shape)
        now = _framed(image[0])
        before = now.copy()
        below, right = _framed(STEP * flows[0]), _framed(STEP * flows[1])
        for step in range(iterations):
            if step >= first:
                states[step - first] = now
            far = np.float32(extrapolation(step, accelerated))
            after(now, before, below, right, values[0].numpy(), known[0].numpy(), far)
            now, before = before, now
        image[0] = torch.from_numpy(now)[1:-1, 1:-1]
    return images, kept


def _gradient_of_flow(gradient, flows, kept, scale, steps, accelerated) -> np.ndarray:
    """Go back through the steps: (H, W) of the last state, and each step's framed state -> (2, H, W) of the flow."""
    height, width = gradient.shape
    below, right = _framed(STEP * flows[0]), _framed(STEP * flows[1])
    project = _BicubicIteration(scale, height // scale, width // scale).project
    result = np.zeros((2, height, width), np.float32)
    of_now, of_before = gradient.numpy().copy(), np.zeros((height, width), np.float32)
    projected, diffused = np.zeros((height + 2, width + 2), np.float32), np.empty((height, width), np.float32)
    for step, state in zip(reversed(steps), kept[::-1]):
        far = np.float32(extrapolation(step, accelerated))
        project(of_now, far, projected)
        _add_gradients(state, projected, result)
        _diffuse(projected, below, right, diffused)
        of_now, of_before = of_before + diffused, (1 - far) * of_now
    return result


def _framed(plane: Tensor) -> np.ndarray:
    """(H, W) -> (H + 2, W + 2)."""
    return torch.nn.functional.pad(plane, (1, 1, 1, 1)).numpy()


@compiled(fastmath=True, inline="always")
def _diffused_row(now, below, right, row, out):
    """Eq. 1 for one framed row; flows are already multiplied by lambda."""
    above, here, under = now[row - 1, 1:], now[row, 1:], now[row + 1, 1:]
    left, after = now[row], now[row, 2:]
    up, down, back, forth = below[row - 1, 1:], below[row, 1:], right[row], right[row, 1:]
    for x in range(out.size):
        depth = here[x]
        vertical = (above[x] - depth) * up[x] + (under[x] - depth) * down[x]
        out[x] = depth + vertical + (left[x] - depth) * back[x] + (after[x] - depth) * forth[x]


@compiled(parallel=True, fastmath=True)
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

    R is banded, and R+ = R' (R R')^-1: so a few multiplications a pixel do, and dense products at the LR depth.
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

    def project(self, image: np.ndarray, far: np.float32, result: np.ndarray) -> None:
        """Put into the framed result what of (H, W) `image` no reduction sees, times `far`."""
        self.diffused[:] = image
        nothing, everything = np.zeros_like(self.missing), np.ones_like(self.missing)
        _measure(self.diffused, nothing, everything, *self.rows[:2], *self.columns, self.missing)
        _widen(self.missing, self.rows[2], *self.columns[:2], self.widened)
        result[:] = 0
        _correct(self.diffused, self.widened, *self.rows[:2], far, result)


@lru_cache(maxsize=16)
def _reduction(side: int, scale: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the bicubic R (side, scale * side), where each row's numbers begin and end (side, 2), and (R R')^-1."""
    matrix = np.array(resize_matrix(scale * side, side))
    filled = matrix != 0
    ends = np.stack((filled.argmax(1), matrix.shape[1] - filled[:, ::-1].argmax(1)), axis=1)
    exact = matrix.astype(np.float64)
    return matrix, ends, np.linalg.inv(exact @ exact.T).astype(np.float32)


@compiled(parallel=True, fastmath=True)
def _diffuse(now, below, right, diffused):
    for row in numba.prange(diffused.shape[0]):
        _diffused_row(now, below, right, row + 1, diffused[row])


@compiled(parallel=True, fastmath=True)
def _add_gradients(now, gradient, result):
    """What eq. 1 gives the flow between p and n, where n is below p or right of it: lambda (g_p - g_n) (x_n - x_p)."""
    step = np.float32(STEP)
    for row in numba.prange(result.shape[1]):
        here, under, change, change_under = now[row + 1], now[row + 2], gradient[row + 1], gradient[row + 2]
        below, right = result[0, row], result[1, row]
        if row + 1 < result.shape[1]:
            for x in range(below.size):
                below[x] += step * (change[x + 1] - change_under[x + 1]) * (under[x + 1] - here[x + 1])
        for x in range(right.size - 1):
            right[x] += step * (change[x + 1] - change[x + 2]) * (here[x + 2] - here[x + 1])


@compiled(parallel=True, fastmath=True)
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


@compiled(parallel=True, fastmath=True)
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


@compiled(parallel=True, fastmath=True)
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


@compiled(fastmath=True, inline="always")
def _add(weight, line, total):
    """total += weight * line."""
    for x in range(total.size):
        total[x] += weight * line[x]
