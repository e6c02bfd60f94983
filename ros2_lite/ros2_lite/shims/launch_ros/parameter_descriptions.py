"""Parameter values that are more than what is written down."""

import yaml
from launch.substitution import Substitution, as_list, perform

__all__ = ["ParameterValue"]


class ParameterValue:
    """A value with its type: `value_type` is str, int, float, bool, or None for what YAML makes of the text."""

    def __init__(self, value, *, value_type=None):
        self._value, self._type = value, value_type

    def evaluate(self, context):
        if not _is_text(self._value):
            return self._value if self._type is None else self._type(self._value)
        text = perform(context, self._value)
        value = text if self._type is str else yaml.safe_load(text)
        if self._type is float and type(value) is int:
            value = float(value)
        if value is None or (self._type is not None and type(value) is not self._type):
            raise TypeError(f"a parameter's value {text!r} is not of type {getattr(self._type, '__name__', 'bool, int, ...')}")
        return value


def evaluate_parameters(context, parameters):
    """A dict of parameters, which may be nested, as {"a.b": value}.

    Texts stay texts. A substitution, or a list with one in it, becomes one text and then what YAML makes of that:
    LaunchConfiguration("scale") is an integer where the argument was 8. A list of ints and floats is one of floats.
    """
    values = {}
    for name, value in parameters.items():
        name = perform(context, name)
        if isinstance(value, dict):
            values |= {f"{name}.{inner}": v for inner, v in evaluate_parameters(context, value).items()}
        else:
            values[name] = _evaluate(context, value)
    return values


def _evaluate(context, value):
    if isinstance(value, ParameterValue):
        return value.evaluate(context)
    if isinstance(value, (bool, int, float, str)):
        return value
    if _is_text(value):
        return ParameterValue(value).evaluate(context)
    elements = [_evaluate(context, element) for element in value]
    return [float(e) for e in elements] if {type(e) for e in elements} == {int, float} else elements


def _is_text(value):
    """A text, a substitution, or a list of texts with a substitution among them; a list of texts alone is a list."""
    if isinstance(value, (str, Substitution)):
        return True
    try:
        return any(isinstance(part, Substitution) for part in as_list(value))
    except TypeError:
        return False
