"""What /depth_sr does: colour and low-resolution depth in, high-resolution depth with its camera_info out.

Wiring only. Callbacks check, pair and drop a pair into the worker's slot; the worker's thread takes it through the stages
and publishes; a timer brings into effect what has changed: parameters, listeners, publishers.
"""

from __future__ import annotations

import time
import traceback
from dataclasses import replace
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from depth_sr_ros.backends import BackendError
from depth_sr_ros.core.result import FrameError
from depth_sr_ros.node.capabilities import Capabilities
from depth_sr_ros.node.config import ParameterError
from depth_sr_ros.node.geometry import Geometry
from depth_sr_ros.node.inputs import Inputs
from depth_sr_ros.node.live_upsampler import EngineSettings, LiveUpsampler
from depth_sr_ros.node.messages import stamp_ns
from depth_sr_ros.node.monitor import Monitor
from depth_sr_ros.node.pairing import STREAMS
from depth_sr_ros.node.parameters import Parameters
from depth_sr_ros.node.stages import Compress, Decode, Encode, Frame, Pipeline, Upsample
from depth_sr_ros.node.statistics import Notices, Statistics, ThrottledLog
from depth_sr_ros.node.texts import one_line
from depth_sr_ros.node.transforms import Transforms
from depth_sr_ros.node.worker import Worker

QUEUE = 5  # messages an output
REFRESH_S = 0.1
FOLLOW_TICKS = 5  # of the refresh, between two looks at the publishers
CLOSE_S = 1.5  # `ros2 launch` loses patience after 5 s


