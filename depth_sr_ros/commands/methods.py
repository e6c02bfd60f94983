"""`depth-sr methods`: what there is to choose from."""

from __future__ import annotations

import argparse
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from depth_sr_ros.methods.registry import MethodInfo

WIDTH = 100  # characters
NAME, SCALES = 17, 14  # of the WIDTH; what the method is has the rest


def add_parser(subparsers) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "methods", help="list the methods, the scales they have weights for and, with --papers, what they follow"
    )
    parser.add_argument("--papers", action="store_true", help="name the paper that each method follows")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print a table, at most WIDTH wide."""
    from depth_sr_ros.methods.registry import available

    print(_line("method", "scales", "what it is"))
    print("-" * WIDTH)
    for info in available():
        print(_line(info.name, _scales(info), info.summary))
        if arguments.papers and info.paper:
            print(_below(NAME, info.paper))


def _scales(info: MethodInfo) -> str:
    from depth_sr_ros.methods.registry import ALL_SCALES

    if info.scales == ALL_SCALES:
        return "any"
    return " ".join(f"x{scale}" for scale in info.scales) or "no weights"


def _line(name: str, scales: str, summary: str) -> str:
    """Three columns; what is too long for the last one goes on below it."""
    return f"{name:<{NAME}}{scales:<{SCALES}}" + _below(NAME + SCALES, summary).lstrip()


def _below(column: int, text: str) -> str:
    """`text` in lines of at most WIDTH that begin at a column."""
    return textwrap.indent(textwrap.fill(text, WIDTH - column), " " * column)
