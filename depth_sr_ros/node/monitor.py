"""Publishes what the node reports of itself every second, and logs what of it a person should hear."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock
from rclpy.node import Node

from depth_sr_ros.node.diagnostics import SILENT_S, Report
from depth_sr_ros.node.inputs import Inputs
from depth_sr_ros.node.statistics import Notices, Statistics, ThrottledLog
from depth_sr_ros.node.topic_watch import TopicWatch

PERIOD_S = 1.0
DISCOVERY_S = 2.0  # until then publishers may be there that are not known yet
TOPIC_LOG_PERIOD_S = 30.0  # drops are logged more often, and would bury their cause
UNPAIRED_QUIET_S = 30.0
PAIRING = {  # what each reason of pairing means
    "unmatched": "no partner is stamped within sync_tolerance_ms",
    "surplus": "the other stream is slower",
    "expired": "no partner came within sync_queue_s",
    "queue_full": "too many bytes wait for their partners",
    "duplicate": "the stamp is that of the one before",
    "out_of_order": "the stamp is before that of the one before",
    "time_jump": "stamps stepped back, as when a bag begins anew, or sync was changed",
}


class Monitor:
    """Reports on /diagnostics.

    Args:
        node: publishes.
        steady: clock of the reports: they go on while simulated time stands still.
        statistics: what has been counted and timed.
        notices: what else is not as it should be.
        warn: throttled log.
        inputs: gives the subscriptions; None while there are none.
        running: gives what runs, by key.
        idle: says why nothing is upsampled though nothing is wrong; empty where frames are wanted.
    """

    def __init__(
        self,
        node: Node,
        steady: Clock,
        statistics: Statistics,
        notices: Notices,
        warn: ThrottledLog,
        *,
        inputs: Callable[[], Inputs | None],
        running: Callable[[], Mapping[str, Any]],
        idle: Callable[[], str],
    ) -> None:
        self._node, self._log = node, node.get_logger()
        self._statistics, self._notices, self._warn = statistics, notices, warn
        self._inputs, self._running, self._idle = inputs, running, idle
        self._report = Report(node.get_fully_qualified_name().lstrip("/"))
        self._watch = TopicWatch(node)
        self._reported_s = time.monotonic()
        self._topics_due_s = 0.0
        self._topic_warnings: dict[str, float] = {}  # when each was logged last
        self._stalled: set[str] = set()
        self._advice, self._advised_s = "", -math.inf
        self._unpaired: dict[str, tuple[int, float]] = {}  # how many, and when the last came
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        node.create_timer(PERIOD_S, self._tick, clock=steady)

    def expect_topics(self) -> None:
        """Topics have just been subscribed: it takes a moment until their publishers are known."""
        self._topics_due_s = time.monotonic() + DISCOVERY_S

    def _tick(self) -> None:
        now_s = time.monotonic()
        elapsed_s, self._reported_s = now_s - self._reported_s, now_s
        inputs = self._inputs()
        snapshot, running, warnings = self._statistics.snapshot(), dict(self._running()), []
        if inputs is not None:
            paired = inputs.counts()
            running |= {f"pending.{name}": stream["pending"] for name, stream in paired.items()}
            unpaired = {f"{name}.{why}": n for name, stream in paired.items() for why, n in stream["drops"].items()}
            self._log_unpaired(unpaired, now_s)
            self._notices.set("sync", self._steady_advice(inputs.advice(), now_s))
            snapshot = replace(snapshot, drops={**snapshot.drops, **unpaired})
            if inputs.is_open and now_s >= self._topics_due_s:
                warnings = self._watch.warnings(inputs.topics)
                self._log_topic_warnings(warnings, now_s)
        stamp = self._node.get_clock().now().to_msg()
        lines = [*warnings, *self._notices.lines()]
        message = self._report.make(stamp, snapshot, elapsed_s, running, lines, self._idle())
        self._publisher.publish(message)
        self._log_stalls()
        if self._report.silent_s >= SILENT_S:
            self._warn("silent", f"{message.status[0].message} for {self._report.silent_s:.0f} s")

    def _steady_advice(self, advice: str, now_s: float) -> str:
        """What is advised, in the same words for a while: each measurement has other figures."""
        if not (advice and self._advice) or now_s - self._advised_s >= UNPAIRED_QUIET_S:
            self._advice, self._advised_s = advice, now_s
        return self._advice

    def _log_stalls(self) -> None:
        """Say once that a stream stays away, and once that it is back."""
        for stream, seconds in self._report.stalled.items():
            if stream not in self._stalled:
                self._log.warning(f"no {stream} image for {seconds:.0f} s, though there had been some")
        for stream in self._stalled - set(self._report.stalled):
            self._log.info(f"{stream} images are back, or not wanted any more")
        self._stalled = set(self._report.stalled)

    def _log_topic_warnings(self, warnings: list[str], now_s: float) -> None:
        """Say what has come to be wrong with the topics, again after a while where it still is, and when all is well."""
        logged = {line: self._topic_warnings.get(line, -math.inf) for line in warnings}
        for line, before_s in logged.items():
            if now_s - before_s >= TOPIC_LOG_PERIOD_S:
                self._log.warning(line)
                logged[line] = now_s
        if self._topic_warnings and not warnings:
            self._log.info("all topics have publishers that fit")
        self._topic_warnings = logged

    def _log_unpaired(self, unpaired: dict[str, int], now_s: float) -> None:
        """Say once, when it begins, that pairing drops images for a reason, and again after a quiet time.

        Colour images that no depth image wants are not told of: where colour is faster there are many.
        """
        for reason, count in unpaired.items():
            before, last_s = self._unpaired.get(reason, (0, -math.inf))
            if count == before:
                continue
            if now_s - last_s >= UNPAIRED_QUIET_S and reason not in ("rgb.unmatched", "rgb.surplus"):
                self._log.warning(
                    f"dropped ({reason}, {count} so far) when pairing colour and depth: {PAIRING[reason.split('.')[1]]}"
                )
            self._unpaired[reason] = count, now_s
