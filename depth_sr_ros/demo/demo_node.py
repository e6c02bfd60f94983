"""The node /demo: watches the simulated camera and /depth_sr, prints what it measured, draws it, and ends.

Rates, latencies and drops are measured first, with only the depth images subscribed; colour and ground truth, which
are large, are subscribed afterwards, for the accuracy and the picture.
"""

import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.exceptions import ParameterException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, Image

from depth_sr_ros.demo import figures
from depth_sr_ros.files.depth_units import from_uint16_mm
from depth_sr_ros.node.messages import decode_depth, decode_rgb, stamp_ns
from depth_sr_ros.node.stopping import stop_on_signals

TOPICS = {
    "rgb": "/camera/color/image_raw",
    "depth": "/camera/depth/image_raw",
    "ground_truth": "/camera/ground_truth/image_raw",
    "result": "/depth_sr/image",
}
QUEUE = 5
SPIN_S = 0.1
SAMPLES = 16  # frames that are compared with the ground truth
SAMPLING_S = 20.0  # for fewer, where the stream is slow; one at least is waited for
INFO_S = 1.0  # camera_info is published right after its image
REPORT_S = 10.0  # /depth_sr reports every second
WAITING = 60  # stamps whose frames are not complete yet, at least; 2 s at 30 Hz
MOST_WAITING = 400  # a gigabyte


class DemoError(RuntimeError):
    """The demo cannot be shown; the message says in one line what is missing."""


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

    def collect(self) -> None:
        """Subscribe what is needed for samples, and put them together from now on."""
        self.samples = []
        for stream in ("rgb", "ground_truth"):
            self._subscribe(stream, lambda message, stream=stream: self._add_part(stream, message))

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


