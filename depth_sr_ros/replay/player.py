"""Publishes a prepared recording to a node in recorded time, and keeps what it answers."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, Image

from depth_sr_ros.replay.node_process import NodeError, NodeProcess
from depth_sr_ros.replay.prepared import BagWriter, read_bag, stamp_of
from depth_sr_ros.replay.recording import IMAGE, INFO, TRANSFORMS

TOPICS = {
    "rgb_image": "rgb/image",
    "depth_image": "depth/image",
    "rgb_info": "rgb/camera_info",
    "depth_info": "depth/camera_info",
    "/tf": "tf",
    "/tf_static": "tf_static",
}
RESULT, RESULT_INFO = "/depth_sr/image", "/depth_sr/camera_info"
QUEUE = 10
READY_S = 120.0  # for a node to compile its network and answer
QUIET_S = 2.0  # without an answer, after the last image: it was the last one
WARM_UP_NS = 600 * 10**9  # the first pair is sent with stamps so far before its own, until it is answered
WARM_UP_PERIOD_S = 0.2
FAILED_FRAMES = 10  # that are dropped before the first result: the node will not give any
PASSING = (
    "no_subscriber",
    "superseded",
    "unmatched",
    "expired",
    "duplicate",
    "surplus",
    "time_jump",
    "out_of_order",
    "stopped",
)


@dataclass
class Answers:
    """What a node made of a recording.

    Attributes:
        path: a rosbag2 recording of its depth images.
        latency_ms: from the publication of a depth image to its result, by stamp in nanoseconds.
        drops: what it counted, by reason.
        duration_s: from the first image to the last result.
        cpu_percent, peak_memory_mb: of its process.
    """

    path: Path
    latency_ms: dict[int, float] = field(default_factory=dict)
    drops: dict[str, int] = field(default_factory=dict)
    duration_s: float = 0.0
    cpu_percent: float = 0.0
    peak_memory_mb: float = 0.0


class Player:
    """The other side of a node's topics, in its namespace.

    Args:
        namespace: of the node and all its topics.
        path: where its depth images are kept, as a recording.
    """

    def __init__(self, namespace: str, path: Path) -> None:
        self._namespace = namespace
        self._answers = Answers(path)
        self._bag = BagWriter(path)
        self._sent: dict[int, float] = {}
        self._drops: dict[str, int] = {}
        self._drops_before: dict[str, int] = {}
        self._answered = threading.Event()
        self._last_answer_s = time.monotonic()
        self._is_warm = False

    def __enter__(self) -> Player:
        """Join the graph."""
        rclpy.init(args=[])
        self._node = rclpy.create_node("replay", namespace=self._namespace)
        self._publishers: dict[str, Any] = {}
        self._node.create_subscription(Image, "depth_sr/image", self._on_image, QUEUE, raw=True)
        self._node.create_subscription(CameraInfo, "depth_sr/camera_info", self._on_info, QUEUE, raw=True)
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, QUEUE)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._bag.__enter__()
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it."""
        self._executor.shutdown()
        self._thread.join()
        self._bag.__exit__()
        self._node.destroy_node()
        rclpy.try_shutdown()

    def warm_up(self, prepared: Path, node: NodeProcess) -> None:
        """Send the first pair until the node has compiled its network and answers.

        Raises:
            NodeError: it ended, drops every frame, or has not answered within READY_S.
        """
        first: dict[str, tuple[str, bytes]] = {}
        for topic, kind, _, octets in read_bag(prepared):
            first.setdefault(topic, (kind, octets))
            if {"rgb_image", "depth_image"} <= first.keys():
                break
        for topic in TOPICS:
            if topic in first:
                self._publish(topic, *first[topic])
        give_up_s, count = time.monotonic() + READY_S, 0
        while not self._answered.wait(WARM_UP_PERIOD_S):
            node.check()
            if failing := self._failing():
                raise NodeError(f"the node drops every frame ({failing}); its last line: {node.last_words()}")
            if time.monotonic() > give_up_s:
                raise NodeError(f"no depth image within {READY_S:g} s; the node's last line: {node.last_words()}")
            count += 1
            for topic, (kind, octets) in first.items():
                earlier = stamp_of(octets) - WARM_UP_NS + round(count * WARM_UP_PERIOD_S * 1e9)
                self._publish(topic, kind, octets if topic.startswith("/tf") else _stamped(octets, earlier))
        time.sleep(1.5)  # what was sent is answered, and counted on /diagnostics
        self._drops_before, self._is_warm = dict(self._drops), True

    def play(self, prepared: Path, rate: float, node: NodeProcess, progress: Callable[[], None]) -> None:
        """Publish everything in recorded time, and wait for the last answer. Raises NodeError where the node ends."""
        start_s = time.monotonic()
        first_ns = None
        for topic, kind, time_ns, octets in read_bag(prepared):
            first_ns = time_ns if first_ns is None else first_ns
            ahead = start_s + (time_ns - first_ns) / 1e9 / rate - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
            if topic == "depth_image":
                node.check()
                self._sent[stamp_of(octets)] = time.monotonic()
                progress()
            elif topic in TRANSFORMS:
                self._bag.write(topic, kind, time_ns, octets)
            self._publish(topic, kind, octets)
        self._last_answer_s = max(self._last_answer_s, time.monotonic())
        while time.monotonic() - self._last_answer_s < QUIET_S:
            time.sleep(0.1)
        self._answers.duration_s = self._last_answer_s - start_s

    def answers(self) -> Answers:
        """What the node made of it."""
        drops = {reason: count - self._drops_before.get(reason, 0) for reason, count in self._drops.items()}
        self._answers.drops = {reason: count for reason, count in drops.items() if count}
        return self._answers

    def _failing(self) -> str:
        """The reason that so many frames were dropped for that there will be no result; empty where there may be one."""
        counts = {reason: n for reason, n in self._drops.items() if reason.rpartition(".")[2] not in PASSING}
        return next((reason for reason, n in counts.items() if n >= FAILED_FRAMES), "")

    def _publish(self, topic: str, kind: str, octets: bytes) -> None:
        if topic not in self._publishers:
            self._publishers[topic] = self._publisher(topic, kind)
        if self._publishers[topic] is not None:
            self._publishers[topic].publish(octets)

    def _publisher(self, topic: str, kind: str) -> Any:
        package, _, name = kind.split("/")
        try:
            message = getattr(importlib.import_module(f"{package}.msg"), name)
        except ImportError:
            self._node.get_logger().warning(f"{topic} of the recording is not played: there is no {package} here")
            return None
        qos = QoSProfile(depth=QUEUE)
        if topic == "/tf_static":
            qos.durability = DurabilityPolicy.TRANSIENT_LOCAL
        return self._node.create_publisher(message, TOPICS[topic], qos)

    def _on_image(self, octets: bytes) -> None:
        self._last_answer_s = time.monotonic()
        stamp = stamp_of(octets)
        if self._is_warm and stamp in self._sent:
            self._answers.latency_ms[stamp] = (self._last_answer_s - self._sent[stamp]) * 1e3
            self._bag.write(RESULT, IMAGE, stamp, octets)
        self._answered.set()

    def _on_info(self, octets: bytes) -> None:
        stamp = stamp_of(octets)
        if self._is_warm and stamp in self._sent:
            self._bag.write(RESULT_INFO, INFO, stamp, octets)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if self._namespace.strip("/") in status.name:
                values = {item.key: item.value for item in status.values}
                drops = {key.removeprefix("drops."): int(value) for key, value in values.items() if key.startswith("drops.")}
                self._drops.update(drops)


def _stamped(octets: bytes, stamp_ns: int) -> bytes:
    """A message with a header in CDR, with another stamp."""
    order: Literal["little", "big"] = "little" if octets[1] & 1 else "big"
    seconds, nanoseconds = divmod(stamp_ns, 10**9)
    return octets[:4] + seconds.to_bytes(4, order, signed=True) + nanoseconds.to_bytes(4, order) + octets[12:]
