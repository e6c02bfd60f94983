"""Declared parameters with their rules: what rclpy.node.Node has of parameters."""

import math
from collections.abc import Callable, Iterable
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor, ParameterEvent, SetParametersResult

from .exceptions import (
    InvalidParameterException,
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterAlreadyDeclaredException,
    ParameterImmutableException,
    ParameterNotDeclaredException,
    ParameterUninitializedException,
)
from .parameter import Parameter

_Type = Parameter.Type
_OK = SetParametersResult(successful=True)


def _refused(reason: str) -> SetParametersResult:
    return SetParametersResult(successful=False, reason=reason)


def _range_problem(parameter: Parameter, descriptor: ParameterDescriptor) -> str:
    """Why a number is outside of its descriptor's range or off its steps (both ends always fit), or ''."""
    ranges = {_Type.INTEGER: descriptor.integer_range, _Type.DOUBLE: descriptor.floating_point_range}.get(parameter.type_)
    if not ranges:
        return ""
    value, limits = parameter.value, ranges[0]
    low, high = limits.from_value, limits.to_value
    if value in (low, high):
        return ""
    if not low <= value <= high:
        return f"Parameter {parameter.name} out of range. Min: {low}, Max: {high}, value: {value}"
    steps = (value - low) / limits.step if limits.step else 0
    if not math.isclose(steps, round(steps), abs_tol=1e-9):
        return (
            f"The parameter value for {parameter.name} is not a valid step. "
            f"Min: {low}, max: {high}, value: {value}, step: {limits.step}"
        )
    return ""


