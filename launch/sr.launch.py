"""Start /depth_sr on the topics of a colour and a depth camera.

    ros2 launch depth_sr_ros sr.launch.py method:=fdkn scale:=8 rgb:=/camera/color depth:=/camera/depth
    ros2 launch depth_sr_ros sr.launch.py camera:=realsense_d435
    ros2 launch depth_sr_ros sr.launch.py --show-args

Parameters come from params_file; what the camera's file says overrides it, and an argument that is given both.
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from depth_sr_ros.node.launch_arguments import ARGUMENTS, camera_preset, describe, given, typed

DEFAULTS = Path(__file__).resolve().parent.parent / "config" / "depth_sr.yaml"

CAMERAS = Path(__file__).resolve().parent.parent / "config" / "cameras"
TOPICS = {
    "camera": ("", "kind of camera, whose topics and parameters are taken: a name from config/cameras, or a file like these"),
    "rgb": ("camera/color", "namespace of the colour camera: its camera_info, and image_rect_raw, image_rect or image_raw"),
    "depth": ("camera/depth", "namespace of the depth camera: its camera_info, and image_rect_raw, image_rect or image_raw"),
    "rgb_image": ("", "topic of the colour images, where it is none of RGB's"),
    "rgb_info": ("", "topic of the colour camera's camera_info, where it is not RGB/camera_info"),
    "depth_image": ("", "topic of the depth images, where it is none of DEPTH's"),
    "depth_info": ("", "topic of the depth camera's camera_info, where it is not DEPTH/camera_info"),
}
NODE = {
    "name": ("depth_sr", "name of the node"),
    "namespace": ("", "namespace of the node, in which topics without a leading slash lie too"),
    "params_file": (str(DEFAULTS), "YAML file of the node's parameters"),
    "log_level": ("info", "debug, info, warn, error or fatal"),
    "required": ("true", "whether the launch ends, with status 1, where the node ends with an error"),
}


def remappings(value, preset):
    """From the node's topics to the cameras': by their own argument, their camera's namespace, the kind of camera.

    A topic that ends in /image stands for the usual names of images beside it: the node takes the one that is published.
    """
    topics = []
    for stream in ("rgb", "depth"):
        is_given = value[stream] != TOPICS[stream][0]
        for kind, ours in (("image", "image"), ("info", "camera_info")):
            name = f"{stream}_{kind}"
            usual = f"{value[stream].rstrip('/')}/{ours}"
            topics.append((f"{stream}/{ours}", value[name] or (usual if is_given else preset.get(name, usual))))
    return topics


def on_exit(event, context):
    """A node that ends with an error makes the launch fail."""
    if event.returncode and not context.is_shutdown:
        raise RuntimeError(f"{event.process_name} ended with exit status {event.returncode}")


def start_node(context):
    """The node, remapped to the cameras' topics."""
    value = {name: LaunchConfiguration(name).perform(context) for name in (*TOPICS, *NODE, *ARGUMENTS)}
    preset = camera_preset(value["camera"], CAMERAS)
    parameters = preset.parameters | given({name: value[name] for name in ARGUMENTS})
    if not Path(value["params_file"]).is_file():
        raise FileNotFoundError(f"params_file is {value['params_file']!r}; there is no such file")
    node = Node(
        package="depth_sr_ros",
        executable="depth_sr_node",
        name=value["name"],
        namespace=value["namespace"],
        output="screen",
        parameters=[value["params_file"], *([parameters] if parameters else [])],
        remappings=remappings(value, preset.topics),
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
