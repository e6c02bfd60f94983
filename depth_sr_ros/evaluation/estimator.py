"""A method as the protocol wants it: a function of a guide and an LR depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from depth_sr_ros.core.compiled_method import CompiledMethod, StageClock
from depth_sr_ros.core.ensemble import mean_over_flips

if TYPE_CHECKING:
    from depth_sr_ros.backends import Backend
    from depth_sr_ros.methods.base import Method


class Estimator:
    """Runs a method on the first of `backends` that can, compiled for one shape at a time.

    Args:
        method: in eval mode.
        backends: best first.
        precision: "auto", "f32" or "bf16".
        ensemble: take the mean over four flips.
    """

    def __init__(self, method: Method, backends: list[Backend], precision: str, ensemble: bool = False) -> None:
        self.method = method
        self.ensemble = ensemble
        self._backends = backends
        self._precision = precision
        self._network: CompiledMethod | None = None

    def prepare(self, depth_shape: tuple[int, ...]) -> CompiledMethod:
        """Compile for LR depths of (h, w), where that is not done.

        Raises:
            BackendError: no backend can.
        """
        height, width = depth_shape
        if self._network is None or self._network.depth_shape != (height, width):
            self._network = None  # frees the old engine before the new one takes its memory
            self._network = CompiledMethod(self.method, self._backends, self._precision, (height, width))
        return self._network

    def __call__(self, rgb: np.ndarray, unit: np.ndarray) -> np.ndarray:
        """(s*h, s*w, 3) uint8, (h, w) float32 in [0, 1] -> (s*h, s*w) float32, good until the next call."""
        return mean_over_flips(self._once, rgb, unit) if self.ensemble else self._once(rgb, unit)

    def _once(self, rgb: np.ndarray, unit: np.ndarray) -> np.ndarray:
        return self.prepare(unit.shape)(rgb, unit, StageClock())
