"""The part of ROS 2's `ament_index_python` that finds installed packages."""

from ament_index_python.packages import PackageNotFoundError, get_package_prefix, get_package_share_directory

__all__ = ["PackageNotFoundError", "get_package_prefix", "get_package_share_directory"]
