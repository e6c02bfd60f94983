"""What is only known when the launch file runs."""

import os
from collections.abc import Iterable


class SubstitutionFailure(RuntimeError):
    """A substitution could not be performed; the text says which and why."""


class Substitution:
    """Something that becomes text when it is performed in a LaunchContext."""

    def perform(self, context):
        raise NotImplementedError(f"{type(self).__name__}.perform")

    def describe(self):
        return f"{type(self).__name__}()"


def as_list(value):
    """The parts of a text, a path, a substitution or an iterable of them; TypeError for anything else."""
    if isinstance(value, (str, os.PathLike, Substitution)):
        return [value]
    if isinstance(value, Iterable) and all(isinstance(part, (str, os.PathLike, Substitution)) for part in value):
        return list(value)
    raise TypeError(f"expected a text, a path, a substitution or a list of them, got {value!r}")


def perform(context, value):
    """`value` (see `as_list`) as one text."""
    return "".join(part.perform(context) if isinstance(part, Substitution) else os.fspath(part) for part in as_list(value))


def describe(value):
    """`value` (see `as_list`) as a reader of `--show-args` sees it."""
    return " + ".join(part.describe() if isinstance(part, Substitution) else repr(os.fspath(part)) for part in as_list(value))
