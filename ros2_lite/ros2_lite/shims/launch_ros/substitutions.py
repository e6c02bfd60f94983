"""Substitutions that look into installed packages."""

from ament_index_python.packages import get_package_share_directory
from launch.substitution import Substitution, describe, perform

__all__ = ["FindPackageShare"]


class FindPackageShare(Substitution):
    """The package's share folder: launch files, configuration, models."""

    def __init__(self, package):
        self._package = package

    def perform(self, context):
        return get_package_share_directory(perform(context, self._package))

    def describe(self):
        return f"FindPackageShare({describe(self._package)})"
