"""/diagnostics: rates, times, drops by reason, what runs, and what is wrong with the topics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from rclpy.qos import QoSCompatibility, QoSProfile, qos_check_compatible

from depth_sr_ros.node.statistics import Snapshot

PERIOD_S = 1.0
SILENT_S = 5.0  # images in and none out for so long is a fault; less may be an engine that is being compiled
SUGGESTED = 5  # topics that a warning names


@dataclass(frozen=True)
class Source:
    """A topic that the node subscribes: its resolved name, its type as ROS writes it, the profile it is read with."""

    topic: str
    type_name: str
    qos: QoSProfile


def topic_warnings(node: Node, sources: Sequence[Source]) -> list[str]:
    """A line for every source that cannot deliver: no publisher, another type, or a QoS profile that does not fit."""
    warnings = []
    for source in sources:
        publishers = node.get_publishers_info_by_topic(source.topic)
        if not publishers:
            warnings.append(f"no publisher on {source.topic}{_elsewhere(node, source.type_name)}")
        warnings += [
            f"publisher of {source.topic} does not fit: {reason}"
            for publisher in publishers
            if (reason := _misfit(publisher, source))
        ]
    return warnings


def _elsewhere(node: Node, type_name: str) -> str:
    """Say on which topics others publish the type, for who has mistaken the name; empty where nobody does."""
    own = f"{node.get_fully_qualified_name()}/"
    topics = sorted(
        name
        for name, types in node.get_topic_names_and_types()
        if type_name in types and not name.startswith(own) and node.get_publishers_info_by_topic(name)
    )
    more = f" and {len(topics) - SUGGESTED} more" if len(topics) > SUGGESTED else ""
    return f"; {type_name} comes on {', '.join(topics[:SUGGESTED])}{more}" if topics else ""


def _misfit(publisher: Any, source: Source) -> str:
    """Why DDS does not connect a publisher with a source; empty where it does."""
    if publisher.topic_type != source.type_name:
        return f"it sends {publisher.topic_type}, expected is {source.type_name}"
    compatibility, reason = qos_check_compatible(publisher.qos_profile, source.qos)
    return f"{reason} (see qos_overrides)" if compatibility == QoSCompatibility.ERROR else ""


class Report:
    """Makes one DiagnosticArray after the other of snapshots; rates are of the time between two.

    Attributes:
        silent_s: how long images have come in and none has gone out, in seconds.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._before = Snapshot()
        self.silent_s = 0.0

    def make(self, stamp: Any, now: Snapshot, elapsed_s: float, running: Mapping[str, Any], warnings: Sequence[str]):
        """The message. running: what else to show. Warnings make the level WARN; input without output, ERROR."""
        before, self._before = self._before, now
        rates = {name: (n - before.received.get(name, 0)) / elapsed_s for name, n in now.received.items()}
        out_hz = (now.published - before.published) / elapsed_s
        idle = now.drops.get("no_subscriber", 0) > before.drops.get("no_subscriber", 0)
        blocked = out_hz == 0 and not idle and all(rates.values())
        self.silent_s = self.silent_s + elapsed_s if blocked else 0.0
        status = DiagnosticStatus(name=self._name, hardware_id="none")
        status.level, status.message = self._verdict(out_hz, idle, warnings)
        values = {
            **running,
            **{f"hz.{name}": f"{rate:.1f}" for name, rate in rates.items()},
            "hz.out": f"{out_hz:.1f}",
            **{f"received.{name}": n for name, n in now.received.items()},
            "published": now.published,
            **{f"drops.{reason}": n for reason, n in sorted(now.drops.items())},
            **{f"ms.{name}.p50": f"{p50:.2f}" for name, (p50, _) in now.times_ms.items()},
            **{f"ms.{name}.p95": f"{p95:.2f}" for name, (_, p95) in now.times_ms.items()},
            **{f"warning.{i}": line for i, line in enumerate(warnings)},
        }
        status.values = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
        array = DiagnosticArray(status=[status])
        array.header.stamp = stamp
        return array

    def _verdict(self, out_hz: float, idle: bool, warnings: Sequence[str]) -> tuple[Any, str]:
        """Level and message of a status."""
        if self.silent_s >= SILENT_S:
            return DiagnosticStatus.ERROR, "; ".join(["images come in, none goes out", *warnings])
        if warnings:
            return DiagnosticStatus.WARN, "; ".join(warnings)
        if idle:
            return DiagnosticStatus.OK, "nobody listens: nothing is upsampled"
        return DiagnosticStatus.OK, f"{out_hz:.1f} Hz" if out_hz else "waiting for images"
