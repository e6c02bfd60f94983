"""The part of ROS 2's `launch` that Python launch files of single nodes and demos use."""

from launch import actions, conditions, event_handlers, events, launch_description_sources, substitutions
from launch.action import Action, LaunchDescription
from launch.launch_context import LaunchContext
from launch.launch_service import LaunchService
from launch.substitution import Substitution

__all__ = [
    "Action",
    "LaunchContext",
    "LaunchDescription",
    "LaunchService",
    "Substitution",
    "actions",
    "conditions",
    "event_handlers",
    "events",
    "launch_description_sources",
    "substitutions",
]
