"""Start /depth_sr on the topics of a colour and a depth camera.

    ros2 launch depth_sr_ros sr.launch.py method:=fdkn scale:=8 rgb:=/camera/color depth:=/camera/depth
    ros2 launch depth_sr_ros sr.launch.py --show-args

Parameters come from params_file; an argument that is given overrides it.
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from depth_sr_ros.node.launch_arguments import ARGUMENTS, describe, given, typed

DEFAULTS = Path(__file__).resolve().parent.parent / "config" / "depth_sr.yaml"

TOPICS = {
    "rgb": ("camera/color", "namespace of the colour camera: its image_raw and camera_info are subscribed"),
    "depth": ("camera/depth", "namespace of the depth camera: its image_raw and camera_info are subscribed"),
    "rgb_image": ("", "topic of the colour images, where it is not RGB/image_raw"),
    "rgb_camera_info": ("", "topic of the colour camera's camera_info, where it is not RGB/camera_info"),
    "depth_image": ("", "topic of the depth images, where it is not DEPTH/image_raw"),
    "depth_camera_info": ("", "topic of the depth camera's camera_info, where it is not DEPTH/camera_info"),
}
NODE = {
    "name": ("depth_sr", "name of the node"),
    "namespace": ("", "namespace of the node, in which topics without a leading slash lie too"),
    "params_file": (str(DEFAULTS), "YAML file of the node's parameters"),
    "log_level": ("info", "debug, info, warn, error or fatal"),
    "required": ("true", "whether the launch ends, with status 1, where the node ends with an error"),
}


def remappings(value):
    """From the node's topics to the cameras', each by its own argument or below its camera's namespace."""
    return [
        (f"{stream}/{ours}", value[f"{stream}_{ours}"] or f"{value[stream].rstrip('/')}/{theirs}")
        for stream in ("rgb", "depth")
        for ours, theirs in (("image", "image_raw"), ("camera_info", "camera_info"))
    ]


def on_exit(event, context):
    """A node that ends with an error makes the launch fail."""
    if event.returncode and not context.is_shutdown:
        raise RuntimeError(f"{event.process_name} ended with exit status {event.returncode}")


def start_node(context):
    """The node, remapped to the cameras' topics."""
    value = {name: LaunchConfiguration(name).perform(context) for name in (*TOPICS, *NODE, *ARGUMENTS)}
    parameters = given({name: value[name] for name in ARGUMENTS})
    if not Path(value["params_file"]).is_file():
        raise FileNotFoundError(f"params_file is {value['params_file']!r}; there is no such file")
    node = Node(
        package="depth_sr_ros",
        executable="depth_sr_node",
        name=value["name"],
        namespace=value["namespace"],
        output="screen",
        parameters=[value["params_file"], *([parameters] if parameters else [])],
        remappings=remappings(value),
        ros_arguments=["--log-level", value["log_level"]],
        sigterm_timeout="20",  # a frame that is being computed on a busy machine may take seconds to end
    )
    if not typed("required", value["required"], bool):
        return [node]
    return [RegisterEventHandler(OnProcessExit(target_action=node, on_exit=on_exit)), node]


def generate_launch_description():
    """Arguments first, so that --show-args lists them."""
    own = [
        DeclareLaunchArgument(name, default_value=value, description=text) for name, (value, text) in {**TOPICS, **NODE}.items()
    ]
    parameters = [DeclareLaunchArgument(name, default_value="", description=describe(row)) for name, row in ARGUMENTS.items()]
    return LaunchDescription([*own, *parameters, OpaqueFunction(function=start_node)])
