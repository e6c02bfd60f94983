"""Calibrations in YAML: what a camera_info says, by one of its usual spellings, and where the depth camera stands."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from depth_sr_ros.core.camera import PinholeCamera
from depth_sr_ros.core.lens import Lens
from depth_sr_ros.core.rigid import from_euler
from depth_sr_ros.files.yaml_text import load_yaml

MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class Calibration:
    """Two cameras, and the (4, 4) transform of points from the depth camera's optical frame into the colour camera's."""

    colour: PinholeCamera
    depth: PinholeCamera
    depth_to_colour: np.ndarray


def read_calibration(path: Path) -> Calibration:
    """Read the `calibration` of a file as in config/cameras.

    Raises:
        ValueError: the file is none, or what it says cannot be; the message names the file.
        OSError: it cannot be read.
    """
    content = _read(path).get("calibration")
    if not isinstance(content, Mapping) or not {"colour", "depth", "depth_to_colour"} <= set(content):
        raise ValueError(f"{path} has no section 'calibration' with colour, depth and depth_to_colour")
    try:
        colour, depth = (camera_of(content[name]) for name in ("colour", "depth"))
        return Calibration(colour, depth, extrinsics_of(content["depth_to_colour"]))
    except ValueError as error:
        raise ValueError(f"{path} is no YAML: {error}") from None


def read_camera(path: Path) -> PinholeCamera:
    """Read one camera: a file of camera_calibration, or the text of `ros2 topic echo --once .../camera_info`.

    Raises:
        ValueError: the file is none of these, or what it says cannot be; the message names the file.
        OSError: it cannot be read.
    """
    try:
        return camera_of(_read(path))
    except ValueError as error:
        raise ValueError(f"{path} is no YAML: {error}") from None


def camera_of(content: Mapping[str, Any]) -> PinholeCamera:
    """The camera of an unrectified image, from CameraInfo's fields (width, height, k, d, distortion_model).

    camera_calibration's spelling (image_width, camera_matrix, distortion_coefficients) is understood too.

    Raises:
        ValueError: a field is missing, or is not what it must be.
    """
    if not isinstance(content, Mapping):
        raise ValueError("no camera: width, height and k are needed")
    width, height = (_first(content, name, f"image_{name}") for name in ("width", "height"))
    k = _numbers(_first(content, "k", "camera_matrix"), "k")
    d = _numbers(content.get("d", content.get("distortion_coefficients", ())), "d")
    if len(k) != 9:
        raise ValueError(f"k has {len(k)} numbers; a camera matrix has 9")
    if not (isinstance(width, int) and isinstance(height, int)):
        raise ValueError(f"width and height are {width!r} and {height!r}; they must be whole numbers")
    lens = Lens(str(content.get("distortion_model", "plumb_bob")), d)
    return PinholeCamera(width, height, fx=k[0], fy=k[4], cx=k[2], cy=k[5], lens=lens)


def extrinsics_of(numbers: Sequence[float]) -> np.ndarray:
    """x, y, z in metres and roll, pitch, yaw in radians, as static_transform_publisher takes them -> (4, 4).

    Raises:
        ValueError: it is not six finite numbers.
    """
    values = _numbers(numbers, "depth_to_colour")
    if len(values) != 6 or not all(map(math.isfinite, values)):
        raise ValueError(f"depth_to_colour is {list(values)}; it must be six numbers: x y z (metres) roll pitch yaw (radians)")
    return from_euler(*values)


def _read(path: Path) -> Mapping[str, Any]:
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size} bytes; a calibration has no more than {MAX_BYTES}")
    try:
        content = load_yaml(path.read_text(encoding="utf-8"), first=True)  # an echoed message ends in ---
    except ValueError as error:
        raise ValueError(f"{path} is no YAML: {error}") from None
    if not isinstance(content, Mapping):
        raise ValueError(f"{path} holds no calibration")
    return content


def _first(content: Mapping[str, Any], *names: str) -> Any:
    for name in names:
        if name in content:
            return content[name]
    raise ValueError(f"there is no {' or '.join(names)}")


def _numbers(value: Any, name: str) -> tuple[float, ...]:
    """A list, or camera_calibration's mapping with a list under `data`."""
    if isinstance(value, Mapping):
        value = value.get("data", ())
    try:
        return tuple(float(number) for number in value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}; it must be a list of numbers") from None