class ParameterStore:
    """Declares, checks, sets and tells parameters. The node gives `_lock`, `_events`, a clock and a full name."""

    def __init__(self, overrides: dict[str, Any], allow_undeclared: bool) -> None:
        self._overrides, self._allow_undeclared = overrides, allow_undeclared
        self._parameters: dict[str, Parameter] = {}
        self._descriptors: dict[str, ParameterDescriptor] = {}
        self._pre_callbacks: list[Callable] = []
        self._on_callbacks: list[Callable] = []
        self._post_callbacks: list[Callable] = []

    def declare_parameter(
        self,
        name: str,
        value: Any = None,
        descriptor: ParameterDescriptor | None = None,
        ignore_override: bool = False,
    ) -> Parameter:
        """Declare with a default value, or with a Parameter.Type and no value; an override from outside wins.

        Raises ParameterAlreadyDeclaredException, InvalidParameterException for a bad name, and for a value that cannot
        be: InvalidParameterTypeException or InvalidParameterValueException.
        """
        return self.declare_parameters("", [(name, value, descriptor or ParameterDescriptor())], ignore_override)[0]

    def declare_parameters(self, namespace: str, parameters: Iterable[tuple], ignore_override: bool = False) -> list[Parameter]:
        """As declare_parameter, for (name), (name, value) or (name, value, descriptor), below a namespace."""
        declared = []
        for entry in parameters:
            name, value, descriptor = (*entry, None, None)[:3]
            full = f"{namespace}.{name}" if namespace else name
            if not full or not isinstance(full, str):
                raise InvalidParameterException(full)
            if full in self._parameters and full in self._descriptors:
                raise ParameterAlreadyDeclaredException([full])
            declared.append(self._declare(full, value, descriptor or ParameterDescriptor(), ignore_override))
        return declared

    def _declare(self, name: str, value: Any, descriptor: ParameterDescriptor, ignore_override: bool) -> Parameter:
        kind = value if isinstance(value, _Type) else _Type.from_parameter_value(value)
        if isinstance(value, _Type):
            value = None
        elif value is None and not descriptor.dynamic_typing:
            raise ValueError(f"Parameter {name} needs a default value, a Parameter.Type, or dynamic_typing=True")
        if name in self._overrides and not ignore_override:
            value = self._overrides[name]
        descriptor.name = name
        descriptor.type = _Type.NOT_SET.value if descriptor.dynamic_typing else kind.value
        is_typed_array = isinstance(value, (list, tuple)) and not value and kind.name.endswith("ARRAY")
        try:
            parameter = Parameter(name, kind if is_typed_array else None, value)
        except TypeError as error:
            raise InvalidParameterValueException(name, value, str(error)) from None
        self._descriptors[name] = descriptor
        if parameter.type_ is _Type.NOT_SET and not descriptor.dynamic_typing:
            self._parameters[name] = parameter  # declared with a type, waiting for its value
            return parameter
        try:
            if not descriptor.dynamic_typing and parameter.type_ is not kind:
                raise InvalidParameterTypeException(parameter, kind.name)
            result = self._apply([parameter], declaring=True)
            if not result.successful:
                raise InvalidParameterValueException(name, parameter.value, result.reason)
        except Exception:
            del self._descriptors[name]
            raise
        return self._parameters[name]

    def undeclare_parameter(self, name: str) -> None:
        """Raises ParameterNotDeclaredException, or ParameterImmutableException where it is read-only."""
        if self.describe_parameter(name).read_only:
            raise ParameterImmutableException(name)
        with self._lock:
            gone = self._parameters.pop(name)
            del self._descriptors[name]
        self._tell(deleted=[gone])

    def has_parameter(self, name: str) -> bool:
        return name in self._parameters

    def parameter_names(self) -> list[str]:
        """Names of all parameters, sorted."""
        return sorted(self._parameters)

    def get_parameter(self, name: str) -> Parameter:
        """Raises ParameterNotDeclaredException, or ParameterUninitializedException where it waits for its value."""
        parameter = self._parameters.get(name)
        if parameter is None:
            if not self._allow_undeclared:
                raise ParameterNotDeclaredException(name)
            return Parameter(name)
        if parameter.type_ is _Type.NOT_SET and not self._descriptors[name].dynamic_typing:
            raise ParameterUninitializedException(name)
        return parameter

    def get_parameters(self, names: Iterable[str]) -> list[Parameter]:
        return [self.get_parameter(name) for name in names]

    def get_parameter_or(self, name: str, alternative_value: Parameter | None = None) -> Parameter:
        """The parameter, or the alternative where it is undeclared or has no value."""
        parameter = self._parameters.get(name)
        return parameter if parameter and parameter.type_ is not _Type.NOT_SET else alternative_value or Parameter(name)

    def get_parameters_by_prefix(self, prefix: str) -> dict[str, Parameter]:
        """The parameters below `prefix.`, by the rest of their names."""
        start = f"{prefix}." if prefix else ""
        return {name[len(start) :]: value for name, value in self._parameters.items() if name.startswith(start)}

    def get_parameter_type(self, name: str) -> _Type:
        if name not in self._parameters and not self._allow_undeclared:
            raise ParameterNotDeclaredException(name)
        return self._parameters[name].type_ if name in self._parameters else _Type.NOT_SET

    def describe_parameter(self, name: str) -> ParameterDescriptor:
        """Raises ParameterNotDeclaredException."""
        if name not in self._descriptors:
            if not self._allow_undeclared:
                raise ParameterNotDeclaredException(name)
            return ParameterDescriptor()
        return self._descriptors[name]

    def describe_parameters(self, names: Iterable[str]) -> list[ParameterDescriptor]:
        return [self.describe_parameter(name) for name in names]

    def set_parameters(self, parameter_list: list[Parameter]) -> list[SetParametersResult]:
        """Set one after another. Raises ParameterNotDeclaredException; what is refused is told in the results."""
        return [self.set_parameters_atomically([parameter]) for parameter in parameter_list]

    def set_parameters_atomically(self, parameter_list: list[Parameter]) -> SetParametersResult:
        """Set all or none. Raises ParameterNotDeclaredException."""
        parameters = list(parameter_list)
        for callback in list(self._pre_callbacks):
            parameters = callback(parameters)
            if not parameters:
                return _refused("parameter list cannot be empty, this might be due to pre_set_parameters_callback")
        undeclared = [parameter.name for parameter in parameters if parameter.name not in self._descriptors]
        if undeclared and not self._allow_undeclared:
            raise ParameterNotDeclaredException(undeclared)
        return self._apply(parameters)

    def _check(self, parameter: Parameter) -> SetParametersResult:
        """Whether the descriptor allows the value."""
        descriptor = self._descriptors.get(parameter.name)
        if descriptor is None:
            return _OK
        if descriptor.read_only:
            return _refused(f"Trying to set a read-only parameter: {parameter.name}.")
        if parameter.type_ is _Type.NOT_SET:
            return (
                _refused(f"Static parameter cannot be undeclared: {parameter.name}") if not descriptor.dynamic_typing else _OK
            )
        if not descriptor.dynamic_typing and descriptor.type != parameter.type_.value:
            error = InvalidParameterTypeException(parameter, _Type(descriptor.type).name)
            return _refused(f"Wrong parameter type: {error}")
        return _OK

    def _apply(self, parameters: list[Parameter], declaring: bool = False) -> SetParametersResult:
        with self._lock:
            for parameter in parameters:
                result = _OK if declaring else self._check(parameter)
                descriptor = self._descriptors.get(parameter.name)
                if result.successful and descriptor and (problem := _range_problem(parameter, descriptor)):
                    result = _refused(problem)
                if not result.successful:
                    return result
            for callback in list(self._on_callbacks):
                result = callback(parameters)
                if not result.successful:
                    return result
            new = [p for p in parameters if declaring or p.name not in self._parameters]
            changed = [p for p in parameters if p not in new]
            self._parameters |= {parameter.name: parameter for parameter in parameters}
        for callback in list(self._post_callbacks):
            callback(parameters)
        self._tell(new=new, changed=changed)
        return _OK

    def _tell(self, new: Iterable = (), changed: Iterable = (), deleted: Iterable = ()) -> None:
        event = ParameterEvent(stamp=self.get_clock().now().to_msg(), node=self.get_fully_qualified_name())
        event.new_parameters = [parameter.to_parameter_msg() for parameter in new]
        event.changed_parameters = [parameter.to_parameter_msg() for parameter in changed]
        event.deleted_parameters = [parameter.to_parameter_msg() for parameter in deleted]
        if self.context.ok():
            self._events.publish(event)

    def add_pre_set_parameters_callback(self, callback: Callable[[list[Parameter]], list[Parameter]]) -> None:
        """May change the list before it is checked. The newest callback is called first, here and below."""
        self._pre_callbacks.insert(0, callback)

    def add_on_set_parameters_callback(self, callback: Callable[[list[Parameter]], SetParametersResult]) -> None:
        """May refuse; must have no side effects."""
        self._on_callbacks.insert(0, callback)

    def add_post_set_parameters_callback(self, callback: Callable[[list[Parameter]], None]) -> None:
        """Is told what has been set."""
        self._post_callbacks.insert(0, callback)

    def remove_pre_set_parameters_callback(self, callback: Callable) -> None:
        self._pre_callbacks.remove(callback)

    def remove_on_set_parameters_callback(self, callback: Callable) -> None:
        self._on_callbacks.remove(callback)

    def remove_post_set_parameters_callback(self, callback: Callable) -> None:
        self._post_callbacks.remove(callback)
