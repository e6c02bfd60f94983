"""A recording as a depth camera of lower resolution would have made it, with the depth that it had as the reference."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from depth_sr_ros.core.camera import PinholeCamera
from depth_sr_ros.core.result import FrameError
from depth_sr_ros.core.working_grid import grid_camera
from depth_sr_ros.evaluation.lowering import lower
from depth_sr_ros.files.depth_units import to_metres
from depth_sr_ros.node.camera_info import ParsedInfo, parse_info
from depth_sr_ros.node.compressed import decode_compressed_depth
from depth_sr_ros.node.config import Config
from depth_sr_ros.node.messages import decode_depth, fill_image, stamp_ns
from depth_sr_ros.replay.recording import Recording


@dataclass(frozen=True)
class Event:
    """Something that is played.

    Attributes:
        kind: "rgb_image", "depth_image", "rgb_info", "depth_info", "/tf" or "/tf_static".
        time_ns: when it was recorded.
        message: what the node gets; a depth image is raw, lowered and in metres.
        recorded: of a depth image (h, w) float32 metres as it was recorded, of its camera_info the one that was.
    """

    kind: str
    time_ns: int
    message: Any
    recorded: Any = None


class Lowered:
    """What is played of a recording.

    Args:
        recording: an open one.
        scale: by which depth is lowered.
        degradation: how, one of `lowering.DEGRADATIONS`; "none" leaves depth as it was recorded.
        config: depth's unit and values of no return.

    Attributes:
        broken: depth images that could not be decoded, by reason.
    """

    def __init__(self, recording: Recording, scale: int, degradation: str, config: Config) -> None:
        self._recording = recording
        self._scale = 1 if degradation == "none" else scale
        self._degradation = degradation
        self._config = config
        self.broken: dict[str, int] = {}

    def __iter__(self) -> Iterator[Event]:
        """Yield events in the order of recording, after the first camera_info of each camera and what is latched.

        A node that has been running knows these; a recording may have them behind the first images.

        Raises:
            RecordingError: the recording breaks off.
        """
        topics = self._recording.topics
        kinds = {topic: kind for kind, topic in vars(topics).items() if topic}
        for topic, time_ns, message in self._recording.first([topics.rgb_info, topics.depth_info, "/tf_static"]):
            yield self._event(kinds.get(topic, topic), time_ns, message)
        for topic, time_ns, message in self._recording.messages():
            try:
                yield self._event(kinds.get(topic, topic), time_ns, message)
            except FrameError as error:
                self.broken[error.reason] = self.broken.get(error.reason, 0) + 1

    def _event(self, kind: str, time_ns: int, message: Any) -> Event:
        if kind == "depth_image":
            return self._depth(time_ns, message)
        if kind == "depth_info":
            return Event(kind, time_ns, lowered_info(message, self._scale), message)
        return Event(kind, time_ns, message)

    def _depth(self, time_ns: int, message: Any) -> Event:
        counts = (decode_compressed_depth if hasattr(message, "format") else decode_depth)(message)
        recorded = to_metres(counts, self._config.depth_unit, self._config.no_return)
        recorded = np.where(np.isfinite(recorded) & (recorded > 0), recorded, np.float32(np.nan))
        seed = stamp_ns(message) % 2**31
        return Event(
            "depth_image", time_ns, self._image(message, lower(recorded, self._scale, self._degradation, seed=seed)), recorded
        )

    def _image(self, original: Any, depth: np.ndarray) -> Any:
        image = self._recording.new_image()
        fill_image(image, original.header, depth, "32FC1")
        image.data = np.frombuffer(image.data, np.uint8)
        return image


def lowered_info(original: Any, scale: int) -> Any:
    """The sensor_msgs/CameraInfo of the image whose pixels are blocks of scale x scale of the original's.

    A region and binning are in K and P then. An info that cannot be a camera's stays as it is, for the node to find.
    """
    try:
        parsed = parse_info(original)
    except FrameError:
        return original
    if scale == 1:
        return original
    message = copy.copy(original)
    message.roi = copy.copy(original.roi)
    message.roi.x_offset = message.roi.y_offset = message.roi.width = message.roi.height = 0
    message.binning_x = message.binning_y = 0
    by_p, by_k = grid_camera(parsed.camera, scale), grid_camera(_unrectified(parsed), scale)
    message.width, message.height = by_p.width, by_p.height
    message.k, message.p = np.array(by_k.k), np.array(by_p.p)
    return message


def _unrectified(parsed: ParsedInfo) -> PinholeCamera:
    try:
        return parsed.unrectified
    except FrameError:  # no K, or an unknown distortion
        return parsed.camera
