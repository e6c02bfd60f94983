"""The front door without ROS: colour and LR depth in, high-resolution depth out."""

from __future__ import annotations

import logging
import numbers
import os
from pathlib import Path
from typing import Any

import numpy as np

from depth_sr_ros.backends import BackendError, candidates
from depth_sr_ros.core import depth_image
from depth_sr_ros.core.compiled_method import CompiledMethod, StageClock, resize_guide
from depth_sr_ros.core.depth_range import DepthRange, upsample_in_layers
from depth_sr_ros.core.ensemble import mean_over_flips
from depth_sr_ros.core.frame_checks import check_depth, check_guide, check_shape
from depth_sr_ros.core.options import FrameOptions, check_kinds
from depth_sr_ros.core.result import DepthResult, FrameError
from depth_sr_ros.core.tiles import TileGrid, upsample_in_tiles
from depth_sr_ros.core.working_grid import check_view, grid_shape, pad_to_grid
from depth_sr_ros.files.depth_units import to_metres, unit_doubt

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
        self._failures: dict[tuple[int, int], str] = {}  # of compilations, by the shape
        self._grid: TileGrid | None = None  # of the depth images that the network is compiled for

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

        Raises:
            FrameError: there can be no such shape.
            BackendError: no backend compiles the method; what failed once is not tried again.
        """
        check_shape(depth_shape, self.scale)
        height, width = depth_shape
        self._grid = TileGrid.of((height, width), self.scale, self._method.pixels_at_once)
        if self._network is not None and self._network.depth_shape == self._grid.shape:
            return
        self._network = None  # frees the old engine before the new one takes its memory
        if self._grid.shape in self._failures:
            raise BackendError(self._failures[self._grid.shape])
        try:
            self._network = CompiledMethod(self._method, self._backends, self._precision, self._grid.shape)
        except BackendError as error:
            self._failures[self._grid.shape] = str(error)
            raise

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
        check_guide(rgb)
        check_depth(depth, self.scale)
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
        upsampled = self._upsample(rgb, filled, options.ensemble, clock)
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

    def _upsample(self, rgb: np.ndarray, depth: np.ndarray, ensemble: bool, clock: StageClock) -> np.ndarray:
        """(H, W, 3) uint8 and (h, w) float32 metres without holes -> a new (s*h, s*w) float32."""
        compiled, grid = self._network, self._grid
        assert compiled is not None and grid is not None, "it is prepared for every frame"

        def network(rgb: np.ndarray, unit: np.ndarray) -> np.ndarray:
            return compiled(rgb, unit, clock)

        def whole(rgb: np.ndarray, unit: np.ndarray) -> np.ndarray:
            if grid.shape == unit.shape:
                return network(rgb, unit)
            height, width = (self.scale * side for side in unit.shape)
            return upsample_in_tiles(network, grid, resize_guide(rgb, (height, width)), unit, self.scale)

        def in_range(depth: np.ndarray, depth_range: DepthRange) -> np.ndarray:
            unit = depth_range.to_unit(depth)
            clock.lap("normalise")
            upsampled = mean_over_flips(whole, rgb, unit) if ensemble else whole(rgb, unit)
            return depth_range.to_metres(upsampled)

        return upsample_in_layers(in_range, depth)

    def _finish(self, depth: np.ndarray, valid: np.ndarray, options: FrameOptions) -> np.ndarray:
        """Clip `depth` to the range and put NaN where it is invalid, in place; return the (H, W) validity."""
        if options.min_depth > 0 or options.max_depth < np.inf:
            np.clip(depth, options.min_depth, options.max_depth, out=depth)
        known = depth_image.valid_mask(depth)
        if not options.fill_holes and not valid.all():
            known &= depth_image.upsample_mask(valid, self.scale)[: known.shape[0], : known.shape[1]]
        np.copyto(depth, np.float32(np.nan), where=~known)
        return known
