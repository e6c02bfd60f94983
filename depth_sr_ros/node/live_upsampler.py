"""An Upsampler that can be exchanged while it serves: the new one is built aside. Imports no ROS."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, fields

import numpy as np

from depth_sr_ros.backends import BackendError
from depth_sr_ros.core.options import FrameOptions
from depth_sr_ros.core.result import DepthResult
from depth_sr_ros.core.upsampler import Upsampler
from depth_sr_ros.node.config import ROWS, Config
from depth_sr_ros.node.worker import Worker


@dataclass(frozen=True)
class EngineSettings:
    """What an upsampler is built of; a change of any of them takes another one."""

    method: str
    scale: int
    backend: str
    precision: str
    weights: str | None
    degradation: str
    threads: int | None

    @classmethod
    def of(cls, config: Config) -> EngineSettings:
        """The part of a Config that needs building."""
        return cls(**{name: config.library(name) for name in cls.__dataclass_fields__})

    def build(self) -> Upsampler:
        """Raises ValueError or BackendError, naming the valid choices."""
        return Upsampler(
            self.method,
            self.scale,
            backend=self.backend,
            precision=self.precision,
            weights=self.weights,
            degradation=self.degradation,
            threads=self.threads,
        )


def frame_options(config: Config, is_iterative: bool) -> FrameOptions:
    """The part of a Config that may differ from frame to frame.

    Iterations are left out where the engine takes none: one that serves on while a method that iterates is being built.
    What depth images count in is left out too: the decode stage has made metres of them.
    """
    names = {field.name for field in fields(FrameOptions)} & set(ROWS) - {"depth_unit", "no_return"}
    return FrameOptions(**{name: config.library(name) for name in names if is_iterative or name != "iterations"})


@dataclass
class Engine:
    """An upsampler with what it was built of. Under `lock` it is prepared or called, by one thread at a time."""

    settings: EngineSettings
    upsampler: Upsampler
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    ready_for: tuple[int, int] | None = None
    failure: tuple[tuple[int, int], str] | None = None  # the shape that it could not be compiled for, and why
    is_compiling: bool = False

    def prepare(self, depth_shape: tuple[int, int]) -> None:
        """Compile for a shape; what failed once is not tried again. Raises BackendError, FrameError."""
        if self.ready_for == depth_shape:
            return
        if self.failure is not None and self.failure[0] == depth_shape:
            raise BackendError(self.failure[1])
        self.is_compiling, self.ready_for = True, None
        try:
            self.upsampler.prepare(depth_shape)
            self.ready_for = depth_shape
        except BackendError as error:
            self.failure = (depth_shape, str(error))
            raise
        finally:
            self.is_compiling = False


class LiveUpsampler:
    """The engine of the newest settings that could be built.

    The first settings are built at once, and what that raises goes to the caller; later ones in a thread of their own.
    There engines are compiled too, as soon as the size of what they get is known. One thread at a time may call it.

    Args:
        settings: the first ones.
        expected_shape: the (h, w) of the depth that is to come at a scale, as far as it is known; else None.
        building: called with settings before they are built.
        swapped: called with settings that serve from now on.
        failed: called with settings that cannot be built, and why.

    Raises:
        ValueError, BackendError: the first settings cannot be built.
    """

    def __init__(
        self,
        settings: EngineSettings,
        *,
        expected_shape: Callable[[int], tuple[int, int] | None],
        building: Callable[[EngineSettings], None],
        swapped: Callable[[EngineSettings], None],
        failed: Callable[[EngineSettings, Exception], None],
    ) -> None:
        self._expected_shape = expected_shape
        self._building, self._swapped, self._failed = building, swapped, failed
        self._wanted = settings
        self._changing: EngineSettings | None = None  # what was asked for and has not been announced yet
        self._engine = Engine(settings, settings.build())
        self._seen: tuple[int, tuple[int, int]] | None = None  # scale and shape of the last frame
        self._ahead: tuple[int, int] | None = None
        self._failure = ""
        self._builder: Worker[EngineSettings] = Worker(
            self._build, superseded=lambda _: None, failed=self._build_failed, name="engine-builder"
        )

    @property
    def engine(self) -> Engine:
        """The one that serves now."""
        return self._engine

    @property
    def failure(self) -> str:
        """What was asked for last and could not be built; empty where it was, or still is being.

        The reason is for failed() alone: it may tell of files, and this is shown to anybody.
        """
        return self._failure

    def change(self, settings: EngineSettings) -> None:
        """Build an upsampler of these settings in the background, unless it is there or being built, and use it then."""
        if settings == self._wanted:
            return
        self._wanted = self._changing = settings
        self._building(settings)
        self._builder.put(settings)

    def look_ahead(self) -> None:
        """Compile in the background for what is expected, before the first frame."""
        if self._seen is not None:
            return
        shape = self._expected_shape(self._wanted.scale)
        if shape is not None and shape != self._ahead:
            self._ahead = shape
            self._builder.put(self._wanted)

    def __call__(self, engine: Engine, rgb: np.ndarray, depth: np.ndarray, config: Config) -> DepthResult:
        """The result of an engine for a frame, with the depth options of `config`.

        Raises:
            FrameError: the frame cannot be used.
            BackendError: no engine can be compiled for its size.
        """
        self._seen = (engine.settings.scale, depth.shape)
        with engine.lock:  # waits where the engine is being compiled: newer frames take the place of those that wait
            engine.prepare(depth.shape)
            return engine.upsampler(rgb, depth, frame_options(config, engine.upsampler.is_iterative))

    def stop(self, timeout_s: float | None = None) -> bool:
        """End the background thread; returns whether it ended within the time."""
        return self._builder.stop(timeout_s)

    def _shape_at(self, scale: int) -> tuple[int, int] | None:
        if self._seen is not None and self._seen[0] == scale:
            return self._seen[1]
        return self._expected_shape(scale)

    def _build(self, settings: EngineSettings) -> None:
        engine = self._engine
        if settings != engine.settings:
            engine = Engine(settings, settings.build())
        if (shape := self._shape_at(settings.scale)) is not None:
            with engine.lock:
                engine.prepare(shape)
        self._engine = engine
        self._failure = ""
        if settings == self._changing:
            self._changing = None
            self._swapped(settings)

    def _build_failed(self, settings: EngineSettings, error: Exception) -> None:
        weights = f" with weights {settings.weights}" if settings.weights is not None else ""
        what = f"{settings.method} x{settings.scale}{weights} on {settings.backend}"
        self._failure = f"{what} cannot be built: the node's log says why"
        self._failed(settings, error)
