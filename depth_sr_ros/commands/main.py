"""The command `depth-sr`.

A command is a module with a function `add_parser(subparsers)` that adds its parser and sets its default
`run`, a function of the parsed arguments that returns the exit status (or None for 0); and a line in
COMMANDS. Every command's module is imported for every call, so it imports what is slow (torch, OpenCV, numpy)
only in `run`.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from depth_sr_ros import __version__
from depth_sr_ros.commands.interrupts import INTERRUPTED, die_of_interrupts, handle_interrupts

COMMANDS = (
    "depth_sr_ros.commands.upsample",
    "depth_sr_ros.commands.methods",
    "depth_sr_ros.commands.doctor",
    "depth_sr_ros.commands.evaluate",
    "depth_sr_ros.commands.replay",
    "depth_sr_ros.commands.train",
    "depth_sr_ros.commands.benchmark",
    "depth_sr_ros.commands.engines",
)
OUTPUT_CLOSED = 141  # as a shell gives for SIGPIPE
USER_ERROR = 2  # exit status, as argparse has it


def make_parser() -> argparse.ArgumentParser:
    """The parser with all commands."""
    parser = argparse.ArgumentParser("depth-sr", description="Guided super-resolution of depth images.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("--traceback", action="store_true", help="show where in the program an error arose")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in COMMANDS:
        importlib.import_module(module).add_parser(subparsers)
    return parser


def console_script() -> int:
    """What `depth-sr` runs: `main`, with Ctrl-C as a quiet end from the start to the last moment."""
    handle_interrupts()
    try:
        return main(without_ros_arguments(sys.argv[1:]))
    finally:
        die_of_interrupts()


def without_ros_arguments(argv: Sequence[str]) -> list[str]:
    """Leave out what a launch file's Node puts behind the arguments of whatever it starts."""
    return list(argv[: argv.index("--ros-args")] if "--ros-args" in argv else argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status: 2 with one line on stderr for what the user can put right, 130 after Ctrl-C."""
    try:
        status = _run(make_parser().parse_args(argv))
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # who read what is printed has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains at its end
        return OUTPUT_CLOSED


def _run(arguments: argparse.Namespace) -> int:
    from depth_sr_ros.backends import BackendError

    try:
        return arguments.run(arguments) or 0
    except BrokenPipeError:
        raise
    except (ValueError, BackendError, OSError) as error:  # the package's errors are all of these kinds
        if arguments.traceback:
            raise
        print(f"depth-sr: error: {_one_line(error)}", file=sys.stderr)
        return USER_ERROR


def _one_line(error: Exception) -> str:
    """What went wrong, without the number that an OSError begins with."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())


if __name__ == "__main__":
    sys.exit(console_script())
