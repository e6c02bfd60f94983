"""What the node counts and times, and the throttled log lines of what it drops. Imports no ROS."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from depth_sr_ros.node.texts import shortened

WINDOW = 150  # frames that percentiles are of: five seconds at 30 Hz
PERCENTILES = (50, 95, 99)
LOG_PERIOD_S = 5.0
LONGEST_LINE = 4000  # characters; a traceback has its place


@dataclass(frozen=True)
class Snapshot:
    """Counts since the start, and percentiles (those of PERCENTILES) of the last frames in milliseconds by name."""

    published: int = 0
    received: Mapping[str, int] = field(default_factory=dict)
    drops: Mapping[str, int] = field(default_factory=dict)
    times_ms: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


class Statistics:
    """Counters and stage times of a node that takes these streams in, filled by several threads."""

    def __init__(self, streams: Iterable[str]) -> None:
        self._lock = threading.Lock()
        self._received: Counter[str] = Counter(dict.fromkeys(streams, 0))
        self._drops: Counter[str] = Counter()
        self._published = 0
        self._times: dict[str, deque[float]] = {}
        self._made_by: Hashable = None

    def received(self, stream: str) -> None:
        """Count a message that came in, good or bad."""
        with self._lock:
            self._received[stream] += 1

    def dropped(self, reason: str, count: int = 1) -> int:
        """Count drops and return how many there have been for that reason."""
        with self._lock:
            self._drops[reason] += count
            return self._drops[reason]

    def published(self, times_ms: Mapping[str, float], made_by: Hashable) -> bool:
        """Count a frame that went out, with its times in milliseconds by stage; whether it is the first of its maker.

        With another maker the percentiles begin anew: it has other stages.
        """
        with self._lock:
            first, self._made_by = made_by != self._made_by, made_by
            if first:
                self._times.clear()
            self._published += 1
            for name, value in times_ms.items():
                self._times.setdefault(name, deque(maxlen=WINDOW)).append(value)
        return first

    def snapshot(self) -> Snapshot:
        """All of it, as of now."""
        with self._lock:
            times = {name: tuple(np.percentile(values, PERCENTILES)) for name, values in self._times.items()}
            return Snapshot(self._published, dict(self._received), dict(self._drops), times)


class ThrottledLog:
    """Passes a line on to `log` at most every `period_s` seconds a key, and says how many were held back.

    Lines are of bounded length: what a peer sends ends up in them.

    log: for rclpy's loggers a lambda, as they allow one severity for each line of code that calls them.
    """

    def __init__(
        self,
        log: Callable[[str], None],
        period_s: float = LOG_PERIOD_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._period_s = period_s
        self._clock = clock
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}
        self._held: Counter[str] = Counter()

    def __call__(self, key: str, line: str) -> None:
        """Log `line` under `key`, or count it."""
        now = self._clock()
        with self._lock:
            if now < self._next.get(key, now):
                self._held[key] += 1
                return
            self._next[key] = now + self._period_s
            held = self._held.pop(key, 0)
        line = shortened(line, LONGEST_LINE)
        self._log(f"{line} ({held} more like this)" if held else line)


class Notices:
    """What is not as it should be at present, by key; each is logged when it begins or changes, throttled. Thread-safe."""

    def __init__(self, log: ThrottledLog) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._lines: dict[str, str] = {}

    def set(self, key: str, line: str) -> None:
        """Notice something; an empty line says that it is over."""
        with self._lock:
            changed = line != self._lines.get(key, "")
            if line:
                self._lines[key] = line
            else:
                self._lines.pop(key, None)
        if line and changed:
            self._log(key, line)

    def clear(self) -> None:
        """Everything is over."""
        with self._lock:
            self._lines.clear()

    def lines(self) -> list[str]:
        """All that holds now."""
        with self._lock:
            return list(self._lines.values())
