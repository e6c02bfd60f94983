"""The frames of a recording: /tf and /tf_static as far as they have been read. For whoever has no clock to wait by."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from depth_sr_ros.core.result import FrameError
from depth_sr_ros.core.rigid import from_quaternion


class Transforms:
    """The latest transform between each frame and its parent."""

    def __init__(self) -> None:
        self._to_parent: dict[tuple[str, str], np.ndarray] = {}

    def add(self, message: Any) -> None:
        """Take a tf2_msgs/TFMessage; one of its transforms that is not rigid is left out."""
        for stamped in message.transforms:
            at, turn = stamped.transform.translation, stamped.transform.rotation
            try:
                transform = from_quaternion((at.x, at.y, at.z), (turn.x, turn.y, turn.z, turn.w))
            except ValueError:
                continue
            parent, child = stamped.header.frame_id.lstrip("/"), stamped.child_frame_id.lstrip("/")
            self._to_parent[parent, child] = transform

    def find(self, target: str, source: str, stamp: Any) -> np.ndarray:
        """(4, 4): points in the frame `source` -> points in the frame `target`, metres; the latest that has been read.

        Args:
            target, source: frame_ids.
            stamp: not looked at: a recording is read in its order.

        Raises:
            FrameError: no_transform: nothing connects them.
        """
        start, goal = source.lstrip("/"), target.lstrip("/")
        found = {start: np.eye(4)}
        waiting = deque([start])
        while waiting and goal not in found:
            here = waiting.popleft()
            for there, step in self._neighbours(here):
                if there not in found:
                    found[there] = step @ found[here]
                    waiting.append(there)
        if goal not in found:
            raise FrameError("no_transform", f"no transform in the recording leads from {source!r:.80} to {target!r:.80}")
        return found[goal]

    def _neighbours(self, frame: str) -> list[tuple[str, np.ndarray]]:
        up = [(parent, step) for (parent, child), step in self._to_parent.items() if child == frame]
        return up + [(child, np.linalg.inv(step)) for (parent, child), step in self._to_parent.items() if parent == frame]
