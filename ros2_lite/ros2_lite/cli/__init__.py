"""The command `ros2` of ros2_lite: the part of ROS 2's own command that a machine without ROS 2 needs."""

import argparse
import importlib
import importlib.util
import os
import signal
import sys

COMMANDS = {
    "bag": "play, record and inspect recordings",
    "launch": "run a launch file",
    "lifecycle": "see and change the states of managed nodes",
    "node": "list and inspect nodes",
    "param": "read and set parameters",
    "run": "run an executable of a package",
    "topic": "list and watch topics",
}
NO_RCLPY = (
    "rclpy cannot be imported: install ROS 2 (https://docs.ros.org) and source its setup.bash; "
    "wheels of it are on PyPI for Linux on x86-64 with Python 3.10 to 3.13 only"
)


class CliError(Exception):
    """The command cannot be carried out; its text is shown as one line."""


def main(argv=None):
    """Run `ros2` with these arguments; returns the exit code: 0, 1 for an error, 2 for a wrong call or a ctrl-c."""
    argv = sys.argv[1:] if argv is None else list(argv)
    if importlib.util.find_spec("ros2cli") is not None:
        from ros2cli.cli import main as real_main

        return real_main(argv=argv)
    if importlib.util.find_spec("rclpy") is None:
        print(NO_RCLPY, file=sys.stderr)
        return 1
    parser = argparse.ArgumentParser(
        prog="ros2",
        description="ros2_lite's part of the ros2 command.",
        formatter_class=argparse.RawTextHelpFormatter,
        epilog="\n".join(f"  {name:10}{help_}" for name, help_ in COMMANDS.items()),
    )
    parser.add_argument("command", choices=COMMANDS, metavar="command", help="one of those below")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="ros2 <command> -h tells more")
    given = parser.parse_args(argv)
    command = importlib.import_module(f"ros2_lite.cli.{given.command}")
    parser = argparse.ArgumentParser(prog=f"ros2 {given.command}", description=COMMANDS[given.command])
    command.add_arguments(parser)
    return _guarded(parser.parse_args(given.arguments))


def _guarded(args):
    """Run the verb: SIGTERM ends it as ctrl-c does, and an error that says what is wrong needs no traceback."""
    _on_interrupts(_interrupt)
    try:
        return args.run(args) or 0
    except KeyboardInterrupt:
        return int(signal.SIGINT)
    except CliError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # `ros2 topic echo | head`: whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _on_interrupts(handler):
    for signum in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # set in any case: a shell's background job starts with SIGINT ignored
        signal.signal(signum, handler)


def _interrupt(*_):
    """The first one ends the command; a second one does not keep it from leaving the graph in good order."""
    _on_interrupts(signal.SIG_IGN)
    raise KeyboardInterrupt


def verbs(parser, **functions):
    """Subcommands of a command: {verb: (run, help, *arguments)}, each argument ("-n --names", options of add_argument)."""
    subparsers = parser.add_subparsers(title="verbs", required=True, metavar="verb")
    for name, (run, help_, *arguments) in functions.items():
        verb = subparsers.add_parser(name, help=help_, description=help_)
        verb.set_defaults(run=run)
        for names, options in arguments:
            verb.add_argument(*names.split(), **options)
