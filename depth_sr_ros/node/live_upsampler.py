"""An Upsampler that can be exchanged while it serves: the new one is built aside. Imports no ROS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from depth_sr_ros.core.options import FrameOptions
from depth_sr_ros.core.result import DepthResult
from depth_sr_ros.core.upsampler import Upsampler
from depth_sr_ros.node.config import Config
from depth_sr_ros.node.worker import Worker


@dataclass(frozen=True)
class EngineSettings:
    """What an upsampler is built of; a change of any of them takes another one."""

    method: str
    scale: int
    backend: str
    precision: str
    weights: str | None
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
            threads=self.threads,
        )


class LiveUpsampler:
    """Calls the upsampler of the newest settings that could be built.

    The first settings are built at once, and what that raises goes to the caller; later ones in a thread of their own,
    which calls swapped(settings) or failed(settings, error). One thread at a time may call the object itself.
    """

    def __init__(
        self,
        settings: EngineSettings,
        *,
        swapped: Callable[[EngineSettings], None],
        failed: Callable[[EngineSettings, Exception], None],
    ) -> None:
        self._swapped = swapped
        self._failed = failed
        self._wanted = settings
        self._running = (settings, settings.build())
        self._depth_shape: tuple[int, int] | None = None
        self._failure = ""
        self._builder: Worker[EngineSettings] = Worker(
            self._build, superseded=lambda _: None, failed=self._build_failed, name="engine-builder"
        )

    @property
    def settings(self) -> EngineSettings:
        """What the upsampler that serves now was built of."""
        return self._running[0]

    @property
    def backend(self) -> str:
        """What runs the network now."""
        return self._running[1].backend

    @property
    def precision(self) -> str:
        """What the network computes in now; before the first frame, what was asked for."""
        return self._running[1].precision

    @property
    def failure(self) -> str:
        """Why the settings that were asked for last could not be built; empty where they were, or still are being."""
        return self._failure

    def change(self, settings: EngineSettings) -> bool:
        """Build an upsampler of these settings in the background and use it as soon as it is there.

        Returns False where it is there, or being built, already.
        """
        if settings == self._wanted:
            return False
        self._wanted = settings
        self._builder.put(settings)
        return True

    def __call__(self, rgb: np.ndarray, depth: np.ndarray, config: Config) -> tuple[DepthResult, EngineSettings]:
        """The result for a frame with the depth options of `config`, and what the upsampler that made it was built of."""
        settings, upsampler = self._running
        self._depth_shape = depth.shape
        options = FrameOptions(
            fill_holes=config.fill_holes,
            clip_to_measured=config.clip_to_measured,
            consistency=config.consistency,
            min_depth=config.min_depth,
            max_depth=config.library("max_depth"),
            # one that serves on while a method with iterations is built has none
            iterations=config.library("iterations") if upsampler.is_iterative else None,
        )
        return upsampler(rgb, depth, options), settings

    def stop(self, timeout_s: float | None = None) -> bool:
        """End the background thread; returns whether it ended within the time."""
        return self._builder.stop(timeout_s)

    def _build(self, settings: EngineSettings) -> None:
        upsampler = settings.build()
        if self._depth_shape is not None:
            upsampler.prepare(self._depth_shape)
        self._running = (settings, upsampler)
        self._failure = ""
        self._swapped(settings)

    def _build_failed(self, settings: EngineSettings, error: Exception) -> None:
        self._failure = str(error)
        self._failed(settings, error)
