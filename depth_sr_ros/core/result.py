"""What comes out of the package: an upsampled depth image, or an error that costs one frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


class FrameError(ValueError):
    """One frame cannot be used; the next one may be.

    `reason` is a short snake_case word by which drops are counted ("no_valid_depth", "bad_guide", ...); the
    message says what was wrong with this very frame.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class DepthResult:
    """An upsampled depth image and where it came from.

    depth: (H, W) float32 metres, NaN exactly where `valid` is False. valid: (H, W) bool. method: the name of
    the method that made it (a fallback's, if a fallback did). backend: what ran it. times_ms: milliseconds by
    stage, and "total".
    """

    depth: np.ndarray
    valid: np.ndarray
    method: str
    backend: str
    times_ms: dict[str, float] = field(default_factory=dict)
