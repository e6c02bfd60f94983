"""Where code for real ROS 2 finds the errors of rclpy's C++ part."""

from .exceptions import RCLError


class InvalidHandle(Exception):
    """Something was used after its destruction."""


__all__ = ["InvalidHandle", "RCLError"]
