"""Which colour image belongs to which depth image: nearest stamps within a tolerance, every message accounted for.

`Pairing` is the matter itself, on stamps and any items, without ROS; `PairingFilter` puts it on the message_filters
protocol. Unlike message_filters' ApproximateTimeSynchronizer it survives a looping bag and stamps from the past or the
future, runs no callback inside a lock, and counts what it drops.
"""

from __future__ import annotations

import bisect
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from message_filters import SimpleFilter

from depth_sr_ros.core.result import FrameError
from depth_sr_ros.node.messages import stamp_ns

QUEUE = 10  # messages a stream that wait for their partner: a third of a second at 30 Hz
JUMP_NS = 100_000_000  # a step back in time by more is a clock or a bag that began anew, by less a straggler
INTERVALS = 16  # recent intervals between stamps, of which the shortest counts
STREAMS = ("rgb", "depth")


@dataclass
class _Stream:
    """One stream's waiting messages in the order of their stamps, and what has become of the others."""

    name: str
    stamps: list[int] = field(default_factory=list)
    items: list[Any] = field(default_factory=list)
    last: int | None = None
    intervals: deque[int] = field(default_factory=lambda: deque(maxlen=INTERVALS))
    received: int = 0
    paired: int = 0
    drops: Counter = field(default_factory=Counter)

    def append(self, stamp: int, item: Any) -> None:
        if self.last is not None and stamp > self.last:
            self.intervals.append(stamp - self.last)
        self.last = stamp
        self.stamps.append(stamp)
        self.items.append(item)

    def drop_oldest(self, count: int = 1) -> None:
        if count:
            self.drops["unmatched"] += count
            del self.stamps[:count], self.items[:count]

    def forget_after(self, stamp: int) -> None:
        """Drop what is stamped later than `stamp`, and forget that the stream has been there."""
        if self.last is None or self.last <= stamp:
            return
        keep = bisect.bisect_right(self.stamps, stamp)
        if keep < len(self.stamps):
            self.drops["time_jump"] += len(self.stamps) - keep
            del self.stamps[keep:], self.items[keep:]
        self.last = self.stamps[-1] if self.stamps else None
        self.intervals.clear()

    def take(self, index: int) -> Any:
        self.paired += 1
        del self.stamps[index]
        return self.items.pop(index)

    def nothing_nearer_can_come(self, stamp: int, distance: int) -> bool:
        """Whether no message still to come can be nearer to `stamp` than `distance`.

        So it is where the stream has gone past it, or where even the shortest interval leads further away.
        """
        return self.last >= stamp or (bool(self.intervals) and 2 * distance <= min(self.intervals))


class Pairing:
    """Pairs the items of two streams by their stamps. Thread-safe.

    A depth item is paired with the colour item whose stamp plus `offset_ns` is nearest to its own, no further away than
    `tolerance_ns`, when each is the other's nearest and nothing that is still to come can be nearer. An item is paired
    once, in order, or dropped once: for each stream received == paired + dropped + pending at any time. Reasons:
    unmatched (no partner within the tolerance, or none in time), duplicate (of the last stamp), out_of_order (up to
    0.1 s back), time_jump (waited when the stamps stepped back further).
    """

    def __init__(self, tolerance_ns: int, offset_ns: int = 0, queue: int = QUEUE) -> None:
        self.tolerance_ns = tolerance_ns
        self.offset_ns = offset_ns
        self._queue = queue
        self._lock = threading.Lock()
        self._rgb, self._depth = self._streams = [_Stream(name) for name in STREAMS]

    def add_rgb(self, stamp: int, item: Any) -> list[tuple[Any, Any]]:
        """Add a colour item with its stamp in nanoseconds; return the (rgb, depth) pairs that this completes."""
        return self._add(self._rgb, stamp, item)

    def add_depth(self, stamp: int, item: Any) -> list[tuple[Any, Any]]:
        """Add a depth item with its stamp in nanoseconds; return the (rgb, depth) pairs that this completes."""
        return self._add(self._depth, stamp, item)

    def counts(self) -> dict[str, dict[str, Any]]:
        """received, paired, pending (numbers) and drops (numbers by reason) for "rgb" and "depth"."""
        with self._lock:
            return {
                s.name: {"received": s.received, "paired": s.paired, "pending": len(s.items), "drops": dict(s.drops)}
                for s in self._streams
            }

    def _add(self, stream: _Stream, stamp: int, item: Any) -> list[tuple[Any, Any]]:
        with self._lock:
            stream.received += 1
            if stream.last is not None and stamp <= stream.last:
                if stream.last - stamp <= JUMP_NS:
                    stream.drops["duplicate" if stamp == stream.last else "out_of_order"] += 1
                    return []
                self._jump_back(stream, stamp)
            if len(stream.items) >= self._queue:
                stream.drop_oldest()
            stream.append(stamp, item)
            return self._settle()

    def _jump_back(self, stream: _Stream, stamp: int) -> None:
        """Forget what is stamped later than the new beginning, which is all that a looping bag leaves behind.

        The other stream may have begun anew before this one: what it holds of the new run stays.
        """
        stream.forget_after(stamp)
        if stream is self._rgb:
            self._depth.forget_after(stamp + self.offset_ns + JUMP_NS)
        else:
            self._rgb.forget_after(stamp - self.offset_ns + JUMP_NS)

    def _settle(self) -> list[tuple[Any, Any]]:
        """Pair and drop from the oldest depth item on, as far as what has come decides it."""
        pairs = []
        while self._depth.stamps and self._rgb.last is not None:
            index = self._partner_of_oldest()
            if index is None:
                # a later colour stamp could still come within the tolerance, as long as none is beyond it
                if self._rgb.last + self.offset_ns <= self._depth.stamps[0] + self.tolerance_ns:
                    break
                self._depth.drop_oldest()
            elif self._is_final(index):
                self._rgb.drop_oldest(index)
                pairs.append((self._rgb.take(0), self._depth.take(0)))
            else:
                break
        self._drop_rgb_left_behind()
        return pairs

    def _distance(self, depth_index: int, rgb_index: int) -> int:
        return abs(self._depth.stamps[depth_index] - self._rgb.stamps[rgb_index] - self.offset_ns)

    def _partner_of_oldest(self) -> int | None:
        """The nearest colour item within the tolerance of the oldest depth item that no other depth is nearer to."""
        best = None
        for index in range(len(self._rgb.stamps)):
            distance = self._distance(0, index)
            if distance > self.tolerance_ns or (best is not None and distance >= self._distance(0, best)):
                continue
            if all(self._distance(other, index) >= distance for other in range(1, len(self._depth.stamps))):
                best = index
        return best

    def _is_final(self, rgb_index: int) -> bool:
        distance = self._distance(0, rgb_index)
        return self._rgb.nothing_nearer_can_come(
            self._depth.stamps[0] - self.offset_ns, distance
        ) and self._depth.nothing_nearer_can_come(self._rgb.stamps[rgb_index] + self.offset_ns, distance)

    def _drop_rgb_left_behind(self) -> None:
        """Drop the colour items that neither a waiting depth item nor one still to come can want."""
        if self._depth.stamps:
            horizon = self._depth.stamps[0] - self.tolerance_ns
        elif self._depth.last is not None:
            horizon = self._depth.last - self.tolerance_ns
        else:
            return
        self._rgb.drop_oldest(bisect.bisect_left(self._rgb.stamps, horizon - self.offset_ns))


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

    def _add(self, message: Any, add: Callable[[int, Any], list[tuple[Any, Any]]]) -> None:
        for rgb, depth in add(stamp_ns(message), message):
            self.signalMessage(rgb, depth)
