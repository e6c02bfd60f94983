"""Launch arguments are text; parameters have types."""

import yaml

EXPECTED = {bool: "true or false", int: "a whole number", float: "a number"}


def typed(name: str, text: str, kind: type) -> str | bool | int | float:
    """Return the value of a launch argument in the parameter's own type: a node takes no 5 for a 5.0.

    Args:
        name: of the argument, for the message.
        text: as it was given.
        kind: str, bool, int or float.

    Raises:
        ValueError: the text is no such value.
    """
    if kind is str:
        return text
    try:
        value = yaml.safe_load(text) if kind is bool else kind(text)
    except (ValueError, yaml.YAMLError):
        value = None
    if not isinstance(value, kind):
        raise ValueError(f"{name} is {text!r}; it must be {EXPECTED[kind]}")
    return value
