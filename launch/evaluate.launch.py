"""Compare methods on a recording: `depth-sr replay`, for whoever launches everything.

    ros2 launch depth_sr_ros evaluate.launch.py bag:=recording methods:=fdkn,ahmf,bicubic scale:=8 html:=page.html

Ends by itself, with exit status 0 where everything went well. `depth-sr replay --help` says more of each argument.
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, EmitEvent, OpaqueFunction, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

ARGUMENTS = {
    "bag": (None, "folder of a rosbag2 recording, or a .bag file of ROS 1"),
    "methods": ("fdkn,bicubic", "names, with commas between them"),
    "scale": ("8", "by which depth is lowered and upsampled"),
    "degradation": ("median", "how depth is lowered: median, mean, decimated, bicubic, tof or none"),
    "rate": ("1.0", "how much faster than recorded it is played to the node"),
    "faster_than_real_time": ("false", "frame by frame without a node: every pair is used"),
    "json": ("", "file that all figures are written to"),
    "html": ("", "file that a page with pictures and curves is written to"),
    "bag_out": ("", "folder that the results are written to, as a recording for each method"),
}


def start(context):
    """The command, with the arguments that were given."""
    value = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    options = [f"--{name}={value[name]}" for name in ("methods", "scale", "degradation", "rate")]
    options += [f"--{name.replace('_', '-')}={value[name]}" for name in ("json", "html", "bag_out") if value[name]]
    if value["faster_than_real_time"].lower() == "true":
        options.append("--faster-than-real-time")
    return [Node(package="depth_sr_ros", executable="depth-sr", output="screen", arguments=["replay", value["bag"], *options])]


def on_exit(event, context):
    """The launch ends as the command does."""
    if context.is_shutdown:
        return None
    if event.returncode:
        raise RuntimeError(f"{event.process_name} ended with exit status {event.returncode}")
    return EmitEvent(event=Shutdown(reason="the replay is over"))


def generate_launch_description():
    """Arguments first, so that --show-args lists them."""
    arguments = [
        DeclareLaunchArgument(name, default_value=value, description=text) for name, (value, text) in ARGUMENTS.items()
    ]
    return LaunchDescription([*arguments, RegisterEventHandler(OnProcessExit(on_exit=on_exit)), OpaqueFunction(function=start)])
