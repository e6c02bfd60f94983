"""ros2 run"""

import argparse
import os

from ament_index_python.packages import PackageNotFoundError

from ros2_lite.cli import CliError
from ros2_lite.executables import ExecutableNotFoundError, find_executable


def add_arguments(parser):
    parser.add_argument("package", help="name of the package")
    parser.add_argument("executable", help="name of the executable")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="what the executable gets")
    parser.set_defaults(run=run)


def run(args):
    try:
        command = find_executable(args.package, args.executable)
    except PackageNotFoundError as error:
        raise CliError(f"Package '{args.package}' not found: {error}") from error
    except ExecutableNotFoundError as error:
        raise CliError(f"No executable found: {error}") from error
    os.execv(command[0], [*command, *args.arguments])
