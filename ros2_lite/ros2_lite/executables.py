"""The executables of a package: what lies in lib/<package>/, and the console scripts of a pip-installed package."""

import importlib.metadata
import os
import sys
import sysconfig
from pathlib import Path

from ament_index_python.packages import get_package_prefix


class ExecutableNotFoundError(LookupError):
    """The package has no such executable; the text lists those that it has."""


def package_executables(package):
    """{name: command} of the package's executables; PackageNotFoundError where there is no such package."""
    folder = Path(get_package_prefix(package), "lib", package)
    return _console_scripts(package) | {
        path.name: [str(path)] for path in sorted(folder.glob("*")) if path.is_file() and os.access(path, os.X_OK)
    }


def find_executable(package, executable):
    """The command that starts the executable, as a list; ExecutableNotFoundError, PackageNotFoundError."""
    commands = package_executables(package)
    if executable not in commands:
        raise ExecutableNotFoundError(
            f"executable '{executable}' not found in package '{package}'; it has: {', '.join(sorted(commands)) or 'none'}"
        )
    return commands[executable]


def _console_scripts(package):
    try:
        entries = importlib.metadata.distribution(package).entry_points.select(group="console_scripts")
    except importlib.metadata.PackageNotFoundError:
        return {}
    return {entry.name: _script_command(entry) for entry in entries}


def _script_command(entry):
    """pip's script where there is one, so that the process has its name; else Python with the entry point."""
    script = Path(sysconfig.get_path("scripts"), entry.name)
    if script.is_file():
        return [str(script)]
    return [sys.executable, "-c", f"import sys, {entry.module} as m; sys.exit(m.{entry.attr}())"]
