"""Which colour image belongs to which depth image: nearest stamps within a tolerance, every message accounted for.

`Pairing` is the matter itself, on stamps and any items, without ROS; `PairingFilter` puts it on the message_filters
protocol. Unlike message_filters' ApproximateTimeSynchronizer it survives a looping bag and stamps from the past or the
future, waits for a late stream by time and not by number, runs no callback inside a lock, and counts what it drops.
"""

from __future__ import annotations

import bisect
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from message_filters import SimpleFilter

from depth_sr_ros.core.result import FrameError
from depth_sr_ros.node.messages import stamp_ns
from depth_sr_ros.node.sync_monitor import SyncMonitor, SyncSettings

MAX_BYTES = 256 << 20  # of both streams' waiting messages together
JUMP_NS = 100_000_000  # a step back in time by more is a clock or a bag that began anew, by less a straggler
INTERVALS = 16  # recent intervals between stamps, of which the shortest counts
FASTER = 1.5  # a stream whose intervals are so many times shorter has messages to spare
STREAMS = ("rgb", "depth")


@dataclass
class _Waiting:
    """A message that waits for its partner."""

    item: Any
    arrival: int
    size: int


@dataclass
class _Stream:
    """One stream's waiting messages in the order of their stamps, and what has become of the others."""

    name: str
    stamps: list[int] = field(default_factory=list)
    waiting: list[_Waiting] = field(default_factory=list)
    last: int | None = None
    intervals: deque[int] = field(default_factory=lambda: deque(maxlen=INTERVALS))
    received: int = 0
    paired: int = 0
    bytes: int = 0
    drops: Counter = field(default_factory=Counter)

    def append(self, stamp: int, message: _Waiting) -> None:
        if self.last is not None and stamp > self.last:
            self.intervals.append(stamp - self.last)
        self.last = stamp
        self.stamps.append(stamp)
        self.waiting.append(message)
        self.bytes += message.size

    def drop(self, first: int, end: int, reason: str) -> None:
        """Drop the waiting messages from `first` up to `end`."""
        if first < end:
            self.drops[reason] += end - first
            self._remove(first, end)

    def _remove(self, first: int, end: int) -> None:
        self.bytes -= sum(message.size for message in self.waiting[first:end])
        del self.stamps[first:end], self.waiting[first:end]

    def forget_after(self, stamp: int) -> None:
        """Drop what is stamped later than `stamp`, and forget that the stream has been there."""
        if self.last is None or self.last <= stamp:
            return
        self.drop(bisect.bisect_right(self.stamps, stamp), len(self.stamps), "time_jump")
        self.last = self.stamps[-1] if self.stamps else None
        self.intervals.clear()

    def take_oldest(self) -> Any:
        self.paired += 1
        item = self.waiting[0].item
        self._remove(0, 1)
        return item

    def nothing_nearer_can_come(self, stamp: int, distance: int) -> bool:
        """Whether no message still to come can be nearer to `stamp` than `distance`.

        So it is where the stream has gone past it, or where even the shortest interval leads further away.
        """
        return (self.last is not None and self.last >= stamp) or (bool(self.intervals) and 2 * distance <= min(self.intervals))

    def is_faster_than(self, other: _Stream) -> bool:
        """Whether its messages come so much more often that some must be left over."""
        return bool(self.intervals and other.intervals) and median(other.intervals) > FASTER * median(self.intervals)


