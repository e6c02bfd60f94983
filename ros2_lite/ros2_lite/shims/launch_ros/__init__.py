"""The part of ROS 2's `launch_ros` that starts nodes."""

from launch_ros import actions, parameter_descriptions, substitutions

__all__ = ["actions", "parameter_descriptions", "substitutions"]
