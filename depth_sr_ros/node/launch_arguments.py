"""The node's parameters as launch arguments, which are text. Fast to import: no ROS node, no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from depth_sr_ros.files.yaml_text import load_yaml
from depth_sr_ros.node.config import ROWS, TYPE_NAMES, Row

AUTO = {("scale", "auto"): "0"}  # a word that a whole number has none for
TOPIC_ARGUMENTS = {"rgb_image", "rgb_info", "depth_image", "depth_info"}
SIM_TIME = Row("use_sim_time", bool, False, "", "take the time from /clock, as with `ros2 bag play --clock`")
ARGUMENTS: Mapping[str, Row] = {**ROWS, SIM_TIME.name: SIM_TIME}


@dataclass(frozen=True)
class CameraPreset:
    """What a file of config/cameras says: topics by launch argument, and parameters."""

    topics: Mapping[str, str]
    parameters: dict[str, Any]


def camera_preset(name: str, folder: Path) -> CameraPreset:
    """The preset of a kind of camera, an empty one for an empty name.

    Args:
        name: of a file in the folder, without its ending, or the path of a file.
        folder: where those lie that come with the package.

    Raises:
        ValueError: there is none of that name, or it says what cannot be.
    """
    if not name:
        return CameraPreset({}, {})
    path = Path(name) if name.endswith(".yaml") else folder / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.yaml")))
        raise ValueError(f"camera is {name!r}; known cameras are {known}; or give the path of a .yaml file like theirs")
    try:
        content = load_yaml(path.read_text(encoding="utf-8"))
        topics, parameters = ({**(content.get(part) or {})} for part in ("topics", "parameters"))
    except (OSError, ValueError, TypeError, AttributeError) as error:  # no text, no YAML, or no mappings
        raise ValueError(f"{path} is no camera's file: {error}") from None
    unknown = [*(set(topics) - TOPIC_ARGUMENTS), *(set(parameters) - set(ROWS))]
    if unknown:
        raise ValueError(f"{path} has topics or parameters that there are not: {', '.join(map(str, unknown))}")
    return CameraPreset(topics, parameters)


def describe(row: Row) -> str:
    """What `ros2 launch --show-args` shows of a parameter."""
    about = "; ".join(filter(None, (row.unit, row.valid(), "empty: as params_file says")))
    return f"{row.description} ({about})"


def given(texts: Mapping[str, str]) -> dict[str, Any]:
    """The parameters that were given as launch arguments (an empty text is none), each of its own type.

    Raises:
        ValueError: a text is no value of its parameter's type.
    """
    texts = {name: AUTO.get((name, text), text) for name, text in texts.items() if text}
    return {name: typed(name, text, ARGUMENTS[name].type) for name, text in texts.items()}


def typed(name: str, text: str, kind: type) -> str | bool | int | float | list[float]:
    """Return the value of a launch argument in the parameter's own type: a node takes no 5 for a 5.0.

    Args:
        name: of the argument, for the message.
        text: as it was given.
        kind: str, bool, int, float, or tuple for a list of numbers.

    Raises:
        ValueError: the text is no such value.
    """
    if kind is str:
        return text
    value: Any
    try:
        if kind is tuple:
            return [float(one) for one in load_yaml(text)]
        value = load_yaml(text) if kind is bool else kind(text)
    except (TypeError, ValueError):
        value = None
    fitting = isinstance(value, kind)
    if not fitting:
        raise ValueError(f"{name} is {text!r}; it must be {TYPE_NAMES[kind]}")
    return value
