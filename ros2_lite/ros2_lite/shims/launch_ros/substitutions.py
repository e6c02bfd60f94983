"""Substitutions that look into installed packages."""
from ament_index_python.packages import get_package_prefix, get_package_share_directory
from launch.substitution import Substitution, describe, perform

__all__ = ["FindPackagePrefix", "FindPackageShare"]


class FindPackagePrefix(Substitution):
    """Where the package is installed."""

    def __init__(self, package):
        self._package = package

    def perform(self, context):
        return get_package_prefix(perform(context, self._package))

    def describe(self):
        return f"{type(self).__name__}({describe(self._package)})"


class FindPackageShare(FindPackagePrefix):
    """The package's share folder: launch files, configuration, models."""

    def perform(self, context):
        return get_package_share_directory(perform(context, self._package))