class Demo:
    """The course of the demo; every step spins the node until it has what it needs."""

    def __init__(self, node: Node, stop: threading.Event) -> None:
        self._node = node
        self._stop = stop
        self._duration_s = self._declare("duration", 15.0, "seconds that are measured")
        self._warm_up_s = self._declare("warm_up", 2.0, "seconds from the first result to the measurement")
        self._patience_s = self._declare("patience", 300.0, "seconds to wait for the camera, and then for a result")
        self._output = Path(self._declare("output_dir", "demo_output", "where preview.png and summary.json go"))
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(node)
        self._observer = Observer(node)

    def run(self) -> None:
        """Raises DemoError."""
        observer = self._observer
        self._wait(lambda: observer.inputs, self._patience_s, f"no depth image came on {TOPICS['depth']}")
        self._wait(
            lambda: observer.results and observer.report,
            self._patience_s,
            f"no result came on {TOPICS['result']}",
        )
        self._say(f"the first result is there; measuring {self._duration_s:g} s after {self._warm_up_s:g} s")
        self._spin(self._warm_up_s)
        measured = self._measure()
        observer.collect()
        self._say(f"collecting up to {SAMPLES} frames with their ground truth")
        if not self._spin_until(lambda: len(observer.samples) == SAMPLES, SAMPLING_S):
            slow = f"; {measured['output_hz']:g} results came a second: a machine this slow or busy wants method:=bicubic"
            missing = "no frame came with colour, depth, result and ground truth"
            self._wait(lambda: observer.samples, self._patience_s, missing, slow)
            self._say(f"{len(observer.samples)} came in {SAMPLING_S:g} s: this machine is slow or busy, the figures are rough")
        self._show(measured, observer.samples)

    def close(self) -> None:
        """Let go of the node."""
        self._executor.shutdown()

    def _declare(self, name: str, default: Any, description: str) -> Any:
        return self._node.declare_parameter(name, default, ParameterDescriptor(description=description, read_only=True)).value

    def _measure(self) -> dict[str, Any]:
        """The figures of the stream, by their names in Figures: from one report of /depth_sr to another."""
        observer = self._observer
        self._next_report()
        observer.restart()
        before = observer.report
        start = time.monotonic()
        while (elapsed := time.monotonic() - start) < self._duration_s:
            self._spin(min(1.0, self._duration_s - elapsed))
            self._say_progress(time.monotonic() - start)
        self._next_report()
        elapsed = time.monotonic() - start
        if not observer.results:
            raise DemoError(f"no result came on {TOPICS['result']} in {elapsed:.0f} s, though there was one before")
        report = observer.report
        return {
            "method": report["method"],
            "scale": int(report["scale"]),
            "backend": report["backend"],
            "duration_s": round(elapsed, 2),
            "input_hz": round(len(observer.inputs) / elapsed, 2),
            "output_hz": round(len(observer.results) / elapsed, 2),
            "latency_ms": figures.latency_percentiles(list(observer.results.values())),
            "drops": figures.drops_between(before, report),
            "without_camera_info": self._without_camera_info(set(observer.results)),
        }

    def _without_camera_info(self, stamps: set[int]) -> int:
        """How many results of these stamps have none; that of the last one may come a moment after it."""
        self._spin_until(lambda: stamps <= self._observer.info_stamps, INFO_S)
        return len(stamps - self._observer.info_stamps)

    def _next_report(self) -> None:
        count = self._observer.reports
        self._wait(lambda: self._observer.reports > count, REPORT_S, "/depth_sr reported nothing on /diagnostics")

    def _show(self, measured: dict[str, Any], samples: list[figures.Sample]) -> None:
        """Compare, print, write."""
        errors = figures.compare(samples, measured["scale"])
        outcome = figures.Figures(**measured, **errors, frames_compared=len(samples))
        self._output.mkdir(parents=True, exist_ok=True)
        (self._output / "summary.json").write_text(json.dumps(asdict(outcome), indent=2) + "\n")
        draw(samples[-1], outcome, self._output / "preview.png")
        keep_pair(samples[-1], self._output)
        print(
            f"\n{figures.table(outcome)}\n\n  preview.png and summary.json are in {self._output}, and a pair of images "
            "to try `depth-sr upsample` on: guide.png and depth.png\n",
            flush=True,
        )

    def _say_progress(self, elapsed_s: float) -> None:
        observer = self._observer
        rates = (f"{len(seen) / elapsed_s:4.1f} Hz" for seen in (observer.inputs, observer.results))
        done = round(20 * min(1.0, elapsed_s / self._duration_s))
        bar = "#" * done + "." * (20 - done)
        self._say("[{}] {:3.0f} s: depth in {}, out {}".format(bar, elapsed_s, *rates))

    def _say(self, line: str) -> None:
        print(f"demo: {line}", flush=True)

    def _wait(self, condition: Callable[[], Any], timeout_s: float, missing: str, more: str = "") -> None:
        if not self._spin_until(condition, timeout_s):
            raise DemoError(f"{missing} within {timeout_s:g} s{more}")

    def _spin_until(self, condition: Callable[[], Any], timeout_s: float) -> bool:
        """Serve callbacks until the condition holds; False where it does not in time."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                return False
            self._spin(SPIN_S)
        return True

    def _spin(self, seconds: float) -> None:
        """Serve callbacks for that long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if self._stop.is_set():
                raise DemoError("interrupted")
            self._executor.spin_once(timeout_sec=min(left, SPIN_S))


def draw(sample: figures.Sample, outcome: figures.Figures, path: Path) -> None:
    """Write the picture of a sample."""
    from depth_sr_ros.demo.preview import demo_picture
    from depth_sr_ros.files.images import write_rgb

    bicubic = figures.bicubic_upsampler(outcome.scale)(sample)
    write_rgb(path, demo_picture(sample.rgb, sample.depth, bicubic, sample.result, sample.ground_truth, outcome.method))


def keep_pair(sample: figures.Sample, folder: Path) -> None:
    """Write what came in of a sample, as files that `depth-sr upsample` takes."""
    from depth_sr_ros.files.images import write_depth, write_rgb

    write_rgb(folder / "guide.png", sample.rgb)
    write_depth(folder / "depth.png", sample.depth)


def main(args: list[str] | None = None) -> int:
    """Returns the exit status: 1, and a line on stderr, where there is nothing to show."""
    stop = stop_on_signals()
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("demo")
    status = 0
    try:
        demo = Demo(node, stop)
        demo.run()
        demo.close()
    except (DemoError, ParameterException, OSError) as error:
        print(f"demo failed: {error}", file=sys.stderr, flush=True)
        status = 1
    node.destroy_node()
    rclpy.try_shutdown()
    return status


if __name__ == "__main__":
    sys.exit(main())
