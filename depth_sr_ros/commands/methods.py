"""`depth-sr methods`: what there is to choose from."""

from __future__ import annotations

import argparse
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from depth_sr_ros.methods.registry import MethodInfo

WIDTH = 100  # characters
NAME, SCALES = 17, 13  # of the WIDTH; what the method is has the rest


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

    print(_line("method", "scales", "for sensors", "what it is"))
    print("-" * WIDTH)
    for info in available():
        print(_line(info.name, _scales(info.scales), _for_sensors(info), info.summary))
        if arguments.papers and info.paper:
            print(_below(NAME, info.paper))


def _for_sensors(info: MethodInfo) -> str:
    """The scales with weights of their own for what sensors measure; elsewhere those for exact reductions serve there too."""
    return _scales(info.sensor_scales) if info.learned and info.sensor_scales else ("exact" if info.learned else "")


def _scales(scales: tuple[int, ...]) -> str:
    from depth_sr_ros.methods.registry import ALL_SCALES

    if scales == ALL_SCALES:
        return "any"
    return " ".join(f"x{scale}" for scale in scales) or "no weights"


def _line(name: str, scales: str, for_sensors: str, summary: str) -> str:
    """Four columns; what is too long for the last one goes on below it."""
    return f"{name:<{NAME}}{scales:<{SCALES}}{for_sensors:<{SCALES}}" + _below(NAME + 2 * SCALES, summary).lstrip()


def _below(column: int, text: str) -> str:
    """`text` in lines of at most WIDTH that begin at a column."""
    return textwrap.indent(textwrap.fill(text, WIDTH - column), " " * column)
