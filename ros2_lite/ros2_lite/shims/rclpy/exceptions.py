"""rclpy.exceptions, and the errors that real rclpy raises from its C++ part."""

from typing import Any


class RCLError(RuntimeError):
    """An operation on something that is shut down or destroyed."""


class NotInitializedException(Exception):
    """rclpy.init() has not been called, or the context is shut down."""


class InvalidNamespaceException(ValueError):
    """A namespace that ROS 2 does not allow."""


class InvalidNodeNameException(ValueError):
    """A node name that ROS 2 does not allow."""


class ROSInterruptException(Exception):
    """A wait ended because of shutdown."""


class ParameterException(Exception):
    """Something is wrong with these parameters."""

    def __init__(self, error_msg: str, parameters: Any) -> None:
        self.parameters = parameters
        super().__init__(f"{error_msg}: {parameters}" if parameters else error_msg)


class ParameterNotDeclaredException(ParameterException):
    def __init__(self, parameters: Any) -> None:
        super().__init__("Invalid access to undeclared parameter(s)", parameters)


class ParameterAlreadyDeclaredException(ParameterException):
    def __init__(self, parameters: Any) -> None:
        super().__init__("Parameter(s) already declared", parameters)


class ParameterImmutableException(ParameterException):
    def __init__(self, parameter: Any) -> None:
        super().__init__("Attempted to modify read-only parameter", parameter)


class ParameterUninitializedException(ParameterException):
    def __init__(self, parameter: Any) -> None:
        super().__init__("The parameter is not initialized", parameter)


class InvalidParameterException(ParameterException):
    def __init__(self, parameter: str) -> None:
        super().__init__("Invalid parameter name", parameter)


class InvalidParameterTypeException(ParameterException):
    """A value of a type that the parameter does not take."""

    def __init__(self, desired: Any, expected: str) -> None:
        Exception.__init__(
            self,
            f"Trying to set parameter '{desired.name}' to '{desired.value}' of type "
            f"'{desired.type_.name}', expecting type '{expected}'",
        )
        self.parameters = desired.name


class InvalidParameterValueException(ParameterException):
    """A value that a set-callback refused or that is outside of its range."""

    def __init__(self, parameter: str, value: Any, reason: str) -> None:
        Exception.__init__(self, f"Invalid parameter value ({value}) for parameter '{parameter}'. Reason: {reason}")
        self.parameters = parameter
