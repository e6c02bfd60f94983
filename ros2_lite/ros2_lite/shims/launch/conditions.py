"""Conditions of actions."""

from launch.substitution import perform


class InvalidConditionExpressionError(RuntimeError):
    """The text of a condition is neither true nor false."""


class IfCondition:
    """Holds where the text becomes "true" or "1", and not where it becomes "false" or "0"."""

    def __init__(self, predicate_expression):
        self.expression = predicate_expression

    def evaluate(self, context):
        text = perform(context, self.expression).strip().lower()
        if text not in ("true", "1", "false", "0"):
            raise InvalidConditionExpressionError(f"a condition is true, 1, false or 0, not {text!r}")
        return text in ("true", "1")


class UnlessCondition(IfCondition):
    """The opposite of IfCondition."""

    def evaluate(self, context):
        return not super().evaluate(context)
