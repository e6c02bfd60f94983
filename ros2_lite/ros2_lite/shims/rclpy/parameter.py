"""rclpy.parameter: a parameter, its types, and its message form."""

import array
from enum import Enum
from typing import Any

import numpy as np

PARAMETER_SEPARATOR_STRING = "."
_FIELDS = (
    "",
    "bool_value",
    "integer_value",
    "double_value",
    "string_value",
    "byte_array_value",
    "bool_array_value",
    "integer_array_value",
    "double_array_value",
    "string_array_value",
)


class _Type(Enum):
    """Types as rcl_interfaces/ParameterType numbers them."""

    NOT_SET = 0
    BOOL = 1
    INTEGER = 2
    DOUBLE = 3
    STRING = 4
    BYTE_ARRAY = 5
    BOOL_ARRAY = 6
    INTEGER_ARRAY = 7
    DOUBLE_ARRAY = 8
    STRING_ARRAY = 9

    @classmethod
    def from_parameter_value(cls, value: Any) -> "_Type":
        """The type that a Python value has. Raises TypeError where it has none."""
        scalars = {
            bool: cls.BOOL,
            int: cls.INTEGER,
            float: cls.DOUBLE,
            str: cls.STRING,
            type(None): cls.NOT_SET,
        }
        if type(value) in scalars:
            return scalars[type(value)]
        if isinstance(value, (list, tuple, array.array)):
            kinds = {type(item) for item in value}
            lists = {
                bool: cls.BOOL_ARRAY,
                int: cls.INTEGER_ARRAY,
                float: cls.DOUBLE_ARRAY,
                str: cls.STRING_ARRAY,
            }
            if not kinds or kinds == {bytes}:
                return cls.BYTE_ARRAY
            if len(kinds) == 1 and (kind := kinds.pop()) in lists:
                return lists[kind]
        raise TypeError(f"The given value is not one of the allowed types: {value!r}")

    def check(self, value: Any) -> bool:
        """Whether a value can stand in a parameter of this type."""
        try:
            found = _Type.from_parameter_value(value)
        except TypeError:
            return False
        is_empty_list = isinstance(value, (list, tuple, array.array)) and not len(value)
        return found is self or (is_empty_list and self.name.endswith("ARRAY"))


class Parameter:
    """A name with a value; the type follows from the value where it is not given."""

    Type = _Type

    def __init__(self, name: str, type_: _Type | None = None, value: Any = None) -> None:
        if isinstance(value, np.ndarray):
            value = value.tolist()
        type_ = _Type.from_parameter_value(value) if type_ is None else type_
        if not isinstance(type_, _Type):
            raise TypeError("type must be an instance of `Parameter.Type`")
        if not type_.check(value):
            raise ValueError(f"Type '{type_}' and value '{value}' do not agree")
        self._name, self._type, self._value = name, type_, value

    @property
    def name(self) -> str:
        return self._name

    @property
    def type_(self) -> _Type:
        return self._type

    @property
    def value(self) -> Any:
        return self._value

    def get_parameter_value(self) -> Any:
        """The value as rcl_interfaces/ParameterValue."""
        from rcl_interfaces.msg import ParameterValue

        message = ParameterValue(type=self._type.value)
        if self._type is not _Type.NOT_SET:
            setattr(message, _FIELDS[self._type.value], self._value)
        return message

    def to_parameter_msg(self) -> Any:
        from rcl_interfaces.msg import Parameter as Message

        return Message(name=self._name, value=self.get_parameter_value())

    @classmethod
    def from_parameter_msg(cls, message: Any) -> "Parameter":
        return cls(message.name, _Type(message.value.type), parameter_value_to_python(message.value))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Parameter) and (self._name, self._type, self._value) == (
            other._name,
            other._type,
            other._value,
        )

    __hash__ = None

    def __repr__(self) -> str:
        return f"Parameter(name={self._name!r}, type_={self._type.name}, value={self._value!r})"


def parameter_value_to_python(message: Any) -> Any:
    """The value in an rcl_interfaces/ParameterValue. Raises ValueError for an unknown type."""
    kind = _Type(message.type)
    value = None if kind is _Type.NOT_SET else getattr(message, _FIELDS[kind.value])
    return list(value) if isinstance(value, array.array) else value
