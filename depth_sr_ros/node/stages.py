"""The way of one frame: two messages in, a list of stages, messages out.

A stage is a small object with one call: it gets the frame, reads what the stages before it have set, and sets what is its
own. It keeps no other state than its caches and knows no later stage. A new one is a class here or in a file of its own,
and an entry of the list in depth_sr.py.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from sensor_msgs.msg import CompressedImage, Image

from depth_sr_ros.core.result import DepthResult, FrameError
from depth_sr_ros.files.depth_units import to_metres, unit_doubt
from depth_sr_ros.node.camera_info import ParsedInfo
from depth_sr_ros.node.compressed import fill_compressed_depth
from depth_sr_ros.node.config import Config
from depth_sr_ros.node.inputs import Inputs
from depth_sr_ros.node.live_upsampler import Engine, LiveUpsampler
from depth_sr_ros.node.messages import fill_image, stamp_ns
from depth_sr_ros.node.statistics import Notices

INFO_PATIENCE_S = 2.0  # until then a camera_info may be on its way


@dataclass
class Frame:
    """A pair of images that belong together on its way through the stages.

    Attributes:
        rgb_message, depth_message: as they came.
        config: the parameters that held when the pair was complete.
        engine: what upsamples it; its settings' scale counts, not the parameters': another may be being built.
        arrived_s: when that was, time.monotonic().
        rgb: (H, W, 3) uint8 RGB. Set by decode.
        depth: (h, w) float32 metres, as the depth camera sees it. Set by decode.
        rgb_info, depth_info: the camera_info of both; None where there is none that could be the image's. Set by decode.
        grid: (h, w) depth on the working grid, what is upsampled. Set by geometry.
        output_header: stamp and frame_id of the result. Set by geometry.
        output_info: the sensor_msgs/CameraInfo of the result; None where it is withheld. Set by geometry.
        result: what was made of it. Set by upsample.
        outgoing: (publisher, message) in the order of publication. Output stages add to it.
        times_ms: milliseconds by stage.
    """

    rgb_message: Any
    depth_message: Any
    config: Config
    engine: Engine
    arrived_s: float
    rgb: np.ndarray = field(init=False, repr=False)
    depth: np.ndarray = field(init=False, repr=False)
    rgb_info: ParsedInfo | None = field(init=False, repr=False)
    depth_info: ParsedInfo | None = field(init=False, repr=False)
    grid: np.ndarray = field(init=False, repr=False)
    output_header: Any = field(init=False, repr=False)
    output_info: Any | None = field(init=False, repr=False)
    result: DepthResult = field(init=False, repr=False)
    outgoing: list[tuple[Any, Any]] = field(default_factory=list, repr=False)
    times_ms: dict[str, float] = field(default_factory=dict, repr=False)


class Stage(ABC):
    """One step of a frame's way.

    Attributes:
        name: under which its time is shown.
        outputs: the publishers of what it gives out; none where it works for later stages.
    """

    name: ClassVar[str]
    outputs: Sequence[Any] = ()

    def is_listened_to(self) -> bool:
        """Whether somebody wants what it gives out. Images are subscribed only while that holds for some stage."""
        return any(output.get_subscription_count() for output in self.outputs)

    @abstractmethod
    def __call__(self, frame: Frame) -> None:
        """Take the frame one step further. Raises FrameError for a frame that cannot be used."""


class Decode(Stage):
    """Messages to arrays, depth to metres, and the camera_info of each."""

    name = "decode"

    def __init__(self, inputs: Inputs, notices: Notices) -> None:
        self._decoders, self._infos, self._notices = inputs.decoders, inputs.infos, notices
        self._began_s = math.inf
        self._doubt = ""

    def __call__(self, frame: Frame) -> None:
        """See Stage."""
        self._began_s = min(self._began_s, time.monotonic())
        counts = self._decoders["depth"](frame.depth_message)
        unit, no_return = frame.config.depth_unit, frame.config.no_return
        doubt = unit_doubt(counts, unit, no_return)
        self._doubt = self._doubt if doubt and self._doubt else doubt  # in the words of the first image: each has other figures
        self._notices.set("unit", self._doubt)
        frame.depth = to_metres(counts, unit, no_return)
        frame.rgb = self._decoders["rgb"](frame.rgb_message)
        whose = "rgb" if frame.config.output == "colour" else "depth"
        frame.depth_info = self._info("depth", frame.depth, frame.depth_message, whose == "depth")
        frame.rgb_info = self._info("rgb", frame.rgb, frame.rgb_message, whose == "rgb")

    def _info(self, stream: str, pixels: np.ndarray, message: Any, is_results: bool) -> ParsedInfo | None:
        """What is known of the camera; a camera_info that is no good costs itself, not the image."""
        infos = self._infos[stream]
        try:
            info = infos.find(pixels.shape[1], pixels.shape[0], stamp_ns(message))
        except FrameError as error:
            if error.reason != "no_camera_info" or time.monotonic() - self._began_s > INFO_PATIENCE_S:
                withheld = "; the result's is withheld" if is_results else ""
                self._notices.set(f"{stream}_info", f"{stream}: {error}{withheld}")
            return None
        self._notices.set(f"{stream}_info", infos.note and f"{stream}: {infos.note}")
        return info


class Upsample(Stage):
    """The working grid to the result."""

    name = "upsample"

    def __init__(self, upsampler: LiveUpsampler) -> None:
        self._upsampler = upsampler

    def __call__(self, frame: Frame) -> None:
        """See Stage."""
        frame.result = self._upsampler(frame.engine, frame.rgb, frame.grid, frame.config)
        frame.times_ms |= {f"upsample.{step}": ms for step, ms in frame.result.times_ms.items() if step != "total"}


class Encode(Stage):
    """The result to Image and CameraInfo."""

    name = "encode"

    def __init__(self, image: Any, camera_info: Any) -> None:
        self.outputs = (image, camera_info)

    def __call__(self, frame: Frame) -> None:
        """See Stage."""
        image = Image()
        fill_image(image, frame.output_header, frame.result.depth, frame.config.output_encoding)
        publisher, info_publisher = self.outputs
        if frame.output_info is not None:
            frame.outgoing.append((info_publisher, frame.output_info))
        frame.outgoing.append((publisher, image))


class Compress(Stage):
    """The result as image_transport's compressedDepth sends it."""

    name = "compress"

    def __init__(self, image: Any) -> None:
        self.outputs = (image,)

    def __call__(self, frame: Frame) -> None:
        """See Stage."""
        image = CompressedImage()
        config = frame.config
        fill_compressed_depth(image, frame.output_header, frame.result.depth, config.output_encoding, config.compressed_codec)
        frame.outgoing.append((self.outputs[0], image))


class Pipeline:
    """The stages in their order; one that gives something out runs only while somebody listens."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = tuple(stages)

    def is_listened_to(self) -> bool:
        """Whether somebody listens to any output."""
        return any(stage.is_listened_to() for stage in self._stages)

    def __call__(self, frame: Frame) -> None:
        """Run the stages, and time them. Raises FrameError for a frame that cannot be used."""
        for stage in self._stages:
            if stage.outputs and not stage.is_listened_to():
                continue
            start = time.perf_counter()
            stage(frame)
            frame.times_ms[stage.name] = (time.perf_counter() - start) * 1e3
