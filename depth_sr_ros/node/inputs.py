"""What the node subscribes: images of both cameras, checked and paired, and their camera_info."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from message_filters import SimpleFilter
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from depth_sr_ros.core.result import FrameError
from depth_sr_ros.files import rvl
from depth_sr_ros.files.guides import Stretch
from depth_sr_ros.node import compressed, messages
from depth_sr_ros.node.camera_info import CameraInfoCache
from depth_sr_ros.node.config import Config
from depth_sr_ros.node.pairing import STREAMS, CheckFilter, Pairing, PairingFilter
from depth_sr_ros.node.sync_monitor import SyncSettings
from depth_sr_ros.node.topics import Topic

ANY_IMAGE = "/image"  # a topic of that name that nobody publishes stands for the first of the usual ones beside it
USUAL_IMAGES = ("image_rect_raw", "image_rect", "image_raw")


class Inputs:
    """The subscriptions of the node.

    Those of camera_info are open while the node is active, those of images only while somebody listens to an output.

    Attributes:
        infos: camera_info by stream.
        decoders: functions from an image message to an array, by stream.

    Args:
        node: subscribes.
        config: the transports and the pairing.
        received: called with a stream's name for every image.
        paired: called with a colour and a depth message that belong together.
        informed: called when a camera_info has come.
        refused: called with the error and the stream of an image that is no good.

    Raises:
        ParameterError: a qos_override is none.
    """

    def __init__(
        self,
        node: Node,
        config: Config,
        *,
        received: Callable[[str], object],
        paired: Callable[[Any, Any], None],
        informed: Callable[[], None],
        refused: Callable[[FrameError, str], None],
    ) -> None:
        self._node = node
        self._informed = informed
        self.infos = {stream: CameraInfoCache() for stream in STREAMS}
        self.decoders: dict[str, Callable[[Any], Any]] = {}
        self._info_topics = [
            Topic(node, CameraInfo, f"{stream}/camera_info", partial(self._add_info, stream)) for stream in STREAMS
        ]
        self._image_topics: list[Topic] = []
        transports = {"rgb": config.rgb_transport, "depth": config.depth_transport}
        checked = [self._images(stream, transports[stream], received, refused) for stream in STREAMS]
        self._pairing = Pairing(sync_settings(config))
        self._pairs = PairingFilter(self._pairing, *checked)
        self._pairs.registerCallback(paired)

    @property
    def topics(self) -> list[Topic]:
        """All of them, those of camera_info first."""
        return self._info_topics + self._image_topics

    def image_names(self) -> dict[str, str]:
        """The full names of the image topics by stream."""
        return {stream: topic.name for stream, topic in zip(STREAMS, self._image_topics, strict=True)}

    @property
    def is_open(self) -> bool:
        """Whether anything is subscribed."""
        return any(topic.is_open for topic in self.topics)

    @property
    def takes_images(self) -> bool:
        """Whether images are subscribed."""
        return any(topic.is_open for topic in self._image_topics)

    def open(self, *, images: bool) -> None:
        """Subscribe camera_info; images too, or not any more."""
        for topic in self._info_topics:
            topic.open()
        for topic in self._image_topics:
            topic.open() if images else topic.close()

    def close(self) -> None:
        """Unsubscribe everything."""
        for topic in self.topics:
            topic.close()

    def follow(self) -> None:
        """Let the subscriptions follow what the publishers offer."""
        for topic in self.topics:
            topic.follow()

    def pair_by(self, config: Config) -> None:
        """Pair as a Config has it from now on."""
        self._pairing.configure(sync_settings(config))

    def counts(self) -> dict[str, dict[str, Any]]:
        """What has become of the images of each stream when they were paired, see Pairing.counts."""
        return self._pairing.counts()

    def advice(self) -> str:
        """Why nothing pairs and what would mend it; empty where all is well."""
        return self._pairing.advice()

    def _add_info(self, stream: str, info: Any) -> None:
        self.infos[stream].add(info)
        self._informed()

    def _images(self, stream: str, transport: str, received: Callable, refused: Callable) -> SimpleFilter:
        """The checked images of a stream."""
        images = SimpleFilter()

        def receive(message: Any) -> None:
            received(stream)
            images.signalMessage(message)

        decode: Callable[[Any], Any]
        check: Callable[[Any], Any]
        name = self._node.resolve_topic_name(f"{stream}/image")
        names = [name]
        if name.endswith(ANY_IMAGE):
            names += [f"{name.removesuffix(ANY_IMAGE)}/{usual}" for usual in USUAL_IMAGES]
        if transport == "raw":
            decode = partial(messages.decode_rgb, stretch=Stretch()) if stream == "rgb" else messages.decode_depth
            layouts = messages.RGB_LAYOUTS if stream == "rgb" else messages.DEPTH_LAYOUTS
            check = partial(messages.check_image, layouts=layouts)
            topic = Topic(self._node, Image, f"{stream}/image", receive, instead=names[1:])
        else:
            decode = (
                partial(compressed.decode_compressed_rgb, stretch=Stretch())
                if stream == "rgb"
                else compressed.decode_compressed_depth
            )
            check = compressed.check_compressed
            if transport == "compressedDepth":
                rvl.prepare()  # the first image shall not wait for a compiler
            # the transport's topic is that of the images, after remapping, with the transport's name behind it
            names = [f"{name}/{transport}" for name in names]
            topic = Topic(self._node, CompressedImage, names[0], receive, instead=names[1:])
        self._image_topics.append(topic)
        self.decoders[stream] = decode
        return CheckFilter(images, check, partial(refused, stream=stream))


def sync_settings(config: Config) -> SyncSettings:
    """How a Config has colour and depth paired."""
    return SyncSettings(
        tolerance_ns=round(config.sync_tolerance_ms * 1e6),
        offset_ns=round(config.rgb_offset_ms * 1e6),
        queue_ns=round(config.sync_queue_s * 1e9),
        by_arrival=config.sync == "arrival",
    )
