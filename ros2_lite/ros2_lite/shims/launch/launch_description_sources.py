"""Where launch descriptions come from."""

import importlib.util
from pathlib import Path

from launch.substitution import describe, perform


class InvalidLaunchFileError(RuntimeError):
    """A launch file that cannot be used; the text says which and why."""


class PythonLaunchDescriptionSource:
    """A Python launch file, at a path that may hold substitutions."""

    def __init__(self, launch_file_path):
        self._path = launch_file_path

    @property
    def location(self):
        return describe(self._path)

    def get_launch_description(self, context):
        """What the file's `generate_launch_description()` returns."""
        return load_launch_file(perform(context, self._path))


def load_launch_file(path):
    """The LaunchDescription of the Python launch file at `path`; InvalidLaunchFileError where it is none."""
    path = Path(path)
    if not path.is_file():
        raise InvalidLaunchFileError(f"launch file '{path}' does not exist")
    spec = importlib.util.spec_from_file_location("launch_file", path)
    if spec is None:
        raise InvalidLaunchFileError(f"launch file '{path}' is not a Python file; XML and YAML need the real ROS 2")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, "generate_launch_description"):
        raise InvalidLaunchFileError(f"launch file '{path}' has no function generate_launch_description()")
    return module.generate_launch_description()
