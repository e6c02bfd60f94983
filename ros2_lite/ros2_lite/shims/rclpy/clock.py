"""rclpy.clock: system, steady and ROS clocks, the last with simulated time and callbacks when it jumps."""

import threading
import time as _time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from .clock_type import ClockType
from .duration import Duration
from .time import Time


class ClockChange(IntEnum):
    """How a jump changed where a ROS clock gets its time from."""

    ROS_TIME_NO_CHANGE = 1
    ROS_TIME_ACTIVATED = 2
    ROS_TIME_DEACTIVATED = 3
    SYSTEM_TIME_NO_CHANGE = 4


class JumpThreshold:
    """Which jumps a callback is for; min_forward > 0, min_backward < 0, None for jumps that do not matter."""

    def __init__(self, *, min_forward: Duration | None, min_backward: Duration | None, on_clock_change: bool = True) -> None:
        if min_forward is not None and min_forward.nanoseconds <= 0:
            raise ValueError("min_forward must be a positive non-zero duration")
        if min_backward is not None and min_backward.nanoseconds >= 0:
            raise ValueError("min_backward must be a negative non-zero duration")
        if min_forward is None and min_backward is None and not on_clock_change:
            raise ValueError("At least one jump threshold must be enabled")
        self.min_forward, self.min_backward, self.on_clock_change = min_forward, min_backward, on_clock_change

    def is_passed(self, jump: "TimeJump") -> bool:
        if jump.clock_change in (ClockChange.ROS_TIME_ACTIVATED, ClockChange.ROS_TIME_DEACTIVATED):
            return self.on_clock_change
        forward, backward = self.min_forward, self.min_backward
        return (forward is not None and jump.delta >= forward) or (backward is not None and jump.delta <= backward)


@dataclass(frozen=True)
class TimeJump:
    """What a clock did: the change of its source and the distance."""

    clock_change: ClockChange
    delta: Duration


class JumpHandle:
    """A registered jump callback; unregister() ends it."""

    def __init__(self, *, clock: "ROSClock", threshold: JumpThreshold, pre_callback: Any, post_callback: Any) -> None:
        if pre_callback is None and post_callback is None:
            raise ValueError("One of pre_callback or post_callback must be callable")
        self._clock, self.threshold = clock, threshold
        self.pre_callback, self.post_callback = pre_callback, post_callback

    def unregister(self) -> None:
        if self in self._clock.jump_handles:
            self._clock.jump_handles.remove(self)

    def __enter__(self) -> "JumpHandle":
        return self

    def __exit__(self, *_: Any) -> None:
        self.unregister()


class Clock:
    """A clock of one type; Clock(clock_type=ROS_TIME) is a ROSClock."""

    def __new__(cls, *, clock_type: ClockType = ClockType.SYSTEM_TIME) -> "Clock":
        if not isinstance(clock_type, ClockType):
            raise TypeError("Clock type must be a ClockType enum")
        return super().__new__(ROSClock if clock_type is ClockType.ROS_TIME else cls)

    def __init__(self, *, clock_type: ClockType = ClockType.SYSTEM_TIME) -> None:
        self.clock_type = clock_type

    @property
    def nanoseconds(self) -> int:
        return _time.monotonic_ns() if self.clock_type is ClockType.STEADY_TIME else _time.time_ns()

    def now(self) -> Time:
        return Time(nanoseconds=self.nanoseconds, clock_type=self.clock_type)

    def sleep_until(self, until: Time, context: Any = None) -> bool:
        """Sleep until the clock shows `until`; False where the context was shut down meanwhile."""
        from .utilities import get_default_context

        context = context or get_default_context()
        while context.ok() and (remaining := until.nanoseconds - self.nanoseconds) > 0:
            context.wait_for_shutdown(min(remaining * 1e-9, 0.05 if self._is_simulated() else 1.0))
        return context.ok()

    def sleep_for(self, span: Duration, context: Any = None) -> bool:
        return self.sleep_until(self.now() + span, context)

    def _is_simulated(self) -> bool:
        return False


class ROSClock(Clock):
    """System time, or what /clock says once simulated time is active."""

    def __new__(cls) -> "ROSClock":
        return object.__new__(cls)

    def __init__(self, *, clock_type: ClockType = ClockType.ROS_TIME) -> None:
        super().__init__(clock_type=ClockType.ROS_TIME)
        self._lock = threading.Lock()
        self._override: int | None = None
        self._active = False
        self.jump_handles: list[JumpHandle] = []
        self.on_change: list[Callable[[], None]] = []  # executors that have timers to look at again

    @property
    def nanoseconds(self) -> int:
        return (self._override or 0) if self._active else _time.time_ns()

    @property
    def ros_time_is_active(self) -> bool:
        return self._active

    def _is_simulated(self) -> bool:
        return self._active

    def _set_ros_time_is_active(self, active: bool) -> None:
        if active != self._active:
            change = ClockChange.ROS_TIME_ACTIVATED if active else ClockChange.ROS_TIME_DEACTIVATED
            self._change(change, active, self._override)

    def set_ros_time_override(self, time: Time) -> None:
        """Show this time while simulated time is active."""
        self._change(ClockChange.ROS_TIME_NO_CHANGE, self._active, time.nanoseconds)

    def _change(self, change: ClockChange, active: bool, override: int | None) -> None:
        with self._lock:
            before = self.nanoseconds
            after = (override or 0) if active else _time.time_ns()
            first = self._active and self._override is None  # from "no time yet" to the first time is no jump
            jump = TimeJump(change, Duration(nanoseconds=0 if first else after - before))
            concerned = [handle for handle in self.jump_handles if active | self._active and handle.threshold.is_passed(jump)]
        for handle in concerned:
            if handle.pre_callback:
                handle.pre_callback()
        with self._lock:
            self._active, self._override = active, override
        for handle in concerned:
            if handle.post_callback:
                handle.post_callback(jump)
        for notify in list(self.on_change):
            notify()

    def create_jump_callback(
        self,
        threshold: JumpThreshold,
        *,
        pre_callback: Callable[[], None] | None = None,
        post_callback: Callable[[TimeJump], None] | None = None,
    ) -> JumpHandle:
        """Call back before and after every jump beyond the threshold, until the handle is unregistered."""
        handle = JumpHandle(clock=self, threshold=threshold, pre_callback=pre_callback, post_callback=post_callback)
        self.jump_handles.append(handle)
        return handle
