"""Show /depth_sr on a simulated camera: figures on the terminal, a picture and a summary in output_dir.

    ros2 launch depth_sr_ros demo.launch.py method:=fdkn scale:=8

Ends by itself, with exit status 0 where everything went well.
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from depth_sr_ros.node.launch_arguments import typed

HERE = Path(__file__).resolve().parent

ARGUMENTS = {
    "method": ("fdkn", "method that upsamples the depth"),
    "scale": ("8", "the simulated depth image is 640 / scale x 480 / scale"),
    "backend": ("auto", "runtime of the network, or auto"),
    "duration": ("15", "seconds that are measured"),
    "output_dir": ("demo_output", "where preview.png and summary.json go"),
}


def start(context):
    """The simulated camera and who watches it; parameters have their own types."""
    value = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    watch = {"duration": typed("duration", value["duration"], float), "output_dir": value["output_dir"]}
    return [
        _node("camera", {"scale": typed("scale", value["scale"], int)}),
        _node("demo", watch),
    ]


def _node(name, parameters):
    return Node(
        package="depth_sr_ros",
        executable=f"{name}_node",
        name=name,
        output="screen",
        parameters=[parameters],
        sigterm_timeout="20",  # as in sr.launch.py
    )


def on_exit(event, context):
    """The first process that ends, ends the demo; an error makes the launch fail."""
    if context.is_shutdown:
        return None
    if event.returncode:
        raise RuntimeError(f"{event.process_name} ended with exit status {event.returncode}")
    return EmitEvent(event=Shutdown(reason="the demo is over"))


def generate_launch_description():
    """Arguments first, so that --show-args lists them."""
    arguments = [
        DeclareLaunchArgument(name, default_value=value, description=text) for name, (value, text) in ARGUMENTS.items()
    ]
    settings = {name: LaunchConfiguration(name) for name in ("method", "scale", "backend")}
    depth_sr = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(HERE / "sr.launch.py")),
        launch_arguments={**settings, "required": "false"}.items(),  # on_exit sees to it
    )
    end = RegisterEventHandler(OnProcessExit(on_exit=on_exit))
    return LaunchDescription([*arguments, end, depth_sr, OpaqueFunction(function=start)])
