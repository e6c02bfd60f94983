"""/diagnostics: rates, times, drops by reason, what runs, and what is wrong with the streams and topics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from depth_sr_ros.node.statistics import PERCENTILES, Snapshot
from depth_sr_ros.node.texts import shortened

SILENT_S = 5.0  # images in and none out for so long is a fault
STALLED_S = 2.0  # a stream that has come and stays away for longer is a fault
STALLED_INTERVALS = 3  # or for so many times what lay between its last images, where it is slow
UNKNOWN_INTERVAL_S = 5.0  # of a stream of which one image has come
MESSAGE_LIMIT = 1000  # characters of a status' message


@dataclass
class _Stream:
    """What a stream has done of late, in seconds."""

    silent_s: float = 0.0
    interval_s: float = 0.0
    has_come: bool = False

    def update(self, count: int, elapsed_s: float) -> None:
        """`count` images have come in the last `elapsed_s`."""
        self.silent_s += elapsed_s
        if count:
            is_known = self.has_come or count > 1
            self.interval_s = self.silent_s / count if is_known else UNKNOWN_INTERVAL_S
            self.silent_s, self.has_come = 0.0, True

    @property
    def is_stalled(self) -> bool:
        """Whether it has come, and stays away."""
        return self.has_come and self.silent_s > max(STALLED_S, STALLED_INTERVALS * self.interval_s)


class Report:
    """Makes one DiagnosticArray after the other of snapshots; rates are of the time between two.

    Attributes:
        silent_s: how long images have come in and none has gone out, in seconds.
        stalled: for how many seconds no image has come, by stream, of those that had come and stay away.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._before = Snapshot()
        self._streams: dict[str, _Stream] = {}
        self.silent_s = 0.0
        self.stalled: dict[str, float] = {}

    def make(
        self,
        stamp: Any,
        now: Snapshot,
        elapsed_s: float,
        running: Mapping[str, Any],
        warnings: Sequence[str],
        idle: str = "",
    ) -> DiagnosticArray:
        """The next message.

        Args:
            stamp: of its header.
            now: counts and times.
            elapsed_s: since the one before.
            running: what else to show, by key.
            warnings: each makes the level WARN.
            idle: why nothing is upsampled though nothing is wrong; empty where frames are wanted.
        """
        before, self._before = self._before, now
        counts = {name: n - before.received.get(name, 0) for name, n in now.received.items()}
        published = now.published - before.published
        self._watch(counts, published, elapsed_s, idle)
        status = DiagnosticStatus(name=self._name, hardware_id="none")
        out_hz = published / elapsed_s
        status.level, message = self._verdict(out_hz, warnings, idle)
        status.message = shortened(message, MESSAGE_LIMIT)
        values = {
            **running,
            **{f"hz.{name}": f"{count / elapsed_s:.1f}" for name, count in counts.items()},
            "hz.out": f"{out_hz:.1f}",
            **{f"received.{name}": n for name, n in now.received.items()},
            "published": now.published,
            **{f"drops.{reason}": n for reason, n in sorted(now.drops.items())},
            **{
                f"ms.{name}.p{percentile}": f"{value:.2f}"
                for name, values in now.times_ms.items()
                for percentile, value in zip(PERCENTILES, values, strict=True)
            },
            **{f"warning.{i}": line for i, line in enumerate(warnings)},
        }
        status.values = [KeyValue(key=key, value=shortened(str(value))) for key, value in values.items()]
        array = DiagnosticArray(status=[status])
        array.header.stamp = stamp
        return array

    def _watch(self, counts: Mapping[str, int], published: int, elapsed_s: float, idle: str) -> None:
        """Follow how long streams and output have been silent."""
        if idle:
            self._streams.clear()
        for name, count in counts.items():
            if not idle:
                self._streams.setdefault(name, _Stream()).update(count, elapsed_s)
        self.stalled = {name: stream.silent_s for name, stream in self._streams.items() if stream.is_stalled}
        blocked = not published and not idle and all(counts.values())
        self.silent_s = self.silent_s + elapsed_s if blocked else 0.0

    def _verdict(self, out_hz: float, warnings: Sequence[str], idle: str) -> tuple[Any, str]:
        """Level and message of a status."""
        stalls = [f"no {name} image for {seconds:.0f} s" for name, seconds in self.stalled.items()]
        lines = [*stalls, *warnings]
        if self.silent_s >= SILENT_S:
            return DiagnosticStatus.ERROR, "; ".join(["images come in, none goes out", *lines])
        if stalls and len(stalls) < len(self._streams):  # one camera without the other
            return DiagnosticStatus.ERROR, "; ".join(lines)
        if lines:
            return DiagnosticStatus.WARN, "; ".join(lines)
        return DiagnosticStatus.OK, idle or (f"{out_hz:.1f} Hz" if out_hz else "waiting for images")
