"""The geometry stage: depth as the working grid wants it, and whose view and camera_info the result has."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np

from depth_sr_ros.core.camera import PinholeCamera
from depth_sr_ros.core.result import FrameError
from depth_sr_ros.core.rigid import from_euler, is_identity
from depth_sr_ros.core.working_grid import Rig, best_scale, grid_shape, registered_rig
from depth_sr_ros.methods import registry
from depth_sr_ros.node.camera_info import ParsedInfo, upsampled_info
from depth_sr_ros.node.config import Config
from depth_sr_ros.node.stages import Frame, Stage
from depth_sr_ros.node.transforms import Transforms

USUAL_SCALE, AUTO_SCALES = 8, (2, 4, 8, 16, 32)
RECTIFIED_TOPIC = "image_rect"  # how the names of topics of rectified images begin


class Geometry(Stage):
    """Depth of any size and view onto the working grid.

    Args:
        transforms: where the depth camera stands.
        topics: gives the full names of the image topics by stream: some say that images are rectified.
        decided: called with what is done and why, when that changes.
    """

    name = "geometry"

    def __init__(self, transforms: Transforms, topics: Callable[[], Mapping[str, str]], decided: Callable[[str], None]) -> None:
        self._transforms = transforms
        self._topics = topics
        self._decided = decided
        self._decision = ""
        self._scale: tuple[tuple, int] | None = None
        self._rig: tuple[tuple, np.ndarray | None, Rig] | None = None

    def grid_shape(
        self, config: Config, scale: int, rgb_info: ParsedInfo | None, depth_info: ParsedInfo | None
    ) -> tuple[int, int] | None:
        """(h, w) of the working grid as the latest camera_info of both cameras tell it; None where they do not."""
        info = rgb_info if config.output == "colour" else depth_info
        if info is None:
            return None
        shape = info.camera.height, info.camera.width
        return grid_shape(shape, scale) if config.output == "colour" else shape

    def best_scale(self, method: str, rgb_info: ParsedInfo | None, depth_info: ParsedInfo | None) -> int:
        """The scale at which a method loses least of the depth camera's resolution; USUAL_SCALE while it is not known."""
        if self._scale is None or self._scale[0] != (method, rgb_info, depth_info):
            scales = set(AUTO_SCALES) & set(registry.scales_of(method))
            if rgb_info is None or depth_info is None:
                chosen = USUAL_SCALE if USUAL_SCALE in scales else min(scales, default=USUAL_SCALE)
            else:
                chosen = best_scale(rgb_info.camera, depth_info.camera, sorted(scales or {USUAL_SCALE}))
            self._scale = ((method, rgb_info, depth_info), chosen)
        return self._scale[1]

    def __call__(self, frame: Frame) -> None:
        """See Stage. Raises FrameError: no_transform, bad_transform, no_overlap, bad_guide, and what the infos lack."""
        if frame.config.output == "depth":
            self._in_depth_view(frame)
        else:
            self._in_colour_view(frame)

    def _in_depth_view(self, frame: Frame) -> None:
        scale = frame.engine.settings.scale
        height, width = (scale * n for n in frame.depth.shape)
        if frame.rgb.shape[:2] != (height, width) and grid_shape(frame.rgb.shape, scale) == frame.depth.shape:
            frame.rgb = cv2.resize(frame.rgb, (width, height), interpolation=cv2.INTER_CUBIC)
        frame.grid = frame.depth
        frame.output_header = frame.depth_message.header
        frame.output_info = None
        if frame.depth_info is not None:
            frame.output_info = upsampled_info(frame.depth_info, scale, frame.rgb_info)
            frame.output_info.header = frame.output_header
        self._tell(f"the depth image's view at {width} x {height}, as output is 'depth'")

    def _in_colour_view(self, frame: Frame) -> None:
        scale = frame.engine.settings.scale
        frame.grid = self._rig_of(frame).bring(frame.depth)
        frame.output_header = copy.copy(frame.depth_message.header)
        frame.output_header.frame_id = frame.rgb_message.header.frame_id
        frame.output_info = None
        if frame.rgb_info is not None:
            frame.output_info = copy.copy(frame.rgb_info.message)
        elif frame.depth_info is not None and frame.rgb.shape[:2] == tuple(scale * n for n in frame.depth.shape):
            frame.output_info = upsampled_info(frame.depth_info, scale, None)
        if frame.output_info is not None:
            frame.output_info.header = frame.output_header

    def _rig_of(self, frame: Frame) -> Rig:
        """The rig of before, as long as neither the cameras nor the parameters have changed."""
        config, scale = frame.config, frame.engine.settings.scale
        transform = self._depth_to_colour(frame)
        shapes = frame.rgb.shape[:2], frame.depth.shape
        how = config.registration, config.reduction, config.coverage, config.rgb_lens, config.depth_lens
        key = (frame.rgb_info, frame.depth_info, shapes, scale, how, transform is None)
        if self._rig is None or self._rig[0] != key:
            self._rig = (key, transform, self._built(frame, transform, scale))
        elif transform is not None and (self._rig[1] is None or not np.array_equal(self._rig[1], transform)):
            self._rig = (key, transform, self._rig[2].moved(transform))
        rig = self._rig[2]
        self._tell(f"{rig.way}: {rig.reason}")
        return rig

    def _built(self, frame: Frame, transform: np.ndarray | None, scale: int) -> Rig:
        config = frame.config
        options: dict[str, Any] = {name: getattr(config, name) for name in ("registration", "reduction", "coverage")}
        colour, depth = frame.rgb_info, frame.depth_info
        if colour is None or depth is None:
            return self._built_by_sizes(frame, transform, scale, options)
        try:
            colour_camera = self._camera(colour, "rgb", config.rgb_lens)
            depth_camera = self._camera(depth, "depth", config.depth_lens)
        except FrameError:  # a lens that is not known matters only where the views may differ
            same_view = transform is None and _lens(colour) == _lens(depth)
            if not same_view and config.registration != "none":
                raise
            colour_camera, depth_camera = colour.camera, depth.camera
        return Rig(colour_camera, depth_camera, transform, scale, **options)

    def _built_by_sizes(self, frame: Frame, transform: np.ndarray | None, scale: int, options: dict[str, Any]) -> Rig:
        """Without camera_info the images can only be trusted to be registered."""
        needs = transform is not None and not is_identity(transform)
        if options["registration"] == "reproject" or (needs and options["registration"] == "auto"):
            missing = " and ".join(
                name for name, info in (("colour", frame.rgb_info), ("depth", frame.depth_info)) if info is None
            )
            raise FrameError(
                "no_camera_info",
                f"depth has to be projected into the colour image, and there is no camera_info of {missing} that could be its "
                "own: publish it, or set registration to none where the images are registered",
            )
        trusted = {name: value for name, value in options.items() if name != "registration"}
        return registered_rig(frame.rgb.shape, frame.depth.shape, scale, **trusted)

    def _camera(self, info: ParsedInfo, stream: str, lens: str) -> PinholeCamera:
        """Of the image as it is: after K and D, unless it is rectified or has no distortion."""
        is_named_so = any(part.startswith(RECTIFIED_TOPIC) for part in self._topics()[stream].split("/"))
        is_rectified = lens == "rectified" or (lens == "auto" and is_named_so)
        if is_rectified or not any(info.message.d) and info.message.distortion_model != "equidistant":
            return info.camera
        return info.unrectified

    def _depth_to_colour(self, frame: Frame) -> np.ndarray | None:
        """None where both images are of one frame, or taken for it."""
        config, colour, depth = frame.config, frame.rgb_message.header, frame.depth_message.header
        if config.registration == "none":
            return None
        if (numbers := config.extrinsics()) is not None:
            return from_euler(*numbers)
        if colour.frame_id == depth.frame_id:
            return None
        return self._transforms.find(colour.frame_id, depth.frame_id, depth.stamp)

    def _tell(self, decision: str) -> None:
        if decision != self._decision:
            self._decision = decision
            self._decided(decision)


def _lens(info: ParsedInfo) -> tuple:
    return info.message.distortion_model, *map(float, info.message.d)
