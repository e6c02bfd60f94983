"""The table of parameters on a ROS node: declared, guarded, and read as a frozen Config."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter

from depth_sr_ros.node.capabilities import Capabilities
from depth_sr_ros.node.config import ROWS, TYPE_NAMES, Config, ParameterError, Row, check

NUMBERS = (float, tuple)  # types of rows that take whole numbers too


def descriptor(row: Row) -> ParameterDescriptor:
    """What `ros2 param describe` shows of a row."""
    unit = f" [{row.unit}]" if row.unit else ""
    described = ParameterDescriptor(name=row.name, description=row.description + unit, read_only=not row.live)
    if row.low is None or row.high is None:  # tools make sliders of ranges: only of those that end
        described.additional_constraints = row.valid()
    elif row.type is int:
        described.integer_range = [IntegerRange(from_value=row.low, to_value=row.high, step=1)]
    else:
        described.floating_point_range = [FloatingPointRange(from_value=row.low, to_value=row.high, step=0.0)]
    return described


class Parameters:
    """The parameters of a node.

    The set-callback has no effects: what was set is picked up by reading config() anew.

    Args:
        node: declares them.

    Raises:
        ParameterError: one has a value at the start that it can never have.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._capabilities: Capabilities | None = None
        try:
            for row in ROWS.values():
                self._declare(row)
        except ParameterException as error:
            raise ParameterError(str(error)) from None
        if hasattr(node, "add_pre_set_parameters_callback"):  # Humble has none, and refuses a 5 for a 5.0
            node.add_pre_set_parameters_callback(_as_floats)
        node.add_on_set_parameters_callback(self._on_set)

    def config(self) -> Config:
        """All parameters as they are now."""
        return Config(**self._values())

    def checked(self) -> Config:
        """All parameters, checked by themselves. Raises ParameterError."""
        return check(self._values())

    def check_against(self, capabilities: Capabilities) -> None:
        """Check against what this machine can do, and changes from now on too. Raises ParameterError."""
        capabilities.check(self.checked())
        self._capabilities = capabilities

    def _declare(self, row: Row) -> None:
        if row.type not in NUMBERS:
            self._node.declare_parameter(row.name, row.default, descriptor(row))
            return
        # A parameter file may say 5 for 5.0, which a declaration of a float does not take: look first, declare then.
        given = self._node.declare_parameter(row.name, row.default, ParameterDescriptor(dynamic_typing=True)).value
        self._node.undeclare_parameter(row.name)
        value = _with_floats(row, given)
        if type(value) is not row.type:
            raise ParameterError(f"{row.name} is {given!r}; it must be {TYPE_NAMES[row.type]}")
        self._node.declare_parameter(row.name, value, descriptor(row), ignore_override=True)

    def _values(self) -> dict[str, Any]:
        return {name: _with_floats(row, self._node.get_parameter(name).value) for name, row in ROWS.items()}

    def _on_set(self, changes: list[Parameter]) -> SetParametersResult:
        ours = {one.name: _with_floats(ROWS[one.name], one.value) for one in changes if one.name in ROWS}
        if not ours:
            return SetParametersResult(successful=True)
        try:
            config = check({**self._values(), **ours})
            if self._capabilities is not None:
                self._capabilities.check(config)
        except ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        except Exception as error:  # noqa: BLE001  a peer's parameter must not end the node, whatever it does to a library
            return SetParametersResult(successful=False, reason=f"{', '.join(ours)}: {type(error).__name__}: {error}")
        return SetParametersResult(successful=True)


def _with_floats(row: Row, value: Any) -> Any:
    """A value with floats where the row wants numbers: 5 is taken for 5.0, what rclpy has for a list for a tuple."""
    if row.type is float and type(value) is int:
        return float(value)
    if row.type is tuple and not isinstance(value, str) and isinstance(value, Sequence):
        return tuple(float(one) if type(one) is int else one for one in value)
    return value


def _as_floats(changes: list[Parameter]) -> list[Parameter]:
    """Take 5 for 5.0 where numbers are wanted."""
    return [
        Parameter(one.name, value=_with_floats(ROWS[one.name], one.value))
        if one.name in ROWS and ROWS[one.name].type in NUMBERS
        else one
        for one in changes
    ]
