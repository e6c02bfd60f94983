"""YAML that a stranger may have written: every way in which it can be wrong is one kind of error."""

from __future__ import annotations

from typing import Any

import yaml

# What PyYAML lets through from a value that does not fit its tag: `!!timestamp x`, `!!bool x`, `!!int ""`, an impossible date.
UNFIT = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def load_yaml(text: str, first: bool = False) -> Any:
    """Read a YAML text as plain values: numbers, texts, lists, mappings, dates; None for an empty text.

    Args:
        text: one document.
        first: take the first of several documents, instead of refusing them.

    Raises:
        ValueError: it is no YAML, asks for another type, is nested too deeply, or has a value that does not fit its tag; the
            message says which, in one line.
    """
    try:
        return next(iter(yaml.safe_load_all(text)), None) if first else yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UNFIT as error:
        raise ValueError(f"a value does not fit its tag or is impossible ({type(error).__name__}: {error})") from None
