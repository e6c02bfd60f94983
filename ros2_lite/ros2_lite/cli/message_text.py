"""Messages as text, and texts as messages."""

from array import array

import numpy as np
import yaml

from ros2_lite.cli import CliError, direct

TRUNCATE_AT = 128


def message_to_yaml(message, *, no_arr=False, full_length=False):
    """The message as YAML. Arrays longer than TRUNCATE_AT end in '...' unless `full_length`; `no_arr` shows none."""
    limit = None if full_length else TRUNCATE_AT
    return yaml.safe_dump(_plain(message, "", no_arr, limit), sort_keys=False, allow_unicode=True, width=float("inf"))


def fill(message, values):
    """Set the fields that `values`, a dict that may be nested, names; CliError for what does not fit."""
    fields = message.get_fields_and_field_types()
    if not isinstance(values, dict) or not values.keys() <= fields.keys():
        raise CliError(f"{type(message).__name__} has the fields {', '.join(fields)}, not {values}")
    for name, value in values.items():
        kind, old = fields[name], getattr(message, name)
        try:
            if hasattr(old, "get_fields_and_field_types"):
                fill(old, value)
            elif "/" in kind:
                element = direct.message_class(kind.removeprefix("sequence<").split(">")[0].split("[")[0].replace("/", "/msg/"))
                setattr(message, name, [fill(element(), item) for item in value])
            else:
                setattr(message, name, float(value) if isinstance(old, float) else value)
        except (AssertionError, TypeError, ValueError) as error:
            raise CliError(f"{name} is {kind}, not {value!r}") from error
    return message


def _plain(value, kind, no_arr, limit):
    """What yaml can dump. `kind` is the field's type, such as "uint8[9]", "sequence<double>", "string"."""
    if hasattr(value, "get_fields_and_field_types"):
        return {
            name: _plain(getattr(value, name), field_kind, no_arr, limit)
            for name, field_kind in value.get_fields_and_field_types().items()
        }
    if isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, bytes) and kind == "octet":
        return value[0]
    if no_arr:
        element, length = kind.removeprefix("sequence<").split("[")[0].rstrip(">").split(",")[0], len(value)
        return f"<sequence type: {element}, length: {length}>" if kind.startswith("sequence") else f"<array type: {kind}>"
    shown = value if limit is None else value[:limit]
    elements = shown.tolist() if isinstance(shown, (array, np.ndarray)) else [_plain(e, "", no_arr, limit) for e in shown]
    return elements + ["..."] if len(elements) < len(value) else elements
