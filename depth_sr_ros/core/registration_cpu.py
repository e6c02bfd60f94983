"""The loops of `registration.Registration`. Importing this module imports numba: do it when it is first needed.

In here depth is inverse depth, 0 where there is none: over the image of a plane it is linear, the nearest is the largest,
and infinitely far is as good as nothing. Places are (u, v) pixels of the target, `cells` to a pixel where depth is denser.
"""

from __future__ import annotations

import numba
import numpy as np

from depth_sr_ros.core.lens import BROWN, EQUIDISTANT
from depth_sr_ros.system.compiled import compiled

SAME_SURFACE = np.float32(0.95)  # neighbours lie on one surface where the farther is no farther than this allows,
COLLINEAR = np.float32(0.02)  # or where three in a row lie on a line as exactly as this, however steep it is
THIN = np.float32(0.25)  # of a pixel's cells: what fills fewer is not kept
NOISE = np.float32(0.98)  # what is nearer by less than this is not in front
HALF = np.float32(0.52)  # of a tile, in pixels of the depth image: tiles of a curved surface must not leave cracks
ZERO, ONE, TWO, TINY, INFINITE = (np.float32(x) for x in (0, 1, 2, 1e-16, np.inf))
RELAXED = {"contract", "arcp", "nsz"}  # NaN and infinity keep their meaning
NEAREST_RATIO = np.float32(1e-3)  # of the depths in both cameras; nearer is at the lens of the target, or behind it


@compiled(error_model="numpy", fastmath=RELAXED)
def place_row(depth, rays, camera, lens, model, u, v, nearness):
    """Where a row of depth lands: (u, v) and the inverse depth in the target, 0 for what does not land.

    Each loop is simple enough to be made vector instructions of, and a row stays in the nearest cache between them.

    depth: (w,), metres; what is not positive and finite does not land. rays: (2, w), the pixels' places on the plane at
    distance 1. camera: (18,), a (3, 4) rotation with translation, and fx, fy, cx, cy, tx, ty. lens, model: `Lens.numbers`.
    """
    xx, xy, xz, x_shift = camera[0], camera[1], camera[2], camera[3]
    yx, yy, yz, y_shift = camera[4], camera[5], camera[6], camera[7]
    zx, zy, zz, z_shift = camera[8], camera[9], camera[10], camera[11]
    fx, fy, cx, cy, tx, ty = camera[12], camera[13], camera[14], camera[15], camera[16], camera[17]
    for column in range(depth.size):
        metres, x, y = depth[column], rays[0, column], rays[1, column]
        lands = (metres > ZERO) & (metres < INFINITE)
        inverse = ONE / metres
        inverse = inverse if lands else ZERO
        ratio = zx * x + zy * y + zz + z_shift * inverse
        lands = lands & (ratio > NEAREST_RATIO)
        reciprocal = ONE / ratio
        u[column] = (xx * x + xy * y + xz + x_shift * inverse) * reciprocal
        v[column] = (yx * x + yy * y + yz + y_shift * inverse) * reciprocal
        nearness[column] = inverse * reciprocal if lands else ZERO
    if model == BROWN:
        distort_brown(u, v, nearness, lens)
    elif model == EQUIDISTANT:
        distort_equidistant(u, v, nearness, lens)
    for column in range(depth.size):
        u[column] = fx * u[column] + tx * nearness[column] + cx
        v[column] = fy * v[column] + ty * nearness[column] + cy


@compiled(error_model="numpy", fastmath=RELAXED)
def distort_brown(x, y, nearness, lens):
    """`Lens.distort` of places on the plane at distance 1, in place; what lies beyond the lens' limit does not land."""
    limit, k1, k2, p1, p2, k3, k4 = lens[0], lens[1], lens[2], lens[3], lens[4], lens[5], lens[6]
    k5, k6, s1, s2, s3, s4 = lens[7], lens[8], lens[9], lens[10], lens[11], lens[12]
    for i in range(x.size):
        across, down = x[i], y[i]
        square = across * across + down * down
        above = ONE + square * (k1 + square * (k2 + square * k3))
        below = ONE + square * (k4 + square * (k5 + square * k6))
        factor, product = above / below, TWO * across * down
        x[i] = across * factor + p1 * product + p2 * (square + TWO * across * across) + square * (s1 + s2 * square)
        y[i] = down * factor + p2 * product + p1 * (square + TWO * down * down) + square * (s3 + s4 * square)
        nearness[i] = nearness[i] if square <= limit else ZERO


