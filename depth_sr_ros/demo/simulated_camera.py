"""What the node /camera does: a simulated colour camera and an LR depth camera that move through a scene.

Publishes /camera/color/{image_raw,camera_info} (rgb8), /camera/depth/{image_raw,camera_info} (16UC1,
millimetres) and, while somebody listens, /camera/ground_truth/image_raw (32FC1, metres, at the colour camera's
resolution), all of one stamp. A sequence of frames is played for ever: its messages are made beforehand, only
their stamps change.
"""

import array
import sys
from dataclasses import fields
from threading import Event
from typing import Any

import numpy as np
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from depth_sr_ros.core.camera import PinholeCamera
from depth_sr_ros.node.stopping import Interrupted
from depth_sr_ros.synthetic.sequence import Sequence, SequenceSettings, load_or_make

QUEUE = 5  # messages a topic; reliable: best-effort images get lost in the socket buffers of a stock Linux
LINES = 5  # log lines while a sequence is made

_RANGES = {  # and descriptions of the sequence's parameters, which cannot change while it runs
    "width": (8, 4096, "pixels of the colour image, a multiple of scale"),
    "height": (8, 4096, "pixels of the colour image, a multiple of scale"),
    "scale": (1, 32, "pixels of the colour image per depth pixel, per axis"),
    "seed": (0, 2**31, "of the scene"),
    "frames": (1, 300, "frames of the sequence that is played over and over"),
}


class Camera:
    """What the node does; `node` is its place in the graph. ValueError: parameters that do not fit."""

    def __init__(self, node: Node, stop: Event) -> None:
        self._node = node
        self._stop = stop
        rate, frame_id, settings = self._declare()
        self._publish_to()  # ahead of what takes time: who waits for images sees where they will come from
        sequence = load_or_make(settings, self._progress)
        self._frames = prepared_frames(sequence, frame_id)
        self._infos = camera_infos(settings, frame_id)
        self._next = 0
        node.create_timer(1 / rate, self._publish)
        node.get_logger().info(
            f"{rate:g} Hz: colour {settings.width} x {settings.height}, depth "
            f"{settings.width // settings.scale} x {settings.height // settings.scale}, "
            f"{settings.frames} frames over and over"
        )

    def _declare(self) -> tuple[float, str, SequenceSettings]:
        def declare(name: str, default: Any, description: str, **limits: Any) -> Any:
            descriptor = ParameterDescriptor(name=name, description=description, read_only=True, **limits)
            return self._node.declare_parameter(name, default, descriptor).value

        limits = [FloatingPointRange(from_value=0.1, to_value=240.0, step=0.0)]
        rate = declare("rate", 30.0, "frames a second", floating_point_range=limits)
        frame_id = declare("frame_id", "camera_color_optical_frame", "of all images: they are registered")
        defaults = SequenceSettings()
        values = {"noise": declare("noise", defaults.noise, "whether the sensors have noise, flying pixels and holes")}
        for name, (low, high, text) in _RANGES.items():
            limits = [IntegerRange(from_value=low, to_value=high, step=1)]
            values[name] = declare(name, getattr(defaults, name), text, integer_range=limits)
        return rate, frame_id, SequenceSettings(**values)

    def _progress(self, done: int, total: int) -> None:
        if self._stop.is_set():
            raise Interrupted
        if done * LINES // total > (done - 1) * LINES // total:
            self._node.get_logger().info(f"making the scene, once for these parameters: {done} of {total} frames")

    def _publish_to(self) -> None:
        def publisher(message_type: type, topic: str) -> Any:
            options = QoSOverridingOptions.with_default_policies()
            return self._node.create_publisher(message_type, topic, QoSProfile(depth=QUEUE), qos_overriding_options=options)

        self._images = [publisher(Image, f"/camera/{name}/image_raw") for name in ("color", "depth")]
        self._info_publishers = [publisher(CameraInfo, f"/camera/{name}/camera_info") for name in ("color", "depth")]
        self._ground_truth = publisher(Image, "/camera/ground_truth/image_raw")

    def _publish(self) -> None:
        stamp = self._node.get_clock().now().to_msg()
        *images, ground_truth = self._frames[self._next]
        self._next = (self._next + 1) % len(self._frames)
        outgoing = [
            *zip(self._info_publishers, self._infos, strict=True),
            *zip(self._images, images, strict=True),
        ]
        if self._ground_truth.get_subscription_count():
            outgoing.append((self._ground_truth, ground_truth))
        for publisher, message in outgoing:
            message.header.stamp = stamp
            publisher.publish(message)


def prepared_frames(sequence: Sequence, frame_id: str) -> list[tuple[Image, Image, Image]]:
    """The sequence's messages but for their stamps: colour, depth, ground truth."""
    encodings = {"rgb": "rgb8", "depth": "16UC1", "ground_truth": "32FC1"}
    streams = [
        [_image(pixels, encodings[field.name], frame_id) for pixels in getattr(sequence, field.name)]
        for field in fields(sequence)
    ]
    return list(zip(*streams, strict=True))


def _image(pixels: np.ndarray, encoding: str, frame_id: str) -> Image:
    """A sensor_msgs/Image of (h, w) or (h, w, channels) pixels."""
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    message = Image(header=Header(frame_id=frame_id), height=height, width=width, encoding=encoding)
    message.step = pixels.strides[0]
    message.is_bigendian = int(sys.byteorder == "big")
    message.data = array.array("B", pixels.tobytes())
    return message


def camera_infos(settings: SequenceSettings, frame_id: str) -> tuple[CameraInfo, CameraInfo]:
    """Of the colour camera and of the depth camera, whose pixels are blocks of the colour camera's."""
    width, height, focal = settings.width, settings.height, settings.focal
    color = PinholeCamera(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)
    return _camera_info(color, frame_id), _camera_info(color.binned(settings.scale, settings.scale), frame_id)


def _camera_info(camera: PinholeCamera, frame_id: str) -> CameraInfo:
    message = CameraInfo(header=Header(frame_id=frame_id), height=camera.height, width=camera.width)
    message.distortion_model, message.d = "plumb_bob", [0.0] * 5
    message.k, message.p = np.array(camera.k), np.array(camera.p)
    message.r = np.eye(3).reshape(-1)
    return message
