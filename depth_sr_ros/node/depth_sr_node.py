"""The node /depth_sr: colour and LR depth in, high-resolution depth with its camera_info out.

Wiring only. Callbacks check, pair and drop a pair into the worker's slot; the worker's thread decodes, upsamples and
publishes; a timer picks up changed parameters and another one reports on /diagnostics.
"""

from __future__ import annotations

import math
import os
import sys
import time
import traceback
from dataclasses import replace
from functools import partial
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from message_filters import Subscriber
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from depth_sr_ros.backends import BackendError
from depth_sr_ros.core.result import FrameError
from depth_sr_ros.methods.errors import MethodError
from depth_sr_ros.node import compressed, diagnostics, messages
from depth_sr_ros.node.camera_info import CameraInfoCache
from depth_sr_ros.node.capabilities import Capabilities
from depth_sr_ros.node.config import Config, ParameterError
from depth_sr_ros.node.live_upsampler import EngineSettings, LiveUpsampler
from depth_sr_ros.node.pairing import STREAMS, CheckFilter, Pairing, PairingFilter
from depth_sr_ros.node.parameters import Parameters
from depth_sr_ros.node.stages import FramePipeline, Job
from depth_sr_ros.node.statistics import Statistics, ThrottledLog
from depth_sr_ros.node.stopping import stop_on_signals
from depth_sr_ros.node.worker import Worker

QUEUE = 5  # messages a topic, in and out
REFRESH_S = 0.1
TOPIC_LOG_PERIOD_S = 30.0  # drops are logged more often, and would bury their cause
SILENT_LOG_S = 15.0  # longer than most networks take to be compiled
CLOSE_S = 1.5  # `ros2 launch` loses patience after 5 s


