"""The front door without ROS: colour and LR depth in, high-resolution depth out."""

from __future__ import annotations

import logging
import numbers
import os
from pathlib import Path
from typing import Any

import numpy as np

from depth_sr_ros.backends import candidates
from depth_sr_ros.core import depth_image
from depth_sr_ros.core.compiled_method import CompiledMethod, StageClock
from depth_sr_ros.core.ensemble import mean_over_flips
from depth_sr_ros.core.options import FrameOptions, check_kinds
from depth_sr_ros.core.result import DepthResult, FrameError
from depth_sr_ros.core.working_grid import check_view, grid_shape, pad_to_grid
from depth_sr_ros.files.depth_units import to_metres, unit_doubt
from depth_sr_ros.files.limits import MAX_PIXELS

MAX_OUTPUT_PIXELS = 1 << 24  # 4096 x 4096; a garbled header must not ask for all the memory there is

_log = logging.getLogger(__name__)


class Upsampler:
    """Guided super-resolution of depth images by a whole factor.

    >>> import numpy as np
    >>> upsampler = Upsampler("bicubic", scale=8)
    >>> result = upsampler(np.zeros((480, 640, 3), np.uint8), np.full((60, 80), 1500, np.uint16))
    >>> result.depth.shape, float(result.depth[0, 0]), bool(result.valid.all())
    ((480, 640), 1.5, True)

    Args:
        method: a name from `depth-sr methods`.
        scale: output pixels per depth pixel, per axis.
        backend: "auto", or a name from `depth-sr doctor`.
        precision: "auto", "f32" or "bf16".
        weights: a safetensors file with its manifest beside it; None for those of the package.
        degradation: which of the package's weights: "sensor", for what sensors measure, or "exact", for exact reductions of
            the ground truth. Where there are none for sensors the exact ones serve.
        threads: of the network; None leaves it to the backend.
        **options: how frames are upsampled where a call does not say it: the fields of `FrameOptions`.

    One caller at a time.

    Raises:
        TypeError: an argument is of another kind than said here, or invalid.
        ValueError: a value is wrong: MethodError (a ValueError) for the method, its scale, its weights or its iterations,
            BackendError for the backend; each names the valid choices.
    """

    def __init__(
        self,
        method: str = "fdkn",
        scale: int = 8,
        *,
        backend: str = "auto",
        precision: str = "auto",
        weights: Path | str | None = None,
        degradation: str = "sensor",
        threads: int | None = None,
        **options: Any,
    ) -> None:
        from depth_sr_ros.methods.registry import check_iterations, load_method

        check_kinds({"threads": threads}, (numbers.Integral, type(None)), "a whole number or None")
        check_kinds({"weights": weights}, (str, os.PathLike, type(None)), "the name of a file or None")
        self.options = FrameOptions.of(options)
        self._warned = False
        self._method = load_method(method, scale, None if weights is None else Path(weights), degradation)
        check_iterations(method, self.options.iterations)
        self._own_iterations = self._method.iterations if self._method.is_iterative else 0
        self._backends = candidates(backend, threads, precision)
        self._precision = precision
        self._network: CompiledMethod | None = None

    @property
    def method(self) -> str:
        """The method's name."""
        return self._method.name

    @property
    def scale(self) -> int:
        """Output pixels per depth pixel, per axis."""
        return self._method.scale

    @property
    def backend(self) -> str:
        """The name of what runs the network; before it is compiled, what will be tried first."""
        return self._network.backend if self._network else self._backends[0].name

    @property
    def precision(self) -> str:
        """What the network computes in, "f32" or "bf16"; before it is compiled, what was asked for."""
        return self._network.precision if self._network else self._precision

    @property
    def is_iterative(self) -> bool:
        """Whether the method takes `iterations`."""
        return self._method.is_iterative

    def prepare(self, depth_shape: tuple[int, int]) -> None:
        """Compile for depth images of (h, w) ahead of the first one: seconds, or nothing where it is done.

        Raises FrameError for a shape that cannot be, BackendError where no backend compiles the method.
        """
        height, width = depth_shape
        if self._network is not None and self._network.depth_shape == (height, width):
            return
        check_shape(depth_shape, self.scale)
        self._network = None  # frees the old engine before the new one takes its memory
        self._network = CompiledMethod(self._method, self._backends, self._precision, (height, width))

    def __call__(self, rgb: np.ndarray, depth: np.ndarray, options: FrameOptions | None = None) -> DepthResult:
        """Upsample one frame.

        Where the depth image is of the guide's size divided by the scale, rounded up (`working_grid.grid_shape`), the
        result is of the guide's very size; any other guide of its aspect ratio is resized to s*h x s*w, the result's size
        then.

        Args:
            rgb: (H, W, 3) uint8, seeing what the depth image sees.
            depth: (h, w) float, metres, or uint16, counts of `depth_unit`. NaN, infinite, zero, negative and out-of-range
                depth is invalid, and so is what `no_return` lists or a numpy.ma array masks.
            options: of this frame; None takes `self.options`. Another number of iterations compiles nothing anew, unless a
                GPU runs the iterations too.

        Returns:
            The result, in fresh arrays.

        Raises:
            FrameError: its `reason` is "bad_guide", "bad_depth", "too_large" or "no_valid_depth".
            MethodError: iterations of a method that has none.
            BackendError: no backend compiles the method.
        """
        options = self.options if options is None else options
        self._iterate(options.iterations)
        _check_guide(rgb)
        _check_depth(depth)
        check_shape(depth.shape, self.scale)
        height, width = (self.scale * n for n in depth.shape)
        if grid_shape(rgb.shape, self.scale) == depth.shape:
            height, width = rgb.shape[:2]
            rgb = pad_to_grid(rgb, self.scale)
        else:
            check_view(rgb.shape, depth.shape)
        clock = StageClock()
        self.prepare(depth.shape)
        clock.lap("prepare")
        metres = self._metres(depth, options)
        valid = depth_image.valid_mask(metres, options.min_depth, options.max_depth)
        if not valid.any():
            raise FrameError("no_valid_depth", f"none of the {depth.size} depth pixels holds a valid depth{options.limits()}")
        filled = depth_image.fill_nearest(metres, valid)
        clock.lap("fill")
        unit, lo, hi = depth_image.normalise(filled)
        clock.lap("normalise")
        upsampled = depth_image.denormalise(self._upsample(rgb, unit, options.ensemble, clock), lo, hi)
        if options.consistency:
            matrices = depth_image.reduction_matrices(depth.shape, self.scale)
            upsampled = depth_image.project_consistent(upsampled, filled, *matrices)
        elif options.clip_to_measured:
            upsampled = depth_image.clip_to_measured(upsampled, filled, self.scale)
        upsampled = np.ascontiguousarray(upsampled[:height, :width])
        known = self._finish(upsampled, valid, options)
        clock.lap("finish")
        return DepthResult(upsampled, known, self.method, self.backend, clock.times_ms())

    def _metres(self, depth: np.ndarray, options: FrameOptions) -> np.ndarray:
        """(h, w) float32 metres; a unit that makes no sense is told of once."""
        depth = np.ma.filled(depth, 0)  # zero is invalid in any unit; an array without a mask stays as it is
        unit = options.depth_unit, options.no_return
        if not self._warned and (doubt := unit_doubt(depth, *unit)):
            self._warned = True
            _log.warning("%s", doubt)
        return to_metres(depth, *unit)

    def _iterate(self, number: int | None) -> None:
        """Make the method take so many steps; None: its own number."""
        from depth_sr_ros.methods.registry import check_iterations

        check_iterations(self.method, number)
        if not self.is_iterative:
            return
        before = self._method.iterations
        self._method.iterations = self._own_iterations if number is None else number
        if self._network is not None and self._network.is_whole and self._method.iterations != before:
            self._network = None  # what was compiled takes the old number

    def _upsample(self, rgb: np.ndarray, unit: np.ndarray, ensemble: bool, clock: StageClock) -> np.ndarray:
        """(H, W, 3) uint8 and (h, w) in [0, 1] -> (s*h, s*w) float32, good until the next call."""
        network = self._network
        assert network is not None, "it is prepared for every frame"

        def once(rgb: np.ndarray, unit: np.ndarray) -> np.ndarray:
            return network(rgb, unit, clock)

        return mean_over_flips(once, rgb, unit) if ensemble else once(rgb, unit)

    def _finish(self, depth: np.ndarray, valid: np.ndarray, options: FrameOptions) -> np.ndarray:
        """Clip `depth` to the range and put NaN where it is invalid, in place; return the (H, W) validity."""
        if options.min_depth > 0 or options.max_depth < np.inf:
            np.clip(depth, options.min_depth, options.max_depth, out=depth)
        known = depth_image.valid_mask(depth)
        if not options.fill_holes and not valid.all():
            known &= depth_image.upsample_mask(valid, self.scale)[: known.shape[0], : known.shape[1]]
        np.copyto(depth, np.float32(np.nan), where=~known)
        return known