class DepthSr:
    """The work of a node, by the states of its lifecycle: unconfigured, inactive (configured), active.

    Raises:
        ParameterError: a parameter has a value that it can never have.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._log = node.get_logger()
        self._parameters = Parameters(node)
        self._statistics = Statistics(STREAMS)
        self._warn = ThrottledLog(lambda line: self._log.warning(line))
        self._notices = Notices(self._warn)
        self._config = self._parameters.config()
        self._transforms = Transforms(node)
        self._inputs: Inputs | None = None
        self._upsampler: LiveUpsampler | None = None
        self._pipeline: Pipeline | None = None
        self._worker: Worker[Frame] | None = None
        self._publishers: list[Any] = []
        self._ticks = 0
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._monitor = Monitor(
            node,
            steady,
            self._statistics,
            self._notices,
            self._warn,
            inputs=lambda: self._inputs,
            running=self._running,
            idle=self._idle,
        )
        node.create_timer(REFRESH_S, self._refresh, clock=steady)

    @property
    def autostart(self) -> bool:
        """Whether the node shall configure and activate itself."""
        return self._config.autostart

    # The lifecycle

    def configure(self) -> None:
        """Check the parameters, load the weights, offer the outputs.

        Raises:
            ParameterError, MethodError, BackendError: it cannot do what the parameters ask for.
        """
        try:
            self._config = self._parameters.checked()
            self._inputs = Inputs(
                self._node,
                self._config,
                received=self._statistics.received,
                paired=self._on_pair,
                informed=self._on_camera_info,
                refused=self._drop,
            )
            outputs = self._publisher(Image, "~/image"), self._publisher(CameraInfo, "~/camera_info")
            # a transport's topic is that of the images, after remapping, with the transport's name behind it
            compressed = self._publisher(CompressedImage, f"{self._node.resolve_topic_name('~/image')}/compressedDepth")
            self._parameters.check_against(Capabilities.find())  # last of the checks: it takes seconds
            self._geometry = Geometry(self._transforms, self._inputs.image_names, self._on_decided)
            self._upsampler = LiveUpsampler(
                self._settings(),
                expected_shape=self._expected_shape,
                building=self._on_building,
                swapped=lambda _: self._log.info(f"changed: {self._serving()}"),
                failed=self._on_build_failed,
            )
            decode = Decode(self._inputs, self._notices)
            stages = decode, self._geometry, Upsample(self._upsampler), Encode(*outputs), Compress(compressed)
            self._pipeline = Pipeline(stages)
        except Exception:
            self.release()
            raise
        self._log.info(f"configured: {self._serving()}")

    def activate(self) -> None:
        """Subscribe and serve."""
        self._worker = Worker(
            self._process, superseded=lambda _: self._statistics.dropped("superseded"), failed=self._on_failed
        )
        self._inputs.follow()
        self._inputs.open(images=self._pipeline.is_listened_to())
        self._monitor.expect_topics()
        self._log.info(f"ready: {self._serving()}")

    def deactivate(self) -> bool:
        """Unsubscribe and finish the frame in hand; whether it ended within CLOSE_S."""
        worker, self._worker = self._worker, None
        if self._inputs is not None:
            self._inputs.close()
        return worker is None or worker.stop(CLOSE_S)

    def release(self) -> bool:
        """Let go of everything that was configured; whether all threads ended within CLOSE_S, which a compiler may not."""
        ended = self.deactivate()
        upsampler, self._upsampler = self._upsampler, None
        if upsampler is not None:
            ended = upsampler.stop(CLOSE_S) and ended
        if self._inputs is not None:
            self._account_for(self._inputs)
        self._transforms.close()
        self._inputs = self._pipeline = None
        for publisher in self._publishers:
            self._node.destroy_publisher(publisher)
        self._publishers.clear()
        self._notices.clear()
        return ended

    def _account_for(self, inputs: Inputs) -> None:
        """What pairing has dropped, and what still waits there, stays in the counts when the inputs are gone."""
        for stream, counts in inputs.counts().items():
            for reason, count in {**counts["drops"], "stopped": counts["pending"]}.items():
                if count:
                    self._statistics.dropped(f"{stream}.{reason}", count)

    def _publisher(self, message_type: type, topic: str) -> Any:
        # a profile of its own for each: overrides are written into it
        profile, options = QoSProfile(depth=QUEUE), QoSOverridingOptions.with_default_policies()
        try:
            publisher = self._node.create_publisher(message_type, topic, profile, qos_overriding_options=options)
        except (RuntimeError, ParameterException) as error:
            raise ParameterError(f"qos_overrides.{self._node.resolve_topic_name(topic)}.publisher: {error}") from None
        self._publishers.append(publisher)
        return publisher

    # A frame

    def _on_camera_info(self) -> None:
        if self._upsampler is not None:
            self._upsampler.look_ahead()

    def _settings(self) -> EngineSettings:
        """What the engine is to be built of; a scale of 0 follows from the cameras, as far as they are known."""
        settings, infos = EngineSettings.of(self._config), self._inputs.infos
        if settings.scale:
            return settings
        return replace(settings, scale=self._geometry.best_scale(settings.method, infos["rgb"].latest, infos["depth"].latest))

    def _expected_shape(self, scale: int) -> tuple[int, int] | None:
        inputs = self._inputs
        if inputs is None:
            return None
        return self._geometry.grid_shape(self._config, scale, inputs.infos["rgb"].latest, inputs.infos["depth"].latest)

    def _on_pair(self, rgb: Any, depth: Any) -> None:
        if self._pipeline.is_listened_to():
            self._worker.put(Frame(rgb, depth, self._config, self._upsampler.engine, time.monotonic()))
        else:
            self._statistics.dropped("no_subscriber")

    def _on_decided(self, what: str) -> None:
        self._log.info(f"geometry: {what}")

    def _process(self, frame: Frame) -> None:
        """In the worker's thread: a frame's outputs, published and counted."""
        limit = frame.config.max_latency_ms
        if limit and (age := self._age_ms(frame)) > limit:
            raise FrameError("too_old", f"frame is {age:.0f} ms old when its turn comes; max_latency_ms is {limit:g}")
        self._pipeline(frame)
        start = time.monotonic()
        for publisher, message in frame.outgoing:
            publisher.publish(message)
        end = time.monotonic()
        frame.times_ms |= {
            "publish": (end - start) * 1e3,
            "in_node": (end - frame.arrived_s) * 1e3,
            "frame_age": self._age_ms(frame),
        }
        settings = frame.engine.settings
        if self._statistics.published(frame.times_ms, made_by=settings):
            height, width = frame.result.depth.shape
            self._log.info(
                f"first depth image of {settings.method} x{settings.scale}: {width} x {height} after "
                f"{frame.times_ms['in_node']:.0f} ms"
            )

    def _age_ms(self, frame: Frame) -> float:
        return (self._node.get_clock().now().nanoseconds - stamp_ns(frame.depth_message)) / 1e6

    def _on_failed(self, _: Frame, error: Exception) -> None:
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

    # What changes while it runs

    def _refresh(self) -> None:
        """Bring into effect what has changed: publishers, listeners, parameters."""
        if self._inputs is None:
            return
        self._ticks += 1
        if self._ticks % FOLLOW_TICKS == 0:
            self._inputs.follow()
        if self._worker is not None and (wanted := self._pipeline.is_listened_to()) != self._inputs.takes_images:
            self._inputs.open(images=wanted)
        # A set-callback must have no effects, and Humble has no callback after it: so parameters are compared.
        if (config := self._parameters.config()) != self._config:
            self._config = config
            self._inputs.pair_by(config)
        self._upsampler.change(self._settings())
        self._notices.set("build", self._upsampler.failure)

    def _on_building(self, settings: EngineSettings) -> None:
        self._log.info(f"building {settings.method} x{settings.scale}; meanwhile: {self._serving()}")

    def _on_build_failed(self, settings: EngineSettings, error: Exception) -> None:
        self._log.error(
            f"{settings.method} x{settings.scale} on {settings.backend} cannot be built: {one_line(error)}; "
            f"running: {self._serving()}"
        )

    def _serving(self) -> str:
        if self._upsampler is None:
            return "nothing"
        engine = self._upsampler.engine
        return f"{engine.settings.method} x{engine.settings.scale} on {engine.upsampler.backend}"

    def _running(self) -> dict[str, Any]:
        if self._upsampler is None:
            return {"state": "unconfigured"}
        engine = self._upsampler.engine
        return {
            "state": "inactive" if self._worker is None else "active",
            "method": engine.settings.method,
            "scale": engine.settings.scale,
            "backend": engine.upsampler.backend,
            "precision": engine.upsampler.precision,
        }

    def _idle(self) -> str:
        if self._worker is None:
            return f"{self._running()['state']}: nothing is upsampled"
        if not self._inputs.takes_images:
            return "nobody listens: nothing is upsampled"
        return f"compiling {self._serving()}: nothing is upsampled yet" if self._upsampler.engine.is_compiling else ""
