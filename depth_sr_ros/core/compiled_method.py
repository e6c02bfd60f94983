"""A method made ready for depth images of one shape: compiled, warmed up, with buffers of its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from depth_sr_ros.backends import Backend, BackendError, Engine
from depth_sr_ros.system.threads import one_torch_thread

if TYPE_CHECKING:
    from torch import Tensor

    from depth_sr_ros.methods.base import Method

_log = logging.getLogger(__name__)


class StageClock:
    """Milliseconds by stage: each lap counts what has passed since the one before, in all where a stage comes again."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        """End a stage and begin the next."""
        now = time.perf_counter()
        self._laps[stage] = self._laps.get(stage, 0.0) + (now - self._last) * 1e3
        self._last = now

    def times_ms(self) -> dict[str, float]:
        """The stages in the order they ended, and "total" up to the last lap."""
        return {**self._laps, "total": (self._last - self._start) * 1e3}


class CompiledMethod:
    """A method on a backend, for one shape.

    It is compiled by the first of `backends` that can; a method that has learned nothing runs as it is. A
    method of two stages is compiled on a CPU up to its sampling, which runs as a loop of its own; on a GPU it
    stays whole.

    backend: the name of what runs it. precision: "f32" or "bf16". Raises BackendError where no backend
    compiles it.
    """

    def __init__(self, method: Method, backends: list[Backend], precision: str, depth_shape: tuple[int, int]) -> None:
        import torch

        self.depth_shape = depth_shape
        height, width = (method.scale * n for n in depth_shape)
        self._method = method
        self._planes: Sequence[np.ndarray] = [np.empty((height, width), np.uint8) for _ in range(3)]
        self._guide = torch.empty(1, 3, height, width)
        example = _example_scene(depth_shape, method.scale)
        self._engine = _compile(method, backends, precision, example) if method.learned else None
        self._two_stage = self._engine is not None and _two_stage_on(self._engine, method)
        self.backend = self._engine.backend if self._engine else "torch_eager"
        self.precision = self._engine.precision if self._engine else "f32"
        self._run(*example, StageClock())  # compiles the sampling loop, allocates, warms up

    @property
    def is_whole(self) -> bool:
        """Whether the method is compiled to its end, with the settings that it had then."""
        return self._engine is not None and not self._two_stage

    def __call__(self, rgb: np.ndarray, unit: np.ndarray, clock: StageClock) -> np.ndarray:
        """(H, W, 3) uint8, any size, and (h, w) in [0, 1] -> (s*h, s*w) float32, good until the next call."""
        import torch

        self._load_guide(rgb)
        depth = torch.from_numpy(np.ascontiguousarray(unit))[None, None]
        clock.lap("guide")
        return self._run(self._guide, depth, clock)[0, 0].numpy()

    def _run(self, guide: Tensor, depth: Tensor, clock: StageClock) -> Tensor:
        from depth_sr_ros.backends.base import run_eager

        if self._engine is None:
            with one_torch_thread():
                (result,) = run_eager(self._method, (guide, depth))
            clock.lap("network")
            return result
        outputs = self._engine(guide, depth)
        clock.lap("network")
        if not self._two_stage:
            return outputs[0]
        with one_torch_thread():
            result = self._method.sample_cpu(depth, *outputs)
        clock.lap("sample")
        return result

    def _load_guide(self, rgb: np.ndarray) -> None:
        """Resize where needed and write planes in [0, 1] to the guide tensor."""
        import cv2

        rgb = resize_guide(rgb, (self._guide.shape[-2], self._guide.shape[-1]))
        self._planes = cv2.split(rgb, self._planes)  # into the same memory
        for plane, values in zip(self._planes, self._guide[0].numpy(), strict=True):
            np.multiply(plane, np.float32(1 / 255), out=values)


def resize_guide(rgb: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resize (H, W, 3) uint8 to `shape`, by area down and bicubic up; `rgb` itself where it has it already."""
    height, width = shape
    if rgb.shape[:2] == shape:
        return rgb
    import cv2

    shrinks = rgb.shape[0] * rgb.shape[1] > height * width
    return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def _two_stage_on(where: Backend | Engine, method: Method) -> bool:
    return method.two_stage and where.device == "cpu"


def _compile(method: Method, backends: list[Backend], precision: str, example: tuple[Tensor, Tensor]) -> Engine:
    """Compile by the first backend that can; BackendError with every reason where none can."""
    from depth_sr_ros.methods.base import Predictor

    def finish(*predicted: Tensor) -> tuple[Tensor]:
        return (method.sample_cpu(example[1], *predicted),)

    failures = []
    for backend in backends:
        two_stage = _two_stage_on(backend, method)
        module = Predictor(method).eval() if two_stage else method
        try:
            # What is predicted may err by per cents where the depth that it makes does not: that is compared.
            engine = backend.compile(module, example, precision, finish if two_stage else None)
        except BackendError as error:
            failures.append(str(error))
            continue
        for failure in failures:
            _log.warning("%s; took %s instead", failure, engine.backend)
        return engine
    raise BackendError("; ".join(failures))


def _example_scene(depth_shape: tuple[int, int], scale: int) -> tuple[Tensor, Tensor]:
    """A smooth scene with one object in front: guide (1, 3, s*h, s*w) and depth (1, 1, h, w), both in [0, 1].

    What engines are compared on: on noise, low precisions look worse than they are on anything that a camera
    sees.
    """
    import torch

    def scene(height: int, width: int) -> Tensor:
        rows = torch.linspace(-1, 1, height)[:, None]
        columns = torch.linspace(-1, 1, width)[None, :]
        background = 0.7 + 0.15 * torch.sin(3 * rows) + 0.15 * torch.cos(4 * columns)
        return torch.where(rows.square() + columns.square() < 0.3, 0.1 + 0.1 * rows + 0.05 * columns, background)

    height, width = depth_shape
    large = scene(scale * height, scale * width)
    shades = torch.tensor([0.9, 0.6, 0.3])[:, None, None]
    return (1 - shades * large)[None], scene(height, width)[None, None]
