"""The node's parameters: one table, from which they are declared, checked and made into a frozen Config.

`Config` is the table. check() is all that the set-callback does: it has no side effects, so a refused change leaves
nothing behind, and an accepted one is picked up by reading config() anew.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import ParameterException
from rclpy.node import Node

from depth_sr_ros.backends import BackendError, known_backends, select_backend
from depth_sr_ros.methods import registry
from depth_sr_ros.methods.errors import MethodError
from depth_sr_ros.node.messages import OUTPUT_ENCODINGS


class ParameterError(ValueError):
    """A parameter has a value that it cannot have; the message says which, why, and what would do."""


def _backend_choices() -> tuple[str, ...]:
    return ("auto", *known_backends())


def _parameter(
    default: Any,
    description: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: Callable[[], tuple[str, ...]] | None = None,
    live: bool = True,
) -> Any:
    """A row of the table. Choices are a function where they are known only at run time."""
    about = {"description": description, "low": low, "high": high, "choices": choices, "live": live}
    return dataclasses.field(default=default, metadata=about)


@dataclass(frozen=True)
class Config:
    """Every parameter: type, default, description, range or choices, and whether it may change while running."""

    method: str = _parameter("fdkn", "method that upsamples the depth", choices=lambda: tuple(registry.known_methods()))
    scale: int = _parameter(8, "the output has this many times the depth image's resolution", low=2, high=registry.MAX_SCALE)
    backend: str = _parameter("auto", "runtime of the network; auto takes the fastest one here", choices=_backend_choices)
    precision: str = _parameter(
        "auto",
        "arithmetic of the network; auto takes the fastest that the backend has here",
        choices=lambda: ("auto", "f32", "bf16"),
    )
    weights: str = _parameter("", "safetensors file of the method's weights; empty takes the one that came with the package")
    threads: int = _parameter(0, "CPU threads of the network; 0 leaves it to the backend", low=0, high=1024, live=False)
    output_encoding: str = _parameter(
        "32FC1", "32FC1: metres, NaN unknown; 16UC1: millimetres, 0 unknown (REP 118)", choices=lambda: OUTPUT_ENCODINGS
    )
    fill_holes: bool = _parameter(False, "give depth, as the method imagines it, also where the sensor saw none")
    clip_to_measured: bool = _parameter(
        True, "give no depth nearer or farther than what was measured around it; has no effect with consistency"
    )
    consistency: bool = _parameter(False, "make the output reduce exactly to the measured depth; re-imposes its noise")
    iterations: int = _parameter(
        0, "steps of a method that iterates, as dada; 0 takes the method's own number", low=0, high=10_000
    )
    min_depth: float = _parameter(0.0, "metres; nearer depth counts as unknown", low=0.0)
    max_depth: float = _parameter(math.inf, "metres; further depth counts as unknown", low=0.0)
    sync_tolerance_ms: float = _parameter(
        20.0, "largest difference between the stamps of a colour image and its depth image", low=0.0, high=1000.0
    )
    rgb_offset_ms: float = _parameter(
        0.0, "added to the colour stamps before pairing: positive where they are too early", low=-1000.0, high=1000.0
    )
    max_latency_ms: float = _parameter(
        0.0, "frames whose stamp is older than this when their turn comes are dropped; 0 drops none", low=0.0
    )
    rgb_transport: str = _parameter("raw", "how colour images arrive", choices=lambda: ("raw", "compressed"), live=False)
    depth_transport: str = _parameter(
        "raw", "how depth images arrive", choices=lambda: ("raw", "compressed", "compressedDepth"), live=False
    )


ROWS = dataclasses.fields(Config)
_TYPES = {field.name: type(field.default) for field in ROWS}


def check(values: Mapping[str, Any]) -> Config:
    """The Config of these values by name (those left out have their defaults). Raises ParameterError."""
    for field in ROWS:
        if field.name in values:
            _check_value(field, values[field.name])
    config = Config(**values)
    if config.min_depth >= config.max_depth:
        raise ParameterError(f"min_depth {config.min_depth:g} m must be less than max_depth {config.max_depth:g} m")
    _check_engine(config)
    _check_iterations(config)
    return config


def _check_value(field: dataclasses.Field, value: Any) -> None:
    """Type, range and choices of one value."""
    expected, about = _TYPES[field.name], field.metadata
    if type(value) is not expected:
        raise ParameterError(f"{field.name} is {value!r}; it must be of type {expected.__name__}")
    if about["choices"] is not None and value not in about["choices"]():
        raise ParameterError(f"{field.name} is {value!r}; valid: {', '.join(about['choices']())}")
    low, high = _bounds(about)
    if expected in (int, float) and not low <= value <= high:  # refuses NaN too
        raise ParameterError(f"{field.name} is {value}; valid: {low:g} to {high:g}")


def _bounds(about: Mapping[str, Any]) -> tuple[float, float]:
    low, high = about["low"], about["high"]
    return -math.inf if low is None else low, math.inf if high is None else high


def _check_engine(config: Config) -> None:
    """Whether method, scale and weights exist and the backend can run here; nothing is loaded."""
    try:
        registry.check(config.method, config.scale, Path(config.weights) if config.weights else None)
        precisions = select_backend(config.backend).precisions()
    except (MethodError, BackendError) as error:
        raise ParameterError(str(error)) from None
    if config.precision not in ("auto", *precisions) and config.backend != "auto":
        raise ParameterError(
            f"precision is {config.precision!r}; valid with {config.backend} here: auto, {', '.join(precisions)}"
        )


def _check_iterations(config: Config) -> None:
    try:
        registry.check_iterations(config.method, config.iterations or None)
    except MethodError as error:
        raise ParameterError(f"{error}; set iterations to 0 for the others") from None


def descriptor(field: dataclasses.Field) -> ParameterDescriptor:
    """What `ros2 param describe` shows of a row."""
    about = field.metadata
    described = ParameterDescriptor(
        name=field.name,
        description=about["description"],
        read_only=not about["live"],
        additional_constraints=_valid(about),
    )
    low, high = _bounds(about)
    if math.isfinite(low) and math.isfinite(high):  # tools make sliders of ranges: only of those that end
        if _TYPES[field.name] is int:
            described.integer_range = [IntegerRange(from_value=low, to_value=high, step=1)]
        else:
            described.floating_point_range = [FloatingPointRange(from_value=low, to_value=high, step=0.0)]
    return described


def _valid(about: Mapping[str, Any]) -> str:
    if about["choices"] is not None:
        return f"one of: {', '.join(about['choices']())}"
    if about["low"] is None or about["high"] is not None:  # what has both has a range
        return ""
    return f"at least {about['low']:g}"


class Parameters:
    """The parameters of a node, declared and guarded by check(). Raises ParameterError where they start wrong."""

    def __init__(self, node: Node) -> None:
        self._node = node
        try:
            for field in ROWS:
                node.declare_parameter(field.name, field.default, descriptor(field))
        except ParameterException as error:
            raise ParameterError(str(error)) from None
        check(self._values())
        node.add_on_set_parameters_callback(self._on_set)

    def config(self) -> Config:
        """All parameters as they are now; checked before they were accepted."""
        return Config(**self._values())

    def _values(self) -> dict[str, Any]:
        return {field.name: self._node.get_parameter(field.name).value for field in ROWS}

    def _on_set(self, changes: list[Any]) -> SetParametersResult:
        ours = {parameter.name: parameter.value for parameter in changes if parameter.name in _TYPES}
        try:
            check({**self._values(), **ours})
        except ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True, reason="")
