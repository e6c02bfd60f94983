"""Substitutions of launch."""

import math
import os

from launch.substitution import Substitution, SubstitutionFailure, as_list, describe, perform

__all__ = [
    "EnvironmentVariable",
    "LaunchConfiguration",
    "PathJoinSubstitution",
    "PythonExpression",
    "SubstitutionFailure",
    "TextSubstitution",
]


class TextSubstitution(Substitution):
    def __init__(self, *, text):
        self.text = text

    def perform(self, context):
        return self.text

    def describe(self):
        return repr(self.text)


class _Named(Substitution):
    """A value looked up by name, with an optional default."""

    def __init__(self, name, *, default=None):
        self.name, self.default = name, default

    def _look_up(self, context, values, kind):
        name = perform(context, self.name)
        if name in values:
            return values[name]
        if self.default is None:
            raise SubstitutionFailure(f"{kind} '{name}' does not exist")
        return perform(context, self.default)

    def describe(self):
        return f"{type(self).__name__}({describe(self.name)})"


class LaunchConfiguration(_Named):
    """The value of a launch argument."""

    def __init__(self, variable_name, *, default=None):
        super().__init__(variable_name, default=default)

    def perform(self, context):
        return self._look_up(context, context.launch_configurations, "launch configuration")


class EnvironmentVariable(_Named):
    """The value of a variable of the environment that processes get."""

    def __init__(self, name, *, default_value=None):
        super().__init__(name, default=default_value)

    def perform(self, context):
        return self._look_up(context, context.environment, "environment variable")


class PathJoinSubstitution(Substitution):
    """The parts, each a text or a substitution (or a list that makes one), joined as a path."""

    def __init__(self, substitutions):
        self.parts = list(substitutions)

    def perform(self, context):
        return os.path.join(*(perform(context, part) for part in self.parts))

    def describe(self):
        return f"PathJoin({', '.join(describe(part) for part in self.parts)})"


class PythonExpression(Substitution):
    """The text put together from the parts, evaluated as Python; knows the names of `math`."""

    def __init__(self, expression):
        self.expression = as_list(expression)

    def perform(self, context):
        text = perform(context, self.expression)
        try:
            return str(eval(text, {"math": math, **vars(math)}))  # a launch file is code already
        except Exception as error:
            raise SubstitutionFailure(f"cannot evaluate the Python expression {text!r}: {error}") from error

    def describe(self):
        return f"PythonExpr({describe(self.expression)})"