class Pairing:
    """Pairs the items of two streams by their stamps, or by their times of arrival. Thread-safe.

    A depth item is paired with the colour item whose stamp plus `offset_ns` is nearest to its own, no further away than
    `tolerance_ns`, when each is the other's nearest and nothing that is still to come can be nearer. An item is paired
    once, in order, or dropped once: for each stream received == paired + dropped + pending at any time. Reasons:
    unmatched (no partner within the tolerance), surplus (the same, of a stream that is faster than the other), expired
    (none within `queue_ns` of its arrival), queue_full (more than `max_bytes` waited), duplicate (of the last stamp),
    out_of_order (up to 0.1 s back), time_jump (waited when the stamps stepped back further, or the settings changed).

    Args:
        settings: see `SyncSettings`.
        max_bytes: what both streams' waiting items may take together.
        clock: nanoseconds; tells how long an item has waited.
    """

    def __init__(
        self,
        settings: SyncSettings,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._settings = settings
        self._max_bytes = max_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._rgb, self._depth = self._streams = [_Stream(name) for name in STREAMS]
        self._monitor = SyncMonitor(STREAMS)

    def configure(self, settings: SyncSettings) -> None:
        """Pair by other settings from the next message on."""
        with self._lock:
            if settings.by_arrival != self._settings.by_arrival:  # arrivals and stamps cannot be compared
                for stream in self._streams:
                    stream.drop(0, len(stream.stamps), "time_jump")
                    stream.last = None
                    stream.intervals.clear()
            self._settings = settings

    def add_rgb(self, stamp: int, item: Any, size: int = 0) -> list[tuple[Any, Any]]:
        """Add a colour item with its stamp in nanoseconds and its size in bytes; return the pairs that this completes.

        A pair is (colour item, depth item).
        """
        return self._add(self._rgb, stamp, item, size)

    def add_depth(self, stamp: int, item: Any, size: int = 0) -> list[tuple[Any, Any]]:
        """As `add_rgb`, of a depth item."""
        return self._add(self._depth, stamp, item, size)

    def counts(self) -> dict[str, dict[str, Any]]:
        """received, paired, pending (numbers) and drops (numbers by reason) for "rgb" and "depth"."""
        with self._lock:
            return {
                s.name: {"received": s.received, "paired": s.paired, "pending": len(s.waiting), "drops": dict(s.drops)}
                for s in self._streams
            }

    def advice(self) -> str:
        """Why nothing pairs and which parameter would mend it, in a sentence; empty where all is well."""
        with self._lock:
            return self._monitor.advice(self._settings)

    def _add(self, stream: _Stream, stamp: int, item: Any, size: int) -> list[tuple[Any, Any]]:
        with self._lock:
            now = self._clock()
            stream.received += 1
            self._monitor.received(stream.name, stamp, now)
            if self._settings.by_arrival:
                stamp = now
            self._expire(now)
            if stream.last is not None and stamp <= stream.last:
                if stream.last - stamp <= JUMP_NS:
                    stream.drops["duplicate" if stamp == stream.last else "out_of_order"] += 1
                    return []
                self._jump_back(stream, stamp)
            stream.append(stamp, _Waiting(item, now, size))
            pairs = self._settle()
            if pairs:
                self._monitor.paired()
            self._bound_memory()
            return pairs

    def _expire(self, now: int) -> None:
        """Drop what has waited for too long."""
        for stream in self._streams:
            before = now - self._settings.queue_ns
            old = 0
            while old < len(stream.waiting) and stream.waiting[old].arrival < before:
                old += 1
            stream.drop(0, old, "expired")

    def _bound_memory(self) -> None:
        """Drop the oldest arrivals while too many bytes wait."""
        while self._rgb.bytes + self._depth.bytes > self._max_bytes:
            oldest = min((s for s in self._streams if s.waiting), key=lambda s: s.waiting[0].arrival)
            oldest.drop(0, 1, "queue_full")

    def _jump_back(self, stream: _Stream, stamp: int) -> None:
        """Forget what is stamped later than the new beginning, which is all that a looping bag leaves behind.

        The other stream may have begun anew before this one: what it holds of the new run stays.
        """
        stream.forget_after(stamp)
        if stream is self._rgb:
            self._depth.forget_after(stamp + self._settings.offset_ns + JUMP_NS)
        else:
            self._rgb.forget_after(stamp - self._settings.offset_ns + JUMP_NS)

    def _settle(self) -> list[tuple[Any, Any]]:
        """Pair and drop from the oldest depth item on, as far as what has come decides it."""
        pairs = []
        while self._depth.stamps and self._rgb.last is not None:
            index = self._partner_of_oldest()
            if index is None:
                # a later colour stamp could still come within the tolerance, as long as none is beyond it
                if self._rgb.last + self._settings.offset_ns <= self._depth.stamps[0] + self._settings.tolerance_ns:
                    break
                self._leave_over(self._depth, 1)
            elif self._is_final(index):
                self._leave_over(self._rgb, index)
                pairs.append((self._rgb.take_oldest(), self._depth.take_oldest()))
            else:
                break
        self._drop_rgb_left_behind()
        return pairs

    def _leave_over(self, stream: _Stream, count: int) -> None:
        """Drop the oldest, for which there is no partner."""
        other = self._depth if stream is self._rgb else self._rgb
        stream.drop(0, count, "surplus" if stream.is_faster_than(other) else "unmatched")

    def _partner_of_oldest(self) -> int | None:
        """The nearest colour item within the tolerance of the oldest depth item that no other depth is nearer to."""
        wanted = self._depth.stamps[0] - self._settings.offset_ns
        first = bisect.bisect_left(self._rgb.stamps, wanted - self._settings.tolerance_ns)
        end = bisect.bisect_right(self._rgb.stamps, wanted + self._settings.tolerance_ns)
        for index in sorted(range(first, end), key=lambda i: abs(self._rgb.stamps[i] - wanted)):
            stamp = self._rgb.stamps[index] + self._settings.offset_ns
            if self._nearest_depth(stamp) >= abs(stamp - self._depth.stamps[0]):
                return index
        return None

    def _nearest_depth(self, stamp: int) -> int:
        """How far the nearest waiting depth item is from a stamp."""
        at = bisect.bisect_left(self._depth.stamps, stamp)
        return min(abs(other - stamp) for other in self._depth.stamps[max(at - 1, 0) : at + 1])

    def _is_final(self, rgb_index: int) -> bool:
        rgb_stamp = self._rgb.stamps[rgb_index] + self._settings.offset_ns
        depth_stamp = self._depth.stamps[0]
        distance = abs(depth_stamp - rgb_stamp)
        return self._rgb.nothing_nearer_can_come(
            depth_stamp - self._settings.offset_ns, distance
        ) and self._depth.nothing_nearer_can_come(rgb_stamp, distance)

    def _drop_rgb_left_behind(self) -> None:
        """Drop the colour items that neither a waiting depth item nor one still to come can want."""
        if self._depth.stamps:
            horizon = self._depth.stamps[0] - self._settings.tolerance_ns
        elif self._depth.last is not None:
            horizon = self._depth.last - self._settings.tolerance_ns
        else:
            return
        self._leave_over(self._rgb, bisect.bisect_left(self._rgb.stamps, horizon - self._settings.offset_ns))


class CheckFilter(SimpleFilter):
    """Passes on the messages that `check` accepts; what it raises as FrameError goes to `refuse` instead."""

    def __init__(self, source: SimpleFilter, check: Callable[[Any], Any], refuse: Callable[[Exception], None]) -> None:
        super().__init__()
        self._check = check
        self._refuse = refuse
        source.registerCallback(self._add)

    def _add(self, message: Any) -> None:
        try:
            self._check(message)
        except FrameError as error:
            self._refuse(error)
        else:
            self.signalMessage(message)


class PairingFilter(SimpleFilter):
    """A `Pairing` for message_filters: two filters in, callback(rgb_message, depth_message) out, outside any lock."""

    def __init__(self, pairing: Pairing, rgb: SimpleFilter, depth: SimpleFilter) -> None:
        super().__init__()
        self._pairing = pairing
        self.connectInput([rgb, depth])

    def connectInput(self, filters: list[SimpleFilter]) -> None:
        """Take colour messages from the first filter and depth messages from the second."""
        rgb, depth = filters
        rgb.registerCallback(self._add, self._pairing.add_rgb)
        depth.registerCallback(self._add, self._pairing.add_depth)

    def _add(self, message: Any, add: Callable[[int, Any, int], list[tuple[Any, Any]]]) -> None:
        for rgb, depth in add(stamp_ns(message), message, len(message.data)):
            self.signalMessage(rgb, depth)
