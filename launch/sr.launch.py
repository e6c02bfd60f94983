"""Start /depth_sr on the topics of a colour and a depth camera.

    ros2 launch depth_sr_ros sr.launch.py method:=fdkn scale:=8 rgb:=/camera/color depth:=/camera/depth
    ros2 launch depth_sr_ros sr.launch.py --show-args

Parameters come from params_file; an argument that is given overrides it.
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from depth_sr_ros.node.launch_arguments import typed

DEFAULTS = Path(__file__).resolve().parent.parent / "config" / "depth_sr.yaml"

TOPICS = {
    "rgb": ("camera/color", "namespace of the colour camera: its image_raw and camera_info are subscribed"),
    "depth": ("camera/depth", "namespace of the depth camera: its image_raw and camera_info are subscribed"),
    "params_file": (str(DEFAULTS), "YAML file of the node's parameters"),
    "log_level": ("info", "debug, info, warn, error or fatal"),
}

PARAMETERS = {  # `ros2 param describe /depth_sr NAME` says more of each
    "method": (str, "method that upsamples the depth"),
    "scale": (int, "the output has this many times the depth image's resolution"),
    "backend": (str, "runtime of the network, or auto"),
    "precision": (str, "arithmetic of the network: auto, f32, bf16"),
    "weights": (str, "safetensors file of the method's weights"),
    "output_encoding": (str, "32FC1 (metres, NaN unknown) or 16UC1 (millimetres, 0 unknown)"),
    "fill_holes": (bool, "give depth also where the sensor saw none"),
    "clip_to_measured": (bool, "give no depth nearer or farther than what was measured around it; without consistency only"),
    "consistency": (bool, "make the output reduce exactly to the measurement: for exact sensors only"),
    "iterations": (int, "steps of a method that iterates; 0 takes the method's own number"),
    "min_depth": (float, "metres; nearer depth counts as unknown"),
    "max_depth": (float, "metres; further depth counts as unknown"),
    "sync_tolerance_ms": (float, "largest difference between the stamps of a pair"),
    "rgb_offset_ms": (float, "added to the colour stamps before pairing"),
    "max_latency_ms": (float, "frames older than this when their turn comes are dropped; 0 drops none"),
    "rgb_transport": (str, "raw or compressed"),
    "depth_transport": (str, "raw, compressed or compressedDepth"),
    "use_sim_time": (bool, "take the time from /clock, as with `ros2 bag play --clock`"),
}


def given_parameters(context):
    """Those that were given, each of its own type: the node takes no 5 for a 5.0."""
    given = {name: LaunchConfiguration(name).perform(context) for name in PARAMETERS}
    return {name: typed(name, text, PARAMETERS[name][0]) for name, text in given.items() if text}


def start_node(context):
    """The node, remapped to the cameras' topics."""
    given = given_parameters(context)
    value = {name: LaunchConfiguration(name).perform(context) for name in TOPICS}
    if not Path(value["params_file"]).is_file():
        raise FileNotFoundError(f"params_file is {value['params_file']!r}; there is no such file")
    remappings = [
        (f"{stream}/{ours}", f"{value[stream].rstrip('/')}/{theirs}")
        for stream in ("rgb", "depth")
        for ours, theirs in (("image", "image_raw"), ("camera_info", "camera_info"))
    ]
    return [
        Node(
            package="depth_sr_ros",
            executable="depth_sr_node",
            name="depth_sr",
            output="screen",
            parameters=[value["params_file"], *([given] if given else [])],
            remappings=remappings,
            ros_arguments=["--log-level", value["log_level"]],
            sigterm_timeout="20",  # a frame that is being computed on a busy machine may take seconds to end
        ),
    ]


def generate_launch_description():
    """Arguments first, so that --show-args lists them."""
    topics = [DeclareLaunchArgument(name, default_value=value, description=text) for name, (value, text) in TOPICS.items()]
    parameters = [
        DeclareLaunchArgument(name, default_value="", description=f"{text} (empty: as params_file says)")
        for name, (_, text) in PARAMETERS.items()
    ]
    return LaunchDescription([*topics, *parameters, OpaqueFunction(function=start_node)])
