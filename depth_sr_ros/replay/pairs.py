"""The pairs of a recording on their way through the node's own stages, without a node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from depth_sr_ros.core.result import FrameError
from depth_sr_ros.files.guides import Stretch
from depth_sr_ros.node.camera_info import CameraInfoCache
from depth_sr_ros.node.compressed import decode_compressed_rgb
from depth_sr_ros.node.config import Config
from depth_sr_ros.node.geometry import Geometry
from depth_sr_ros.node.inputs import sync_settings
from depth_sr_ros.node.messages import decode_depth, decode_rgb, stamp_ns
from depth_sr_ros.node.pairing import Pairing
from depth_sr_ros.node.stages import Decode, Frame
from depth_sr_ros.node.statistics import Notices, ThrottledLog
from depth_sr_ros.replay.lowered import Event
from depth_sr_ros.replay.recording import TRANSFORMS, Topics
from depth_sr_ros.replay.transforms import Transforms


@dataclass(frozen=True)
class Pair:
    """A colour and a depth image on the working grid.

    Attributes:
        stamp_ns: the depth image's.
        rgb: (H, W, 3) uint8 RGB.
        grid: (h, w) float32 metres, NaN invalid: the LR depth on the working grid.
        reference: (H, W) float32 metres: the recorded depth, at the colour image's resolution; None where it is not there.
    """

    stamp_ns: int
    rgb: np.ndarray
    grid: np.ndarray
    reference: np.ndarray | None


class Pairs:
    """Pairs events as the node would.

    Args:
        topics: of the recording.
        scale: of the working grid.
        config: the node's parameters.
        has_reference: whether the recorded depth is one.
        say: is told what was decided about the geometry.

    Attributes:
        inputs: depth images that have come.
        drops: images of no use by reason, as the node counts them, but for those that were not paired.
    """

    def __init__(self, topics: Topics, scale: int, config: Config, has_reference: bool, say: Callable[[str], None]) -> None:
        self._scale, self._config, self._has_reference = scale, config, has_reference
        self._now_ns = 0  # the recording's time, so that what has waited too long is the same in every run
        self._pairing = Pairing(sync_settings(config), clock=lambda: self._now_ns)
        self._transforms = cast(Any, Transforms())  # in place of the node's, which listen to /tf
        names = {"rgb": topics.rgb_image, "depth": topics.depth_image}
        notices = Notices(ThrottledLog(say))
        self._lr_infos = {"rgb": CameraInfoCache(), "depth": CameraInfoCache()}
        self._infos = {"rgb": self._lr_infos["rgb"], "depth": CameraInfoCache()}
        decoders = {"rgb": partial(_decode_rgb, stretch=Stretch()), "depth": decode_depth}
        inputs: Any = SimpleNamespace(decoders=decoders, infos=self._lr_infos)
        self._decode = Decode(inputs, notices)
        self._geometry = Geometry(self._transforms, lambda: names, say)
        self._reference_geometry = Geometry(self._transforms, lambda: names, lambda _: None)
        self.inputs = 0
        self.drops: dict[str, int] = {}

    def unpaired(self) -> dict[str, int]:
        """Images that had no partner, by reason."""
        return {
            f"{stream}.{reason}": count
            for stream, counts in self._pairing.counts().items()
            for reason, count in counts["drops"].items()
        }

    def of(self, events: Iterable[Event]) -> Iterator[Pair]:
        """Yield the pairs of events, in order; one that cannot be used is counted and left out."""
        for event in events:
            self._now_ns = event.time_ns
            if event.kind in TRANSFORMS:
                self._transforms.add(event.message)
            elif event.kind == "rgb_info":
                self._infos["rgb"].add(event.message)
            elif event.kind == "depth_info":
                self._lr_infos["depth"].add(event.message)
                self._infos["depth"].add(event.recorded)
            else:
                self.inputs += event.kind == "depth_image"
                add = self._pairing.add_depth if event.kind == "depth_image" else self._pairing.add_rgb
                for rgb, depth in add(stamp_ns(event.message), event, len(event.message.data)):
                    yield from self._pair(rgb.message, depth)

    def _pair(self, rgb: Any, depth: Event) -> Iterator[Pair]:
        frame = self._frame(rgb, depth.message, self._scale)
        try:
            self._decode(frame)
            self._geometry(frame)
        except FrameError as error:
            self.drops[error.reason] = self.drops.get(error.reason, 0) + 1
            return
        reference = self._reference(frame, depth.recorded) if self._has_reference else None
        yield Pair(stamp_ns(depth.message), frame.rgb, frame.grid, reference)

    def _reference(self, frame: Frame, recorded: np.ndarray) -> np.ndarray | None:
        """The recorded depth at the colour image's own resolution, in its view."""
        whole = self._frame(frame.rgb_message, frame.depth_message, 1)
        whole.rgb, whole.depth, whole.rgb_info = frame.rgb, recorded, frame.rgb_info
        try:
            whole.depth_info = self._infos["depth"].find(recorded.shape[1], recorded.shape[0], stamp_ns(frame.depth_message))
        except FrameError:
            whole.depth_info = None
        try:
            self._reference_geometry(whole)
        except FrameError:
            return None
        return whole.grid

    def _frame(self, rgb: Any, depth: Any, scale: int) -> Frame:
        engine: Any = SimpleNamespace(settings=SimpleNamespace(scale=scale))  # all that geometry asks of one
        return Frame(rgb, depth, self._config, engine, 0.0)


def _decode_rgb(message: Any, stretch: Stretch) -> np.ndarray:
    return (decode_compressed_rgb if hasattr(message, "format") else decode_rgb)(message, stretch)
