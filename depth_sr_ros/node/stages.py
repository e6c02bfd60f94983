"""One frame's way through the worker: two messages in, the upsampled Image and its CameraInfo out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sensor_msgs.msg import CameraInfo, Image

from depth_sr_ros.core.result import FrameError
from depth_sr_ros.node.camera_info import CameraInfoCache, upsampled_info
from depth_sr_ros.node.config import Config
from depth_sr_ros.node.live_upsampler import EngineSettings, LiveUpsampler
from depth_sr_ros.node.messages import fill_image, stamp_ns


@dataclass(frozen=True)
class Job:
    """A pair of images that belong together, with the parameters that held when it was complete."""

    rgb: Any
    depth: Any
    config: Config
    arrived_s: float  # time.monotonic()


@dataclass(frozen=True)
class Output:
    """What is published for a job, the milliseconds that its stages took, and what the upsampler was built of."""

    image: Image
    camera_info: CameraInfo
    times_ms: dict[str, float]
    settings: EngineSettings


class FramePipeline:
    """Decodes, upsamples, encodes. The camera_info caches are filled by others meanwhile."""

    def __init__(
        self,
        upsampler: LiveUpsampler,
        decode_rgb: Callable[[Any], np.ndarray],
        decode_depth: Callable[[Any], np.ndarray],
        rgb_infos: CameraInfoCache,
        depth_infos: CameraInfoCache,
    ) -> None:
        self._upsampler = upsampler
        self._decode_rgb = decode_rgb
        self._decode_depth = decode_depth
        self._rgb_infos = rgb_infos
        self._depth_infos = depth_infos

    def __call__(self, job: Job) -> Output:
        """Raises FrameError for a frame that cannot be used."""
        start = time.perf_counter()
        depth = self._decode_depth(job.depth)
        depth_info = self._depth_infos.find(depth.shape[1], depth.shape[0], stamp_ns(job.depth))
        rgb = self._decode_rgb(job.rgb)
        decoded = time.perf_counter()
        result, settings = self._upsampler(rgb, depth, job.config)
        upsampled = time.perf_counter()
        image = Image()
        fill_image(image, job.depth.header, result.depth, job.config.output_encoding)
        camera_info = upsampled_info(depth_info, settings.scale, self._rgb_info(rgb, stamp_ns(job.rgb)))
        camera_info.header = job.depth.header
        times = {f"upsample.{stage}": ms for stage, ms in result.times_ms.items() if stage != "total"}
        times["decode"] = (decoded - start) * 1e3
        times["upsample"] = (upsampled - decoded) * 1e3
        times["encode"] = (time.perf_counter() - upsampled) * 1e3
        return Output(image, camera_info, times, settings)

    def _rgb_info(self, rgb: np.ndarray, stamp: int) -> Any | None:
        """The colour camera's info, which the output can do without."""
        try:
            return self._rgb_infos.find(rgb.shape[1], rgb.shape[0], stamp)
        except FrameError:
            return None