@compiled(error_model="numpy", fastmath=RELAXED)
def distort_equidistant(x, y, nearness, lens):
    """As `distort_brown`, for a fisheye lens."""
    limit, k1, k2, k3, k4 = lens[0], lens[1], lens[2], lens[3], lens[4]
    for i in range(x.size):
        square = x[i] * x[i] + y[i] * y[i]
        radius = np.sqrt(square + TINY)
        angle = np.arctan(radius)
        turned = angle * angle
        factor = angle * (ONE + turned * (k1 + turned * (k2 + turned * (k3 + turned * k4)))) / radius
        x[i], y[i] = x[i] * factor, y[i] * factor
        nearness[i] = nearness[i] if square <= limit else ZERO


@compiled(error_model="numpy", parallel=True)
def place_all(depth, rays, camera, lens, model, u, v, nearness):
    """`place_row` for all rows; rays: (h, 2, w)."""
    for row in numba.prange(depth.shape[0]):
        place_row(depth[row], rays[row], camera, lens, model, u[row], v[row], nearness[row])


@compiled(error_model="numpy", parallel=True)
def splat(depth, rays, camera, lens, model, row_cells, column_cells, targets):
    """Every depth pixel into the cell that its centre lands in, where nothing as near is; each part into its own target.

    camera: as for `place_row`, its target's pixels being the cells. row_cells, column_cells: index of the first cell of a
    row, offset of a column: the cells of a pixel lie together.
    targets: (parts, h * w * cells^2), overwritten.
    """
    parts, (height, width) = len(targets), depth.shape
    for part in numba.prange(parts):
        target = targets[part]
        target[:] = 0
        u, v, nearness = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32)
        for row in range(part * height // parts, (part + 1) * height // parts):
            place_row(depth[row], rays[row], camera, lens, model, u, v, nearness)
            for column in range(width):
                x, y = u[column] + np.float32(0.5), v[column] + np.float32(0.5)
                if 0 <= x < column_cells.size and 0 <= y < row_cells.size:
                    cell = row_cells[np.int32(y)] + column_cells[np.int32(x)]
                    held, new = target[cell], nearness[column]
                    target[cell] = new if NOISE * new > held else held  # the nearest of a surface's noise would be too near


@compiled(error_model="numpy", forceinline=True)
def is_one_surface(one, other):
    """Whether two inverse depths of neighbours lie on one surface."""
    return min(one, other) > SAME_SURFACE * max(one, other)


@compiled(error_model="numpy", forceinline=True)
def step(u, v, nearness, before, here, after):
    """How place and inverse depth change from pixel to pixel: (du, dv, dw, whether a neighbour on the same surface says so)."""
    own = nearness[here]
    first, last = here, here
    if before >= 0 and nearness[before] > 0:
        first = before if is_one_surface(own, nearness[before]) else here
    if after >= 0 and nearness[after] > 0:
        last = after if is_one_surface(own, nearness[after]) else here
    if first == last and before >= 0 and after >= 0 and min(nearness[before], nearness[after]) > 0:
        bend = nearness[before] + nearness[after] - TWO * own
        first, last = (before, after) if abs(bend) < COLLINEAR * own else (here, here)
    pixels = (first != here) + (last != here)
    if pixels == 0:
        return np.float32(0), np.float32(0), np.float32(0), False
    share = np.float32(1) / np.float32(pixels)
    return (u[last] - u[first]) * share, (v[last] - v[first]) * share, (nearness[last] - nearness[first]) * share, True


@compiled(error_model="numpy", parallel=True)
def draw_tiles(u, v, nearness, steps, largest, row_cells, column_cells, targets):
    """Every depth pixel as a tile of the surface that it lies on, where it is the nearest; each part into its own target.

    The tile is the parallelogram that its neighbours on the same surface span; where it has none, what something far away
    would fill. u, v, nearness: (h * w,), from `place_all`. steps: (h, w, 4), u and v from pixel to pixel across, then down,
    infinitely far. largest: tiles that reach farther to a side, of something at the lens, are left out. The rest: as for
    `splat`, except that pixels here are the cells there.
    """
    parts, (height, width, _) = len(targets), steps.shape
    for part in numba.prange(parts):
        target = targets[part]
        target[:] = 0
        for row in range(part * height // parts, (part + 1) * height // parts):
            for column in range(width):
                here = row * width + column
                if nearness[here] > 0:
                    left, right = here - 1 if column > 0 else -1, here + 1 if column < width - 1 else -1
                    above, below = here - width if row > 0 else -1, here + width if row < height - 1 else -1
                    across_u, across_v, across_w, known = step(u, v, nearness, left, here, right)
                    if not known:
                        across_u, across_v = steps[row, column, 0], steps[row, column, 1]
                    down_u, down_v, down_w, known = step(u, v, nearness, above, here, below)
                    if not known:
                        down_u, down_v = steps[row, column, 2], steps[row, column, 3]
                    fill(
                        u[here],
                        v[here],
                        nearness[here],
                        across_u,
                        across_v,
                        across_w,
                        down_u,
                        down_v,
                        down_w,
                        largest,
                        row_cells,
                        column_cells,
                        target,
                    )


@compiled(error_model="numpy", forceinline=True)
def fill(u, v, nearness, across_u, across_v, across_w, down_u, down_v, down_w, largest, row_cells, column_cells, target):
    """Draw one tile about (u, v), spanned by its steps across and down."""
    area = across_u * down_v - across_v * down_u
    half_x, half_y = HALF * (abs(across_u) + abs(down_u)), HALF * (abs(across_v) + abs(down_v))
    if not (area > 0 and max(half_x, half_y) < largest):  # seen from behind, or at the lens
        return
    first_x, last_x = np.ceil(max(u - half_x, ZERO)), np.floor(min(u + half_x, np.float32(column_cells.size - 1)))
    first_y, last_y = np.ceil(max(v - half_y, ZERO)), np.floor(min(v + half_y, np.float32(row_cells.size - 1)))
    for y in range(np.int32(first_y), np.int32(last_y) + 1):
        for x in range(np.int32(first_x), np.int32(last_x) + 1):
            right, below = np.float32(x) - u, np.float32(y) - v
            along, down = down_v * right - down_u * below, across_u * below - across_v * right
            if max(abs(along), abs(down)) <= HALF * area:
                cell = row_cells[y] + column_cells[x]
                target[cell] = max(target[cell], nearness + (along * across_w + down * down_w) / area)


@compiled(error_model="numpy", parallel=True)
def reduce_cells(targets, needed, by_mean, reduced, thin):
    """One inverse depth a pixel from its cells, the nearest of all parts in each; 0 where fewer than needed hold one.

    targets: (parts, h * w * cells^2). needed: (h, w) int32. reduced: (h, w), overwritten. thin: (h, w), overwritten with what
    stands before it in a share of the cells, 0 where nothing does.
    """
    height, width = reduced.shape
    count = targets.shape[1] // (height * width)
    for row in numba.prange(height):
        cells = np.empty(count, np.float32)
        for column in range(width):
            first, n = (row * width + column) * count, 0
            depths, lowest, highest = ZERO, INFINITE, ZERO
            for cell in range(first, first + count):
                nearest = targets[0, cell]
                for part in range(1, len(targets)):
                    nearest = max(nearest, targets[part, cell])
                if nearest > 0:
                    cells[n] = nearest
                    n += 1
                    depths += ONE / nearest
                    lowest, highest = min(lowest, nearest), max(highest, nearest)
            reduced[row, column], thin[row, column] = ZERO, ZERO
            if n < needed[row, column]:
                continue
            if by_mean:
                reduced[row, column] = n / depths
            if not (by_mean and is_one_surface(lowest, highest)):  # else sorting would change nothing
                median = middle(cells[:n])
                reduced[row, column] = reduced[row, column] if by_mean else median
                thin[row, column] = before(cells[:n], reduced[row, column])


@compiled(error_model="numpy", parallel=True)
def keep_thin(reduced, thin, depth):
    """Inverse depth to metres, NaN where there is none, with what is thin where no pixel around it holds it.

    A thing that is narrower than half a pixel is nobody's median; the border of a large one is its neighbour's.
    """
    height, width = depth.shape
    for row in numba.prange(height):
        for column in range(width):
            nearness = reduced[row, column]
            if thin[row, column] > 0:
                is_held = False
                for y in range(max(row - 1, 0), min(row + 2, height)):
                    for x in range(max(column - 1, 0), min(column + 2, width)):
                        is_held |= reduced[y, x] > SAME_SURFACE * thin[row, column]
                nearness = nearness if is_held else thin[row, column]
            depth[row, column] = ONE / nearness if nearness > 0 else np.float32(np.nan)


@compiled(error_model="numpy", forceinline=True)
def middle(values):
    """The median: of two in the middle their mean, or the nearer where they lie on two surfaces. Sorts the values."""
    for i in range(1, values.size):
        value, j = values[i], i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value
    low, high = values[(values.size - 1) // 2], values[values.size // 2]
    return np.float32(0.5) * (low + high) if is_one_surface(low, high) else high


@compiled(error_model="numpy", forceinline=True)
def before(values, taken):
    """What the nearest of the sorted values are about, where they lie before what was taken and are THIN of all; else 0."""
    nearest = values[-1]
    if is_one_surface(nearest, taken):
        return ZERO
    first = values.size - 1
    while first > 0 and values[first - 1] > SAME_SURFACE * nearest:
        first -= 1
    count = values.size - first
    return values[first + count // 2] if count >= max(THIN * values.size, TWO) else ZERO
