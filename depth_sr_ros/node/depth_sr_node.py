"""The node /depth_sr: colour and low-resolution depth in, high-resolution depth with its camera_info out.

Wiring only. Callbacks check, pair and drop a pair into the worker's slot; the worker's thread decodes, upsamples and
publishes; a timer picks up changed parameters and another one reports on /diagnostics.
"""

from __future__ import annotations

import signal
import sys
import threading
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
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from depth_sr_ros.backends import BackendError
from depth_sr_ros.frame import FrameError
from depth_sr_ros.methods.errors import MethodError
from depth_sr_ros.node import compressed, diagnostics, messages
from depth_sr_ros.node.camera_info import CameraInfoCache
from depth_sr_ros.node.live_upsampler import EngineSettings, LiveUpsampler
from depth_sr_ros.node.pairing import CheckFilter, Pairing, PairingFilter
from depth_sr_ros.node.parameters import Config, ParameterError, Parameters
from depth_sr_ros.node.pipeline import FramePipeline, Job
from depth_sr_ros.node.statistics import Statistics, ThrottledLog
from depth_sr_ros.node.worker import Worker

OUTPUT_QOS = QoSProfile(depth=5)  # reliable, volatile
REFRESH_S = 0.1


class DepthSrNode(Node):
    """Raises ParameterError, MethodError or BackendError where it cannot start; each says why in one line."""

    def __init__(self) -> None:
        super().__init__("depth_sr")
        self._parameters = Parameters(self)
        self._config = self._parameters.config()
        self._statistics = Statistics()
        self._warn = ThrottledLog(self.get_logger().warning)
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._upsampler = LiveUpsampler(
            EngineSettings.of(self._config), swapped=self._on_swapped, failed=self._on_build_failed
        )
        self._publish_to()
        self._subscribe()
        self._worker: Worker[Job] = Worker(
            self._process, superseded=lambda _: self._statistics.dropped("superseded"), failed=self._on_failed
        )
        self._diagnose_on()
        self.create_timer(REFRESH_S, self._refresh, clock=self._steady)
        self.get_logger().info(f"ready: {self._running()}")

    def close(self) -> None:
        """Finish the frame in hand, end the threads, destroy the node."""
        self._worker.stop()
        self._upsampler.stop()
        self.destroy_node()

    # Outputs and inputs

    def _publish_to(self) -> None:
        options = QoSOverridingOptions.with_default_policies()
        self._image = self.create_publisher(Image, "~/image", OUTPUT_QOS, qos_overriding_options=options)
        self._camera_info = self.create_publisher(CameraInfo, "~/camera_info", OUTPUT_QOS, qos_overriding_options=options)

    def _subscribe(self) -> None:
        self._sources: list[diagnostics.Source] = []
        self._frame_warning = ""
        infos = {stream: CameraInfoCache() for stream in ("rgb", "depth")}
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
            source = self._source(CompressedImage, f"{self.resolve_topic_name(f'{stream}/image')}/{transport}")
        source.registerCallback(lambda _: self._statistics.received(stream))
        return CheckFilter(source, check, self._drop), decode

    def _source(self, message_type: type, topic: str) -> Subscriber:
        subscriber = Subscriber(
            self,
            message_type,
            topic,
            qos_profile=qos_profile_sensor_data,
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
        warning = "" if rgb == depth else f"colour is in frame {rgb!r}, depth in {depth!r}; they are taken for registered"
        if warning and warning != self._frame_warning:
            self.get_logger().warning(warning)
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
        self._statistics.published(
            {
                **output.times_ms,
                "publish": (end - start) * 1e3,
                "in_node": (end - job.arrived_s) * 1e3,
                "frame_age": self._age_ms(job),
            }
        )

    def _age_ms(self, job: Job) -> float:
        return (self.get_clock().now().nanoseconds - messages.stamp_ns(job.depth)) / 1e6

    def _on_failed(self, _: Job, error: Exception) -> None:
        if isinstance(error, BackendError):
            error = FrameError("backend_error", str(error))
        elif not isinstance(error, FrameError):
            error = FrameError("internal_error", "".join(traceback.format_exception(error)).rstrip())
        self._drop(error)

    def _drop(self, error: FrameError) -> None:
        count = self._statistics.dropped(error.reason)
        self._warn(error.reason, f"dropped ({error.reason}, {count} so far): {error}")

    # Parameters

    def _refresh(self) -> None:
        """Bring into effect what was set. A set-callback must have no effects, and Humble has no callback after it."""
        config = self._parameters.config()
        if config == self._config:
            return
        self._config = config
        self._pairing.tolerance_ns, self._pairing.offset_ns = _pairing_ns(config)
        self._upsampler.change(EngineSettings.of(config))

    def _on_swapped(self, settings: EngineSettings) -> None:
        self._statistics.forget_times()
        self.get_logger().info(f"changed: {self._running()}")

    def _on_build_failed(self, settings: EngineSettings, error: Exception) -> None:
        self.get_logger().error(
            f"{settings.method} x{settings.scale} on {settings.backend} cannot be built: {error}; "
            f"still running: {self._running()}"
        )

    def _running(self) -> str:
        settings = self._upsampler.settings
        return f"{settings.method} x{settings.scale} on {self._upsampler.backend}"

    # Diagnostics

    def _diagnose_on(self) -> None:
        self._report = diagnostics.Report(self.get_fully_qualified_name().lstrip("/"))
        self._reported_s = time.monotonic()
        self._logged_drops: dict[str, int] = {}
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_timer(diagnostics.PERIOD_S, self._diagnose, clock=self._steady)

    def _diagnose(self) -> None:
        now_s = time.monotonic()
        elapsed_s, self._reported_s = now_s - self._reported_s, now_s
        snapshot = self._statistics.snapshot()
        snapshot = replace(snapshot, drops={**snapshot.drops, **self._pairing_drops()})
        warnings = diagnostics.topic_warnings(self, self._sources)
        warnings += [line for line in (self._frame_warning, self._upsampler.failure) if line]
        settings = self._upsampler.settings
        running = {"method": settings.method, "scale": settings.scale, "backend": self._upsampler.backend}
        stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(self._report.make(stamp, snapshot, elapsed_s, running, warnings))

    def _pairing_drops(self) -> dict[str, int]:
        """What pairing dropped so far, by reason; logged, save for colour images that no depth image wants."""
        drops = {reason: n for stream in self._pairing.counts().values() for reason, n in stream["drops"].items()}
        for reason, count in drops.items():
            if count > self._logged_drops.get(reason, 0) and reason != "unmatched_rgb":
                self._warn(reason, f"dropped ({reason}, {count} so far) when pairing colour and depth by their stamps")
        self._logged_drops = drops
        return drops


def _pairing_ns(config: Config) -> tuple[int, int]:
    return round(config.sync_tolerance_ms * 1e6), round(config.rgb_offset_ms * 1e6)


def main(args: list[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM. Returns the exit status: 1 where the node cannot start."""
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        node = DepthSrNode()
    except (ParameterError, MethodError, BackendError) as error:
        print(f"depth_sr cannot start: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        return 1
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    while not stop.is_set():
        executor.spin_once(timeout_sec=REFRESH_S)
    executor.shutdown()
    node.close()
    rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
