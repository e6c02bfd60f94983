"""`depth-sr methods`: what there is to choose from."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..methods.registry import MethodInfo


def add_parser(subparsers) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "methods", help="list the methods, the scales they have weights for, and their papers"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print a table."""
    from ..methods.registry import available

    rows = [(info.name, _scales(info), info.summary, info.paper or "-") for info in available()]
    print(_table(("method", "scales", "what it is", "paper"), rows))


def _scales(info: MethodInfo) -> str:
    if not info.learned:
        return "any"
    return " ".join(f"x{scale}" for scale in info.scales) or "no weights"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Left-aligned columns, two spaces apart, a line under the heads."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [heads, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
