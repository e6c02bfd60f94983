"""The course of the demo: watch the simulated camera and /depth_sr, print what was measured, draw it, and end.

Rates, latencies and drops are measured first, with only the depth images subscribed; colour and ground truth, which
are large, are subscribed afterwards, for the accuracy and the picture.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from threading import Event
from typing import Any

import rclpy
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.executors import SingleThreadedExecutor

from depth_sr_ros.demo import figures
from depth_sr_ros.demo.observer import SAMPLES, TOPICS, Observer
from depth_sr_ros.node.stopping import Interrupted

SPIN_S = 0.1
SAMPLING_S = 20.0  # for fewer samples, where the stream is slow; one at least is waited for
INFO_S = 1.0  # camera_info is published right after its image
REPORT_S = 10.0  # /depth_sr reports every second


class DemoError(RuntimeError):
    """The demo cannot be shown; the message says in one line what is missing."""


class Demo:
    """The course of the demo; every step spins the node until it has what it needs."""

    def __init__(self, stop: Event) -> None:
        self._node = node = rclpy.create_node("demo")
        self._stop = stop
        self._duration_s = self._declare("duration", 15.0, "seconds that are measured")
        self._warm_up_s = self._declare("warm_up", 2.0, "seconds from the first result to the measurement")
        self._patience_s = self._declare("patience", 300.0, "seconds to wait for the camera, and then for a result")
        self._output = Path(self._declare("output_dir", "demo_output", "where preview.png and summary.json go"))
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(node)
        self._observer = Observer(node)

    def run(self) -> int:
        """Returns the exit status: 1, and a line on stderr, where there is nothing to show; 0 where it was interrupted."""
        try:
            self._show_all()
        except Interrupted:
            pass
        except (DemoError, OSError) as error:
            print(f"demo failed: {error}", file=sys.stderr, flush=True)
            return 1
        return 0

    def _show_all(self) -> None:
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
        samples = observer.collect()
        self._say(f"collecting up to {SAMPLES} frames with their ground truth")
        if not self._spin_until(lambda: len(samples) == SAMPLES, SAMPLING_S):
            slow = f"; {measured['output_hz']:g} results came a second: a machine this slow or busy wants method:=bicubic"
            missing = "no frame came with colour, depth, result and ground truth"
            self._wait(lambda: samples, self._patience_s, missing, slow)
            self._say(f"{len(samples)} came in {SAMPLING_S:g} s: this machine is slow or busy, the figures are rough")
        self._show(measured, samples)

    def close(self) -> bool:
        """Let go of the node."""
        self._executor.shutdown()
        self._node.destroy_node()
        return True

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
                raise Interrupted
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
