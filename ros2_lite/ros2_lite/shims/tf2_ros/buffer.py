"""`Buffer`: what is known of the tree of frames, and where one frame lies in another."""

from __future__ import annotations

import bisect
import threading
import time as steady
from typing import Any

import numpy as np
from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.time import Time

from tf2_ros.exceptions import (
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    TransformException,
)
from tf2_ros.pose import Pose, interpolate

_POLL_S = 0.01


class _Link:
    """A frame's poses in its parent frame, by stamp (ns); a static one holds at any time."""

    def __init__(self, parent: str, static: bool) -> None:
        self.parent, self.static = parent, static
        self._stamps: list[int] = []
        self._poses: list[Pose] = []

    @property
    def newest(self) -> int:
        return self._stamps[-1] if self._stamps else 0

    def add(self, stamp: int, pose: Pose, cache_ns: int) -> None:
        """Keep it, unless it is older than what is kept; a second one of a stamp replaces the first."""
        if self.static:
            self._stamps, self._poses = [stamp], [pose]
            return
        if stamp < self.newest - cache_ns:
            return
        at = bisect.bisect_left(self._stamps, stamp)
        known = at < len(self._stamps) and self._stamps[at] == stamp
        self._stamps[at : at + known], self._poses[at : at + known] = [stamp], [pose]
        old = bisect.bisect_left(self._stamps, self.newest - cache_ns)
        del self._stamps[:old], self._poses[:old]

    def at(self, stamp: int, child: str) -> Pose:
        """Return the pose at that time; ExtrapolationException where it is not between two that are known."""
        if self.static:
            return self._poses[0]
        after = bisect.bisect_left(self._stamps, stamp)
        if after < len(self._stamps) and self._stamps[after] == stamp:
            return self._poses[after]
        if after in (0, len(self._stamps)):
            first, last = (f"{edge / 1e9:.6f}" for edge in (self._stamps[0], self._stamps[-1]))
            raise ExtrapolationException(
                f"Lookup would require extrapolation: requested time {stamp / 1e9:.6f}, but the transform from "
                f"[{self.parent}] to [{child}] is known from {first} to {last}"
            )
        before = self._stamps[after - 1]
        share = (stamp - before) / (self._stamps[after] - before)
        return interpolate(self._poses[after - 1], self._poses[after], share)


class Buffer:
    """Keeps the transforms of the last `cache_time` (10 s), and static ones for ever. Any thread may use it."""

    def __init__(self, cache_time: Duration | None = None, node: Any = None) -> None:
        self._cache_ns = cache_time.nanoseconds if cache_time else 10 * 10**9
        self._links: dict[str, _Link] = {}
        self._lock = threading.Lock()

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Add a transform; InvalidArgumentException where it is none."""
        self._set(transform, static=False)

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """Add a transform that holds at any time."""
        self._set(transform, static=True)

    def clear(self) -> None:
        """Forget all but the static transforms."""
        with self._lock:
            self._links = {child: link for child, link in self._links.items() if link.static}

    def lookup_transform(
        self, target_frame: str, source_frame: str, time: Time, timeout: Duration | None = None
    ) -> TransformStamped:
        """Return the pose of the source frame in the target frame: what takes a point of the source into the target.

        A time of 0 asks for the newest time at which all of the way is known. Waits up to `timeout`; other threads must
        add transforms meanwhile.

        Raises:
            LookupException: a frame is not known.
            ConnectivityException: nothing connects the frames.
            ExtrapolationException: the way is not known at this time.
        """
        give_up = steady.monotonic() + (timeout.nanoseconds / 1e9 if timeout else 0.0)
        while True:
            try:
                with self._lock:
                    stamp, pose = self._look_up(_name(target_frame), _name(source_frame), time.nanoseconds)
                return _message(target_frame, source_frame, stamp, pose)
            except TransformException:
                if steady.monotonic() >= give_up:
                    raise
            steady.sleep(_POLL_S)

    def can_transform(
        self,
        target_frame: str,
        source_frame: str,
        time: Time,
        timeout: Duration | None = None,
        return_debug_tuple: bool = False,
    ) -> bool | tuple[bool, str]:
        """Return whether `lookup_transform` would succeed; with the reason where `return_debug_tuple`."""
        try:
            self.lookup_transform(target_frame, source_frame, time, timeout)
        except TransformException as error:
            return (False, str(error)) if return_debug_tuple else False
        return (True, "") if return_debug_tuple else True

    def _set(self, transform: TransformStamped, static: bool) -> None:
        parent, child = _name(transform.header.frame_id), _name(transform.child_frame_id)
        move, turn = transform.transform.translation, transform.transform.rotation
        translation, rotation = np.array([move.x, move.y, move.z]), np.array([turn.x, turn.y, turn.z, turn.w])
        length = np.linalg.norm(rotation)
        if not (parent and child) or parent == child or not np.isfinite(translation).all() or not abs(length - 1) < 1e-3:
            raise InvalidArgumentException(
                f"not a transform: from [{parent}] to [{child}], translation {translation}, rotation {rotation}"
            )
        stamp = transform.header.stamp.sec * 10**9 + transform.header.stamp.nanosec
        with self._lock:
            link = self._links.get(child)
            if link is None or (link.parent, link.static) != (parent, static):
                link = self._links[child] = _Link(parent, static)
            link.add(stamp, Pose(translation, rotation / length), self._cache_ns)

    def _look_up(self, target: str, source: str, stamp: int) -> tuple[int, Pose]:
        known = self._links.keys() | {link.parent for link in self._links.values()}
        for role, frame in (("target_frame", target), ("source_frame", source)):
            if frame not in known:
                raise LookupException(f'"{frame}" passed to lookupTransform argument {role} does not exist. ')
        ups = [self._way_up(frame) for frame in (target, source)]
        common = next((frame for frame in ups[1] if frame in ups[0]), None)
        if common is None:
            raise ConnectivityException(
                f"Could not find a connection between '{target}' and '{source}' because they are not part of the same tree."
            )
        ways = [up[: up.index(common)] for up in ups]
        if stamp == 0:
            moving = [self._links[frame] for way in ways for frame in way if not self._links[frame].static]
            stamp = min((link.newest for link in moving), default=0)
        in_common = [self._pose(way, stamp) for way in ways]
        return stamp, in_common[0].inverse() @ in_common[1]

    def _way_up(self, frame: str) -> list[str]:
        """The frame, its parent, and so on to the root; a loop ends where it closes."""
        way = [frame]
        while way[-1] in self._links and self._links[way[-1]].parent not in way:
            way.append(self._links[way[-1]].parent)
        return way

    def _pose(self, way: list[str], stamp: int) -> Pose:
        pose = Pose(np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0]))
        for frame in way:
            pose = self._links[frame].at(stamp, frame) @ pose
        return pose


def _name(frame: str) -> str:
    """The frame's name as tf2 has it: without the leading slash of ROS 1."""
    return frame.removeprefix("/")


def _message(target: str, source: str, stamp: int, pose: Pose) -> TransformStamped:
    message = TransformStamped(child_frame_id=source)
    message.header.frame_id = target
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp, 10**9)
    for part, values in ((message.transform.translation, pose.translation), (message.transform.rotation, pose.rotation)):
        for axis, value in zip("xyzw", values):
            setattr(part, axis, float(value))
    return message