def _check_guide(rgb: np.ndarray) -> None:
    if not isinstance(rgb, np.ndarray) or rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
        raise FrameError("bad_guide", f"guide must be (H, W, 3) uint8 RGB, got {_describe(rgb)}")
    height, width = rgb.shape[:2]
    if height * width > MAX_PIXELS:
        raise FrameError("too_large", f"guide of {width} x {height} pixels: more than {MAX_PIXELS} are not resized")


def _check_depth(depth: np.ndarray) -> None:
    is_depth = isinstance(depth, np.ndarray) and (depth.dtype.kind == "f" or np.issubdtype(depth.dtype, np.uint16))
    if not is_depth or depth.ndim != 2:
        raise FrameError("bad_depth", f"depth must be (h, w) float metres or uint16 millimetres, got {_describe(depth)}")


def check_shape(depth_shape: tuple[int, int], scale: int) -> None:
    """Raise FrameError (bad_depth, too_large) where a depth image of (h, w) is too small or its result too large."""
    height, width = depth_shape
    if height < 2 or width < 2:
        raise FrameError("bad_depth", f"depth image of {width} x {height} pixels: at least 2 x 2 are needed")
    if scale * scale * height * width > MAX_OUTPUT_PIXELS:
        raise FrameError(
            "too_large",
            f"depth of {width} x {height} pixels at x{scale} is {scale * width} x {scale * height}, "
            f"more than {MAX_OUTPUT_PIXELS} pixels: a smaller scale or a smaller depth image would do",
        )


def _describe(value: object) -> str:
    return f"{value.shape} {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
