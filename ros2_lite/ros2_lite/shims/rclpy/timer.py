"""rclpy.timer: timers and rates."""

import threading
from collections.abc import Callable
from typing import Any

from .clock import Clock, ROSClock
from .waitable import Waitable


class Timer(Waitable):
    """Runs a callback every period of its clock. A late timer skips the periods that it has missed."""

    def __init__(self, node: Any, period_ns: int, callback: Callable, group: Any, clock: Clock, autostart: bool) -> None:
        super().__init__(node, group)
        self.clock, self.callback, self._period = clock, callback, period_ns
        self._last = self._next = 0
        self._canceled = not autostart
        self.reset_times()
        if isinstance(clock, ROSClock):
            clock.on_change.append(self._clock_changed)

    def reset_times(self) -> None:
        self._last = self.clock.nanoseconds
        self._next = self._last + self._period

    def _clock_changed(self) -> None:
        now = self.clock.nanoseconds
        if now + self._period < self._next:  # the clock went back: do not wait until it is here again
            self.reset_times()
        self.notify()

    @property
    def timer_period_ns(self) -> int:
        return self._period

    @timer_period_ns.setter
    def timer_period_ns(self, period: int) -> None:
        self._period = int(period)
        self._next = self._last + self._period
        self.notify()

    def is_ready(self) -> bool:
        return not self._canceled and self.clock.nanoseconds >= self._next

    def is_canceled(self) -> bool:
        return self._canceled

    def cancel(self) -> None:
        self._canceled = True

    def reset(self) -> None:
        self.reset_times()
        self._canceled = False
        self.notify()

    def time_since_last_call(self) -> int:
        return self.clock.nanoseconds - self._last

    def time_until_next_call(self) -> int | None:
        return None if self._canceled else self._next - self.clock.nanoseconds

    def due_in(self) -> float | None:
        """Seconds until an executor should look again; None where time is simulated, for then the clock tells."""
        if self._canceled or (isinstance(self.clock, ROSClock) and self.clock.ros_time_is_active):
            return None
        return max(0.0, (self._next - self.clock.nanoseconds) * 1e-9)

    def take(self) -> Callable[[], Any] | None:
        if not self.is_ready():
            return None
        self._last = now = self.clock.nanoseconds
        self._next += self._period
        if self._next < now:
            missed = (now - self._next) // self._period + 1 if self._period else 0
            self._next = self._next + missed * self._period if self._period else now
        return self.callback

    def _close(self) -> None:
        self._canceled = True
        if isinstance(self.clock, ROSClock) and self._clock_changed in self.clock.on_change:
            self.clock.on_change.remove(self._clock_changed)


class Rate:
    """Sleeps until the next tick of a timer that another thread's executor runs."""

    def __init__(self, timer: Timer, context: Any) -> None:
        self._timer, self._context, self._tick = timer, context, threading.Event()
        timer.callback = self._tick.set
        context.on_shutdown(self._tick.set)

    def sleep(self) -> None:
        """Raises ROSInterruptException where the context was shut down."""
        from .exceptions import ROSInterruptException

        self._tick.wait()
        self._tick.clear()
        if not self._context.ok():
            raise ROSInterruptException()

    def destroy(self) -> None:
        self._timer.cancel()
        self._tick.set()
