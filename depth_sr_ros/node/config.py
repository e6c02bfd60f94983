"""The node's parameters: the one table that everything else about them follows from. Imports no ROS and no torch.

From `Config` follow the declarations with their descriptors (parameters.py), the launch arguments (launch_arguments.py),
config/depth_sr.yaml and docs/parameters.md (parameter_files.py), and what the library is called with.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from depth_sr_ros.backends import known_backends
from depth_sr_ros.backends.base import TOLERANCE
from depth_sr_ros.files.limits import LARGEST_UNIT, SMALLEST_UNIT
from depth_sr_ros.methods import registry
from depth_sr_ros.node.texts import shortened

FROM_TF = "tf"
PACKAGE_WEIGHTS = "package"  # no empty text: ROS 2's own loader of parameter files stumbles over one
TYPE_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", tuple: "a list of numbers"}
SAME = object()  # to the library the default is what it is to the node
MAX_TEXT = 1024  # characters; the longest path that Linux takes for a file is not much longer
MAX_NUMBERS = 16  # of a list


class ParameterError(ValueError):
    """A parameter has a value that it cannot have; the message says which, why, and what would do."""


@dataclass(frozen=True)
class Row:
    """One parameter.

    Attributes:
        name, type, default: as they are declared.
        group: the heading that it stands under in files and tables.
        description: what it does, in one sentence.
        unit: of its value; empty for none.
        low, high: the range, both ends included; None for no end.
        choices: the valid texts; None for any. A function, where they are known only at run time.
        live: whether it may be changed while the node runs.
        library: what the default stands for in the library's own arguments, where that is another value.
    """

    name: str
    type: type
    default: Any
    group: str
    description: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: Callable[[], tuple[str, ...]] | None = None
    live: bool = True
    library: Any = SAME

    def valid(self) -> str:
        """What values it may have, in words; empty where its type says it all."""
        if self.choices is not None:
            return f"one of: {', '.join(self.choices())}"
        if self.low is None:
            return ""
        return f"at least {self.low:g}" if self.high is None else f"{self.low:g} to {self.high:g}"

    def check(self, value: Any) -> None:
        """Raise ParameterError for a value of another type, out of the range or not among the choices."""
        kind: object = type(value)
        if kind is not self.type:
            raise ParameterError(f"{self.name} is {shortened(repr(value), 80)}; it must be {TYPE_NAMES[self.type]}")
        if self.type is str and len(value) > MAX_TEXT:
            raise ParameterError(f"{self.name} has {len(value)} characters; at most {MAX_TEXT} are valid")
        if self.type is tuple and not (len(value) <= MAX_NUMBERS and all(type(one) is float for one in value)):
            raise ParameterError(f"{self.name} is {shortened(repr(value), 80)}; it must be up to {MAX_NUMBERS} numbers")
        if self.choices is not None and value not in self.choices():
            raise ParameterError(f"{self.name} is {shortened(repr(value), 80)}; valid: {', '.join(self.choices())}")
        if self.type in (int, float) and not self._is_in_range(value):
            raise ParameterError(f"{self.name} is {value}; valid: {self.valid()}")

    def _is_in_range(self, value: float) -> bool:
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        return math.isfinite(value) and low <= value <= high


def _row(default: Any, description: str, group: str, **more: Any) -> Any:
    return dataclasses.field(default=default, metadata={"group": group, "description": description, **more})


_engine = partial(_row, group="What upsamples")
_output = partial(_row, group="What comes out")
_input = partial(_row, group="What comes in")
_node = partial(_row, group="How the node lives")


LENS = "{} images are rectified (P holds) or raw (K and D hold); auto: rectified on topics whose name has image_rect"


def _transports(*names: str) -> Callable[[], tuple[str, ...]]:
    return lambda: names


@dataclass(frozen=True)
class Config:
    """Every parameter of the node: adding one is adding a line here."""

    method: str = _engine("fdkn", "method that upsamples the depth", choices=lambda: tuple(registry.known_methods()))
    scale: int = _engine(
        8,
        "pixels of the result per pixel of the depth that the network sees, per axis; 0 takes what suits the two cameras",
        low=0,
        high=registry.MAX_SCALE,
    )
    backend: str = _engine(
        "auto", "runtime of the network; auto takes the fastest one here", choices=lambda: ("auto", *known_backends())
    )
    precision: str = _engine(
        "auto", "arithmetic of the network; auto takes the fastest here", choices=lambda: ("auto", *TOLERANCE)
    )
    weights: str = _engine(
        PACKAGE_WEIGHTS, "safetensors file of the method's weights; package takes the one that came with it", library=None
    )
    degradation: str = _engine(
        "sensor",
        "which of the package's weights: for what sensors measure, where there are such, or for exact reductions",
        choices=lambda: registry.DEGRADATIONS,
    )
    threads: int = _engine(
        0, "CPU threads of the network; 0 leaves it to the backend", low=0, high=1024, live=False, library=None
    )
    iterations: int = _engine(
        0, "steps of a method that iterates, as dada; 0 takes the method's own number", low=0, high=10_000, library=None
    )

    output: str = _output(
        "colour",
        "whose view the result has: the colour image's, at its very size, or the depth image's at scale times its size",
        choices=lambda: ("colour", "depth"),
    )
    output_encoding: str = _output(
        "32FC1", "32FC1: metres, NaN invalid; 16UC1: millimetres, 0 invalid (REP 118)", choices=lambda: ("32FC1", "16UC1")
    )
    compressed_codec: str = _output(
        "png", "of ~/image/compressedDepth: png is smaller, rvl faster", choices=lambda: ("png", "rvl")
    )
    fill_holes: bool = _output(False, "give depth, as the method imagines it, also where the sensor saw none")
    clip_to_measured: bool = _output(
        True, "give no depth nearer or farther than what was measured around it; has no effect with consistency"
    )
    consistency: bool = _output(False, "make the output reduce exactly to the measured depth; for exact sensors only")
    min_depth: float = _output(0.0, "nearer depth counts as invalid", unit="m", low=0.0)
    max_depth: float = _output(0.0, "further depth counts as invalid; 0 sets no limit", unit="m", low=0.0, library=math.inf)

    sync: str = _input(
        "stamps", "what colour and depth are paired by; arrival where stamps are useless", choices=lambda: ("stamps", "arrival")
    )
    sync_queue_s: float = _input(
        1.0,
        "how long an image waits for its partner: more than one stream is later than the other",
        unit="s",
        low=0.05,
        high=10.0,
    )
    registration: str = _input(
        "auto",
        "depth of another view is projected into the colour image's; none takes it for registered, reproject always projects",
        choices=lambda: ("auto", "none", "reproject"),
    )
    depth_to_colour: str = _input(
        FROM_TF,
        "where the depth camera stands: tf, or 'x y z roll pitch yaw' (m, rad) from its optical frame to the colour camera's",
    )
    reduction: str = _input(
        "median", "how depth of a higher resolution than the working grid is reduced", choices=lambda: ("median", "mean")
    )
    coverage: float = _input(
        0.5, "share of a pixel of the working grid that must be measured, else it is invalid", low=0.0, high=1.0
    )
    rgb_lens: str = _input("auto", LENS.format("colour"), choices=lambda: ("auto", "rectified", "raw"))
    depth_lens: str = _input("auto", LENS.format("depth"), choices=lambda: ("auto", "rectified", "raw"))
    sync_tolerance_ms: float = _input(
        20.0, "largest difference between the stamps of a colour image and its depth image", unit="ms", low=0.0, high=1000.0
    )
    rgb_offset_ms: float = _input(
        0.0, "added to the colour stamps before pairing: positive where they are too early", unit="ms", low=-1000.0, high=1000.0
    )
    max_latency_ms: float = _input(
        0.0, "frames whose stamp is older than this when their turn comes are dropped; 0 drops none", unit="ms", low=0.0
    )
    depth_unit: float = _input(
        0.001,
        "of integer depth, per count: 0.001 for millimetres (REP 118)",
        unit="m",
        low=SMALLEST_UNIT,
        high=LARGEST_UNIT,
    )
    no_return: tuple = _input((65535.0,), "values of the depth image that mean no return, beside 0, NaN and infinities")
    rgb_transport: str = _input("raw", "how colour images arrive", choices=_transports("raw", "compressed"), live=False)
    depth_transport: str = _input(
        "raw", "how depth images arrive", choices=_transports("raw", "compressed", "compressedDepth"), live=False
    )

    autostart: bool = _node(
        True, "configure and activate at the start; false waits for lifecycle transitions (`ros2 lifecycle`, nav2)", live=False
    )

    def extrinsics(self) -> tuple[float, ...] | None:
        """The six numbers of depth_to_colour, None where it asks for TF.

        Raises:
            ParameterError: it is neither.
        """
        if self.depth_to_colour == FROM_TF:
            return None
        try:
            numbers = tuple(float(word) for word in self.depth_to_colour.replace(",", " ").split())
        except ValueError:
            numbers = ()
        if len(numbers) != 6 or not all(map(math.isfinite, numbers)):
            raise ParameterError(
                f"depth_to_colour is {self.depth_to_colour!r:.80}; valid: tf, or six numbers: x y z (metres) roll pitch yaw "
                "(radians), as static_transform_publisher takes them with the colour camera's frame as parent"
            )
        return numbers

    def library(self, name: str) -> Any:
        """The value of a parameter as the library's functions take it: None or inf where the default stands for that."""
        value, row = getattr(self, name), ROWS[name]
        return row.library if value == row.default and row.library is not SAME else value


ROWS: Mapping[str, Row] = {
    field.name: Row(field.name, type(field.default), field.default, **field.metadata) for field in dataclasses.fields(Config)
}


def check(values: Mapping[str, Any]) -> Config:
    """The Config of these values by name; those left out have their defaults.

    What this machine lacks is not looked up: see capabilities.py.

    Raises:
        ParameterError: a value is wrong by itself or does not fit another one.
    """
    for name, value in values.items():
        ROWS[name].check(value)
    config = Config(**values)
    if config.max_depth and config.min_depth >= config.max_depth:
        raise ParameterError(f"min_depth {config.min_depth:g} m must be less than max_depth {config.max_depth:g} m")
    if config.scale == 1:
        raise ParameterError(f"scale is 1; valid: 2 to {registry.MAX_SCALE}, or 0 for what suits the two cameras")
    if config.scale == 0 and config.weights != PACKAGE_WEIGHTS:
        raise ParameterError(
            f"scale is 0, which chooses among the package's weights: set it, or set weights to {PACKAGE_WEIGHTS}"
        )
    config.extrinsics()
    return config
