"""Why colour and depth do not pair: what their stamps and arrivals say, and the parameter that would mend it. No ROS."""

from __future__ import annotations

import bisect
import math
from collections import Counter, deque
from dataclasses import dataclass
from statistics import median

KEPT = 256  # messages per stream that are remembered: nearly three seconds at 90 Hz
ENOUGH = 8  # messages of each stream without a pair before anything is said
LOOKED_AT = 32  # of the messages that are remembered
OTHER_CLOCK_NS = 5_000_000_000  # no two streams of one clock are further apart
LARGEST_OFFSET_NS = 1_000_000_000  # that rgb_offset_ms takes
STEADY_NS = 5_000_000  # differences that vary by less are an offset, by more the streams' phases


@dataclass(frozen=True)
class SyncSettings:
    """How pairing is to pair.

    Attributes:
        tolerance_ns: largest difference between the stamps of a pair.
        offset_ns: added to colour stamps before they are compared.
        queue_ns: how long a message waits for its partner.
        by_arrival: compare the times of arrival in place of the stamps.
    """

    tolerance_ns: int = 20_000_000
    offset_ns: int = 0
    queue_ns: int = 1_000_000_000
    by_arrival: bool = False


class SyncMonitor:
    """Remembers when messages came and with which stamps; not thread-safe."""

    def __init__(self, streams: tuple[str, str]) -> None:
        self._history: dict[str, deque[tuple[int, int]]] = {name: deque(maxlen=KEPT) for name in streams}
        self._since_pair: Counter[str] = Counter()

    def received(self, stream: str, stamp: int, arrival: int) -> None:
        """Note a message's stamp and its time of arrival, nanoseconds of whatever clocks."""
        self._history[stream].append((stamp, arrival))
        self._since_pair[stream] += 1

    def paired(self) -> None:
        """Note that there is a pair."""
        self._since_pair.clear()

    def advice(self, settings: SyncSettings) -> str:
        """What keeps the streams from pairing and what would mend it, in a sentence; empty where they pair."""
        if not settings.by_arrival:
            for name in self._history:
                if words := self._useless_stamps(name):
                    return f"{words}: sync:=arrival would pair the messages as they come"
        if min(self._since_pair[name] for name in self._history) < ENOUGH:
            return ""
        rgb, depth = (list(self._history[name]) for name in ("rgb", "depth"))
        if settings.by_arrival:
            rgb, depth = ([(arrival, arrival) for _, arrival in messages] for messages in (rgb, depth))
        return _apart(settings, rgb, depth[-LOOKED_AT:])

    def _useless_stamps(self, name: str) -> str:
        stamps = [stamp for stamp, _ in self._history[name]][-ENOUGH:]
        if len(stamps) < ENOUGH or len(set(stamps)) > 1:
            return ""
        return f"the stamps of {name} are all {'zero' if stamps[0] == 0 else stamps[0] / 1e9}"


def _apart(settings: SyncSettings, rgb: list[tuple[int, int]], depth: list[tuple[int, int]]) -> str:
    """What the distances between the stamps say; rgb, depth: (stamp, arrival) in the order of arrival."""
    between_newest = depth[-1][0] - rgb[-1][0] - settings.offset_ns
    rgb = sorted(rgb)
    nearest = [_nearest(rgb, stamp - settings.offset_ns) for stamp, _ in depth]
    differences = [stamp - other - settings.offset_ns for (stamp, _), (other, _) in zip(depth, nearest)]
    difference = median(differences)
    if abs(difference) > OTHER_CLOCK_NS:
        return (
            f"depth is stamped {_signed(between_newest)} colour, as by another clock: "
            "sync:=arrival would pair the messages as they come"
        )
    if abs(difference) > settings.tolerance_ns:
        offset = settings.offset_ns + difference
        steady = median(abs(other - difference) for other in differences) <= STEADY_NS
        ways = [f"rgb_offset_ms:={offset / 1e6:.0f}"] if steady and abs(offset) <= LARGEST_OFFSET_NS else []
        ways.append(f"sync_tolerance_ms:={_above(abs(difference))}")
        return f"depth is stamped {_signed(difference)} the nearest colour image: {' or '.join(ways)} would pair them"
    late = median(r[1] - d[1] for d, r in zip(depth, nearest))
    if abs(late) <= settings.queue_ns:
        return ""
    later, earlier = ("colour", "depth") if late > 0 else ("depth", "colour")
    needed = math.ceil(abs(late) / 1e8 + 1) / 10
    return f"{later} comes {_span(late)} after {earlier} of the same stamp: sync_queue_s:={needed} would wait for it"


def _nearest(messages: list[tuple[int, int]], stamp: int) -> tuple[int, int]:
    at = bisect.bisect_left(messages, (stamp, 0))
    return min(messages[max(at - 1, 0) : at + 1], key=lambda message: abs(message[0] - stamp))


def _signed(difference: float) -> str:
    return f"{_span(difference)} {'after' if difference > 0 else 'before'}"


def _span(nanoseconds: float) -> str:
    milliseconds = abs(nanoseconds) / 1e6
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1e3:.1f} s" if milliseconds < 1e5 else f"{milliseconds / 1e3:.0f} s"


def _above(distance: float) -> int:
    """Whole milliseconds, in steps of 5, that leave some room above a distance."""
    return 5 * math.ceil(1.2 * distance / 5e6)
