"""ros2 launch"""

import argparse
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from launch import LaunchContext, LaunchService
from launch.actions import DeclareLaunchArgument, GroupAction, IncludeLaunchDescription
from launch.launch_description_sources import load_launch_file

from ros2_lite.cli import CliError


def add_arguments(parser):
    parser.add_argument("-s", "--show-args", action="store_true", help="show the arguments of the launch file")
    parser.add_argument("-d", "--debug", action="store_true", help="show where in a launch file an error arose")
    parser.add_argument("package_or_file", help="package with the launch file, or path of a launch file")
    parser.add_argument(
        "rest",
        nargs=argparse.REMAINDER,
        metavar="[launch_file] [name:=value ...]",
        help="name of the launch file in the package; arguments of the launch file",
    )
    parser.set_defaults(run=run)


def run(args):
    path, given = _launch_file(args)
    try:
        description = load_launch_file(path)
    except Exception as error:
        if args.debug:
            raise
        raise CliError(f"[ERROR] [launch]: cannot load '{path}': {type(error).__name__}: {error}") from error
    arguments = {argument.name: argument for argument in _declared(description, LaunchContext())}
    if args.show_args:
        print("Arguments (pass arguments as '<name>:=<value>'):\n")
        print("\n\n".join(argument.help() for argument in arguments.values()) or "  No arguments.")
        return 0
    service = LaunchService(argv=args.rest, debug=args.debug)
    service.output.say("INFO", "launch", f"All log files can be found below {service.output.folder}")
    for name in given.keys() - arguments.keys():
        service.output.say(
            "WARNING",
            "launch",
            f"launch argument '{name}' is not declared by {path.name}; it takes: {', '.join(sorted(arguments)) or 'none'}",
        )
    service.context.launch_configurations.update(given)
    service.include_launch_description(description)
    return service.run()


def _launch_file(args):
    """The path of the launch file, and the arguments for it: {name: value}."""
    rest = [argument for argument in args.rest if argument not in ("-s", "--show-args", "-d", "--debug")]
    args.show_args |= any(flag in args.rest for flag in ("-s", "--show-args"))
    args.debug |= any(flag in args.rest for flag in ("-d", "--debug"))
    path = Path(args.package_or_file)
    if not path.is_file():
        if not rest or ":=" in rest[0]:
            raise CliError(f"'{path}' is no launch file; give a path, or a package and the name of one of its launch files")
        path = _in_package(args.package_or_file, rest.pop(0))
    for argument in rest:
        if ":=" not in argument.lstrip(":"):
            raise CliError(f"malformed launch argument '{argument}', expected format '<name>:=<value>'")
    return path, dict(argument.split(":=", 1) for argument in rest)


def _in_package(package, name):
    try:
        share = Path(get_package_share_directory(package))
    except PackageNotFoundError as error:
        raise CliError(f"Package '{package}' not found: {error}") from error
    found = sorted(path for folder in ("launch", ".") for path in (share / folder).glob(name) if path.is_file())
    if not found:
        raise CliError(
            f"file '{name}' was not found in the share directory of package '{package}' which is at '{share}'; "
            f"its launch files: {', '.join(p.name for p in sorted(share.glob('launch/*.py'))) or 'none'}"
        )
    return found[0]


def _declared(entity, context, given=()):
    """The DeclareLaunchArguments of a description, of its groups, and of what it includes, less those `given` there."""
    for child in getattr(entity, "entities", None) or getattr(entity, "actions", ()):
        if isinstance(child, DeclareLaunchArgument) and child.name not in given:
            yield child
        elif isinstance(child, GroupAction):
            yield from _declared(child, context, given)
        elif isinstance(child, IncludeLaunchDescription):
            inner = {name for name, _ in child.launch_arguments if isinstance(name, str)}
            yield from _declared(_included(child, context), context, inner.union(given))


def _included(action, context):
    """What the action includes; where that is known only when the launch runs: nothing."""
    try:
        return action.source.get_launch_description(context)
    except Exception:
        return None