class DepthSrNode:
    """What the node does; `node` is its place in the graph.

    Raises ParameterError, MethodError or BackendError where it cannot start; each says why in one line.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._log = node.get_logger()
        self._parameters = Parameters(node)
        self._config = self._parameters.checked(Capabilities.find())
        self._statistics = Statistics(STREAMS)
        self._warn = ThrottledLog(self._log.warning)
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._upsampler = LiveUpsampler(EngineSettings.of(self._config), swapped=self._on_swapped, failed=self._on_build_failed)
        self._publish_to()
        self._subscribe()
        self._worker: Worker[Job] = Worker(
            self._process, superseded=lambda _: self._statistics.dropped("superseded"), failed=self._on_failed
        )
        self._diagnose_on()
        node.create_timer(REFRESH_S, self._refresh, clock=self._steady)
        self._log.info(f"ready: {self._running()}")

    def close(self) -> bool:
        """Finish the frame in hand and end the threads; whether they did within CLOSE_S, which a compiler may not."""
        ended = self._worker.stop(CLOSE_S)
        return self._upsampler.stop(CLOSE_S) and ended

    # Outputs and inputs

    def _publish_to(self) -> None:
        def publisher(message_type: type, topic: str) -> Any:
            # a profile of its own for each: overrides are written into it
            return self._node.create_publisher(
                message_type,
                topic,
                QoSProfile(depth=QUEUE),
                qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            )

        self._image = publisher(Image, "~/image")
        self._camera_info = publisher(CameraInfo, "~/camera_info")

    def _subscribe(self) -> None:
        self._sources: list[diagnostics.Source] = []
        self._frame_warning = ""
        infos = {stream: CameraInfoCache() for stream in STREAMS}
        for stream, cache in infos.items():
            self._source(CameraInfo, f"{stream}/camera_info").registerCallback(cache.add)
        rgb, decode_rgb = self._images("rgb", self._config.rgb_transport, messages.RGB_LAYOUTS)
        depth, decode_depth = self._images("depth", self._config.depth_transport, messages.DEPTH_LAYOUTS)
        self._pipeline = FramePipeline(self._upsampler, decode_rgb, decode_depth, infos["rgb"], infos["depth"])
        self._pairing = Pairing(*_pairing_ns(self._config))
        self._pairs = PairingFilter(self._pairing, rgb, depth)
        self._pairs.registerCallback(self._on_pair)

    def _images(self, stream: str, transport: str, layouts: dict[str, messages.Layout]) -> tuple[CheckFilter, Any]:
        """The checked image messages of a stream, and the function that decodes them."""
        if transport == "raw":
            decode = messages.decode_rgb if stream == "rgb" else messages.decode_depth
            check = partial(messages.check_image, layouts=layouts)
            source = self._source(Image, f"{stream}/image")
        else:
            decode = compressed.decode_compressed_rgb if stream == "rgb" else compressed.decode_compressed_depth
            check = compressed.check_compressed
            # the transport's topic is that of the images, after remapping, with the transport's name behind it
            source = self._source(CompressedImage, f"{self._node.resolve_topic_name(f'{stream}/image')}/{transport}")
        source.registerCallback(lambda _: self._statistics.received(stream))
        return CheckFilter(source, check, partial(self._drop, stream=stream)), decode

    def _source(self, message_type: type, topic: str) -> Subscriber:
        subscriber = Subscriber(
            self._node,
            message_type,
            topic,
            qos_profile=QoSProfile(depth=QUEUE, reliability=ReliabilityPolicy.BEST_EFFORT),  # sensor data
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
        type_name = f"sensor_msgs/msg/{message_type.__name__}"
        self._sources.append(diagnostics.Source(subscriber.sub.topic_name, type_name, subscriber.sub.qos_profile))
        return subscriber

    # A frame

    def _on_pair(self, rgb: Any, depth: Any) -> None:
        self._check_frames(rgb.header.frame_id, depth.header.frame_id)
        if self._image.get_subscription_count() or self._camera_info.get_subscription_count():
            self._worker.put(Job(rgb, depth, self._config, time.monotonic()))
        else:
            self._statistics.dropped("no_subscriber")

    def _check_frames(self, rgb: str, depth: str) -> None:
        warning = ""
        if rgb != depth:
            warning = f"colour is in frame {rgb!r}, depth in {depth!r}; they are taken for registered"
        if warning and warning != self._frame_warning:
            self._log.warning(warning)
        self._frame_warning = warning

    def _process(self, job: Job) -> None:
        """In the worker's thread: a job's output, published and counted."""
        limit = job.config.max_latency_ms
        if limit and (age := self._age_ms(job)) > limit:
            raise FrameError("too_old", f"frame is {age:.0f} ms old when its turn comes; max_latency_ms is {limit:g}")
        output = self._pipeline(job)
        start = time.monotonic()
        self._camera_info.publish(output.camera_info)
        self._image.publish(output.image)
        end = time.monotonic()
        times_ms = {
            **output.times_ms,
            "publish": (end - start) * 1e3,
            "in_node": (end - job.arrived_s) * 1e3,
            "frame_age": self._age_ms(job),
        }
        if self._statistics.published(times_ms, made_by=output.settings):
            self._log.info(
                f"first depth image of {output.settings.method} x{output.settings.scale}: "
                f"{output.image.width} x {output.image.height} after "
                f"{times_ms['in_node']:.0f} ms, {times_ms['upsample.prepare']:.0f} of them to prepare for this size"
            )

    def _age_ms(self, job: Job) -> float:
        return (self._node.get_clock().now().nanoseconds - messages.stamp_ns(job.depth)) / 1e6

    def _on_failed(self, _: Job, error: Exception) -> None:
        if isinstance(error, BackendError):
            error = FrameError("backend_error", str(error))
        elif not isinstance(error, FrameError):
            error = FrameError("internal_error", "".join(traceback.format_exception(error)).rstrip())
        self._drop(error)

    def _drop(self, error: FrameError, stream: str = "") -> None:
        """Count and log a frame that cannot be used, or a message of one stream."""
        reason = f"{stream}.{error.reason}" if stream else error.reason
        count = self._statistics.dropped(reason)
        self._warn(reason, f"dropped ({reason}, {count} so far): {error}")

    # Parameters

    def _refresh(self) -> None:
        """Bring into effect what was set. A set-callback must have no effects, and Humble has no callback after it."""
        config = self._parameters.config()
        if config == self._config:
            return
        self._config = config
        self._pairing.tolerance_ns, self._pairing.offset_ns = _pairing_ns(config)
        settings = EngineSettings.of(config)
        if self._upsampler.change(settings):
            self._log.info(f"building {settings.method} x{settings.scale}; meanwhile: {self._running()}")

    def _on_swapped(self, settings: EngineSettings) -> None:
        self._log.info(f"changed: {self._running()}")

    def _on_build_failed(self, settings: EngineSettings, error: Exception) -> None:
        self._log.error(
            f"{settings.method} x{settings.scale} on {settings.backend} cannot be built: {error}; "
            f"still running: {self._running()}"
        )

    def _running(self) -> str:
        settings = self._upsampler.settings
        return f"{settings.method} x{settings.scale} on {self._upsampler.backend}"

    # Diagnostics

    def _diagnose_on(self) -> None:
        self._report = diagnostics.Report(self._node.get_fully_qualified_name().lstrip("/"))
        self._reported_s = time.monotonic()
        self._topic_warnings: dict[str, float] = {}  # when each was logged last
        self._logged: dict[str, int] = {}
        self._diagnostics = self._node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._node.create_timer(diagnostics.PERIOD_S, self._diagnose, clock=self._steady)

    def _diagnose(self) -> None:
        now_s = time.monotonic()
        elapsed_s, self._reported_s = now_s - self._reported_s, now_s
        paired, snapshot = self._pairing.counts(), self._statistics.snapshot()
        unpaired = {f"{name}.{reason}": n for name, stream in paired.items() for reason, n in stream["drops"].items()}
        self._log_unpaired(unpaired)
        snapshot = replace(snapshot, drops={**snapshot.drops, **unpaired})
        warnings = diagnostics.topic_warnings(self._node, self._sources)
        self._log_topic_warnings(warnings, now_s)
        warnings = warnings + [line for line in (self._frame_warning, self._upsampler.failure) if line]
        settings = self._upsampler.settings
        running = {
            "method": settings.method,
            "scale": settings.scale,
            "backend": self._upsampler.backend,
            "precision": self._upsampler.precision,
            **{f"pending.{name}": stream["pending"] for name, stream in paired.items()},
        }
        stamp = self._node.get_clock().now().to_msg()
        message = self._report.make(stamp, snapshot, elapsed_s, running, warnings)
        self._diagnostics.publish(message)
        if self._report.silent_s >= SILENT_LOG_S:
            self._warn("silent", f"{message.status[0].message} for {self._report.silent_s:.0f} s")

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

    def _log_unpaired(self, unpaired: dict[str, int]) -> None:
        """Say what pairing has dropped anew, save for colour images that no depth image wants: there may be many."""
        for reason, count in unpaired.items():
            if count > self._logged.get(reason, 0) and reason != "rgb.unmatched":
                self._warn(reason, f"dropped ({reason}, {count} so far) when pairing colour and depth by stamp")
        self._logged = unpaired


def _pairing_ns(config: Config) -> tuple[int, int]:
    return round(config.sync_tolerance_ms * 1e6), round(config.rgb_offset_ms * 1e6)


def main(args: list[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM. Returns the exit status: 1 where the node cannot start."""
    stop = stop_on_signals()
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("depth_sr")
    try:
        depth_sr = DepthSrNode(node)
    except (ParameterError, MethodError, BackendError) as error:
        print(f"depth_sr cannot start: {error}", file=sys.stderr)
        node.destroy_node()
        rclpy.try_shutdown()
        return 1
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    while not stop.is_set():
        executor.spin_once(timeout_sec=REFRESH_S)
    ended = depth_sr.close()
    executor.shutdown()
    node.destroy_node()
    rclpy.try_shutdown()
    if not ended:  # a library compiles on, cannot be interrupted, and would crash in the interpreter's last moments
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
