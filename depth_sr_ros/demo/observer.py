"""What the demo sees of the simulated camera and of /depth_sr: stamps, latencies, reports, samples."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image

from depth_sr_ros.demo import figures
from depth_sr_ros.files.depth_units import from_uint16_mm
from depth_sr_ros.node.messages import decode_depth, decode_rgb, stamp_ns

TOPICS = {
    "rgb": "/camera/color/image_raw",
    "depth": "/camera/depth/image_raw",
    "ground_truth": "/camera/ground_truth/image_raw",
    "result": "/depth_sr/image",
}
QUEUE = 5
SAMPLES = 16  # frames that are compared with the ground truth
WAITING = 60  # stamps whose frames are not complete yet, at least; 2 s at 30 Hz
MOST_WAITING = 400  # a gigabyte


class Observer:
    """What came over the wire so far; callbacks only note it."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.inputs: list[int] = []  # stamps, ns
        self.results: dict[int, float] = {}  # stamp, ns: latency, s
        self.info_stamps: set[int] = set()
        self.report: dict[str, str] = {}  # the latest of /depth_sr, by key
        self.reports = 0
        self.samples: list[figures.Sample] | None = None  # None: do not collect
        self._parts: dict[int, dict[str, Any]] = {}
        self._subscribe("depth", self._on_depth)
        self._subscribe("result", self._on_result)
        node.create_subscription(CameraInfo, "/depth_sr/camera_info", self._on_info, QoSProfile(depth=QUEUE))
        node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, QoSProfile(depth=QUEUE))

    def collect(self) -> list[figures.Sample]:
        """Subscribe what is needed for samples, and put them together from now on; return the list that they come to."""
        samples: list[figures.Sample] = []
        self.samples = samples
        for stream in ("rgb", "ground_truth"):
            self._subscribe(stream, partial(self._add_part, stream))
        return samples

    def restart(self) -> None:
        """Forget what was counted."""
        self.inputs.clear()
        self.results.clear()
        self.info_stamps.clear()

    def _subscribe(self, stream: str, callback: Callable[[Any], None]) -> None:
        self._node.create_subscription(Image, TOPICS[stream], callback, QoSProfile(depth=QUEUE))

    def _on_depth(self, message: Any) -> None:
        self.inputs.append(stamp_ns(message))
        self._add_part("depth", message)

    def _on_result(self, message: Any) -> None:
        stamp = stamp_ns(message)
        self.results[stamp] = (self._node.get_clock().now().nanoseconds - stamp) / 1e9
        self._add_part("result", message)

    def _on_info(self, message: Any) -> None:
        self.info_stamps.add(stamp_ns(message))

    def _on_diagnostics(self, message: Any) -> None:
        for status in message.status:
            report = {item.key: item.value for item in status.values}
            if "hz.out" in report:
                self.report = report
                self.reports += 1

    def _add_part(self, stream: str, message: Any) -> None:
        """Messages of one stamp make a sample, whatever their order; what stays incomplete is forgotten."""
        if self.samples is None or len(self.samples) == SAMPLES:
            return
        stamp = stamp_ns(message)
        parts = self._parts.setdefault(stamp, {})
        parts[stream] = decode_rgb(message) if stream == "rgb" else _metres(decode_depth(message))
        if len(parts) == len(TOPICS):
            self.samples.append(figures.Sample(**self._parts.pop(stamp)))
        elif len(self._parts) > WAITING and len(self._parts) > self._patience():
            del self._parts[min(self._parts)]

    def _patience(self) -> int:
        """How many stamps may wait: a result comes as many inputs later as arrive while it is computed."""
        slowest_s = max(self.results.values(), default=0.0)
        passed_s = (self.inputs[-1] - self.inputs[0]) / 1e9 if self.inputs else 0.0
        rate = len(self.inputs) / passed_s if passed_s > 0 else 0.0
        return min(max(WAITING, round(1.5 * rate * slowest_s)), MOST_WAITING)


def _metres(depth: np.ndarray) -> np.ndarray:
    return from_uint16_mm(depth) if depth.dtype.kind == "u" else depth
