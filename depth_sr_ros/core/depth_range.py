"""The range of an image's depth, and how it is brought to the [0, 1] that networks see.

They have learnt from images that fill this range. One saturated pixel of 65.5 m would leave a twentieth of it to a room of
3 m, whose edges a network then hardly sees: its error doubles, all over the image. So where an image has a far part that is
set apart from the rest, that part is compressed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

NEAR_SHARE = 0.4  # of the pixels are near, whatever the others are: up to half of the image may be far
SPARSE_SHARE = 0.02  # of the pixels, in a bin of a quarter octave: what mixes near and far at edges stays below
FAR_RATIO = 3.0  # between far and near; real cameras' ordinary images have up to 2.7 (docs/accuracy.md)
TAIL_SHARE = 0.2  # of the near part's range, for all that is far: near errors grow by up to 3 %, see benchmark/far_depth.py
FAR_SHARE = 0.05  # of the pixels, from which on they are worth a second run of the network
FLATTEST = 0.01  # range of the near part at least, relative to its distance
BINS_PER_OCTAVE = 4
MOST_COUNTED = 1 << 14  # pixels; a distribution needs no more


@dataclass(frozen=True)
class DepthRange:
    """A monotone map between metres and [0, 1]: linear up to a knee, logarithmic beyond, with one slope where they meet.

    unit = t(depth) / (t(farthest) - nearest), t(d) = d - nearest up to the knee k, and
    k - nearest + width * log(1 + (d - k) / width) beyond.

    Attributes:
        nearest, farthest: metres, of the image.
        knee: where the near part ends; `farthest` where nothing is far.
        width: metres, of the logarithm; it takes no more than `TAIL_SHARE` of the near part's range for all that is far.
    """

    nearest: float
    farthest: float
    knee: float
    width: float = 0.0

    @classmethod
    def linear(cls, depth: np.ndarray) -> DepthRange:
        """Range from an image's minimum to its maximum, as the literature has it."""
        farthest = float(depth.max())
        return cls(float(depth.min()), farthest, farthest)

    @classmethod
    def robust(cls, depth: np.ndarray) -> DepthRange:
        """Range of which what is far takes little; `linear` where no part of the image is far from the rest.

        Args:
            depth: float32 metres, positive, without holes; any shape.
        """
        whole = cls.linear(depth)
        if whole.farthest < FAR_RATIO * whole.nearest:
            return whole
        knee = _knee(depth, whole)
        near = max(knee - whole.nearest, FLATTEST * knee)
        if whole.farthest < FAR_RATIO * knee:
            return whole
        return cls(whole.nearest, whole.farthest, knee, _width(whole.farthest - knee, TAIL_SHARE * near))

    def to_unit(self, depth: np.ndarray) -> np.ndarray:
        """(h, w) float32 metres, as the image that the range is of, -> a new (h, w) float32 in [0, 1].

        A constant image becomes zeros, and `to_metres` gives that constant back whatever a network made of them.
        """
        unit = depth - np.float32(self.nearest)
        if self.width:
            far = depth > self.knee
            unit[far] = self.knee - self.nearest + self._compressed(depth[far].astype(np.float64))
        if self._span > 0:
            unit /= np.float32(self._span)
        return unit

    def to_metres(self, unit: np.ndarray) -> np.ndarray:
        """Undo `to_unit`: a new float32 array. What lies beyond [0, 1] goes on linearly; not beyond a tail, though."""
        depth = unit * np.float32(self._span)
        depth += np.float32(self.nearest)
        if self.width:
            far = depth > self.knee
            beyond = np.minimum(depth[far].astype(np.float64) - self.knee, self._tail)
            depth[far] = self.knee + self.width * np.expm1(beyond / self.width)
        return depth

    def _compressed(self, depth: np.ndarray | float) -> np.ndarray:
        return self.width * np.log1p((depth - self.knee) / self.width)

    @property
    def _tail(self) -> float:
        """What the far part takes, in the near part's metres."""
        return float(self._compressed(self.farthest)) if self.width else 0.0

    @property
    def _span(self) -> float:
        return self.knee - self.nearest + self._tail


def upsample_in_layers(upsample: Callable[[np.ndarray, DepthRange], np.ndarray], depth: np.ndarray) -> np.ndarray:
    """Upsample so that what is far does not change what is near.

    Compressed, the far part keeps its place but loses its detail. So where it is more than a few pixels it is upsampled once
    more, alone, in a range of its own.

    Args:
        upsample: takes a depth image and the range to normalise it by, returns a new (s*h, s*w) float32 in metres.
        depth: (h, w) float32 metres, positive, without holes.
    """
    near_range = DepthRange.robust(depth)
    upsampled = upsample(depth, near_range)
    knee = np.float32(near_range.knee)
    far = depth[depth > knee]
    if far.size > FAR_SHARE * depth.size:
        of_far = upsample(np.maximum(depth, knee), replace(DepthRange.robust(far), nearest=near_range.knee))
        np.copyto(upsampled, np.maximum(of_far, knee), where=upsampled > knee)
    return upsampled


def _knee(depth: np.ndarray, whole: DepthRange) -> float:
    """Where the near part ends: below the first wide gap that few pixels lie in; `farthest` where there is none."""
    some = depth.ravel()[:: max(1, depth.size // MOST_COUNTED)]
    octaves = np.maximum(np.log2(some) - math.log2(whole.nearest), 0)  # rounding may leave the nearest below itself
    shares = np.bincount((BINS_PER_OCTAVE * octaves).astype(int)) / some.size
    first = int(np.searchsorted(np.cumsum(shares), NEAR_SHARE)) + 1
    last = int(BINS_PER_OCTAVE * math.log2(whole.farthest / whole.nearest)) + 1
    populated = [*np.flatnonzero(shares >= SPARSE_SHARE), last]
    begin = first
    for end in populated:
        if end >= first:
            if end - begin >= BINS_PER_OCTAVE * math.log2(FAR_RATIO) - 1:  # the next is a bin at the most
                return float(depth[depth < whole.nearest * 2 ** (begin / BINS_PER_OCTAVE)].max())
            begin = end + 1
    return whole.farthest


def _width(far: float, room: float) -> float:
    """The width for which `far` metres beyond the knee take `room` metres: width * log(1 + far / width) = room < far."""
    low, high = math.log(room) - 40, math.log(far)
    for _ in range(60):
        middle = (low + high) / 2
        if math.exp(middle) * math.log1p(far / math.exp(middle)) < room:
            low = middle
        else:
            high = middle
    return math.exp(low)
