"""Pictures of some frames of a replay, for its page."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

import numpy as np

from depth_sr_ros.files.previews import colour_depth
from depth_sr_ros.replay.pairs import Pair

WIDTH = 480  # pixels, on the page
ERROR_LIMIT = 0.1  # of the depth: what is off by more is as red


@dataclass
class PicturedFrame:
    """The pictures of one frame as data URLs: guide, input, reference ("" without one), and (result, error) by variant."""

    stamp_ns: int
    guide: str
    lr_depth: str
    reference: str
    results: dict[str, tuple[str, str]] = field(default_factory=dict)


class Pictures:
    """Collects pictures of frames that lie evenly in a recording.

    Args:
        length: how many pairs are expected.
        count: of how many frames.
    """

    def __init__(self, length: int, count: int = 4) -> None:
        self.frames: list[PicturedFrame] = []
        self._wanted = {round((index + 0.5) * length / count) for index in range(count)} | {1}

    def wants(self, number: int) -> bool:
        """Whether the pair of that number, counted from 1, is to be pictured."""
        return number in self._wanted

    def add(self, label: str, pair: Pair, depth: np.ndarray) -> None:
        """Take a variant's result (H, W) for a pair."""
        near, far = _range(pair.grid)
        if not self.frames or self.frames[-1].stamp_ns != pair.stamp_ns:
            reference = "" if pair.reference is None else _encoded(colour_depth(pair.reference, near, far))
            self.frames.append(
                PicturedFrame(pair.stamp_ns, _encoded(pair.rgb), _encoded(colour_depth(pair.grid, near, far), True), reference)
            )
        error = "" if pair.reference is None else _encoded(_error(depth, pair.reference))
        self.frames[-1].results[label] = _encoded(colour_depth(depth, near, far)), error


def _range(depth: np.ndarray) -> tuple[float, float]:
    valid = depth[np.isfinite(depth)]
    near, far = np.percentile(valid, (1, 99)) if valid.size else (0.0, 1.0)
    return float(near), float(max(far, near + 1e-3))


def _error(depth: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """(H, W, 3) RGB: white where it agrees, red where it is too far, blue where it is too near, grey where unknown."""
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.clip((depth - reference) / (ERROR_LIMIT * reference), -1, 1)
    known = np.isfinite(share)
    fade = np.where(known, 255 * (1 - np.abs(np.nan_to_num(share))), 190).astype(np.uint8)
    picture = np.stack([fade] * 3, axis=-1)
    picture[known & (share > 0), 0] = 255
    picture[known & (share < 0), 2] = 255
    return picture


def _encoded(rgb: np.ndarray, blocks: bool = False) -> str:
    """A data URL of the picture, WIDTH wide; `blocks` shows its pixels as they are."""
    import cv2

    height = max(1, round(rgb.shape[0] * WIDTH / rgb.shape[1]))
    how = cv2.INTER_NEAREST if blocks else cv2.INTER_AREA
    _, data = cv2.imencode(".png", cv2.resize(rgb, (WIDTH, height), interpolation=how)[..., ::-1])
    return "data:image/png;base64," + base64.b64encode(data.tobytes()).decode("ascii")
