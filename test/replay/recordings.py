"""Small recordings of a colour and a depth camera, written with the real messages."""

import numpy as np
from make_messages import camera_info, image
from rclpy.serialization import serialize_message
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

STORE = get_typestore(Stores.ROS2_JAZZY)
START_NS = 1_700_000_000 * 10**9
PERIOD_NS = 33_333_333
COLOUR_FRAME, DEPTH_FRAME = "color_optical_frame", "depth_optical_frame"
WIDTH, HEIGHT, FOCAL = 48, 32, 40.0


def scene(number):
    """Colour (HEIGHT, WIDTH, 3) uint8 and depth in uint16 mm: a box that moves by a pixel a frame before a wall."""
    depth = np.full((HEIGHT, WIDTH), 3000, np.uint16)
    depth[8:24, 10 + number : 26 + number] = 1500
    depth[:3, :3] = 0
    rgb = np.full((HEIGHT, WIDTH, 3), (200, 180, 150), np.uint8)
    rgb[8:24, 10 + number : 26 + number] = (30, 60, 120)
    return rgb, depth


def write_recording(
    path,
    frames=4,
    *,
    names=None,
    infos=True,
    depth_frame=COLOUR_FRAME,
    offset_m=0.0,
    change=None,
    compress=False,
    with_transforms=True,
    **options,
):
    """Write a rosbag2 recording and return its path.

    names: of topics in place of /camera/{color,depth}/..., None for a topic that is left out. depth_frame: another one gets a
    /tf_static that puts it `offset_m` to the side. change: works on (topic, message) before it is written.
    """
    kinds = {"rgb": "Image", "depth": "Image", "rgb_info": "CameraInfo", "depth_info": "CameraInfo"}
    topics = {
        "rgb": "/camera/color/image_raw",
        "depth": "/camera/depth/image_raw",
        "rgb_info": "/camera/color/camera_info",
        "depth_info": "/camera/depth/camera_info",
        **(names or {}),
    }
    options = {"version": 9, "storage_plugin": StoragePlugin.MCAP, **options}
    writer = Writer(path, **options)
    if compress:
        writer.set_compression(CompressionMode.MESSAGE, CompressionFormat.ZSTD)
    with writer as bag:
        connections = {
            key: bag.add_connection(topic, f"sensor_msgs/msg/{kinds[key]}", typestore=STORE)
            for key, topic in topics.items()
            if topic and (infos or not key.endswith("info"))
        }
        if depth_frame != COLOUR_FRAME and with_transforms:
            tf = bag.add_connection("/tf_static", "tf2_msgs/msg/TFMessage", typestore=STORE)
            bag.write(tf, START_NS, _transforms(depth_frame, offset_m))
        for number in range(frames):
            stamp = START_NS + number * PERIOD_NS
            rgb, depth = scene(number)
            messages = {
                "rgb": image(rgb, "rgb8"),
                "depth": image(depth, "16UC1"),
                "rgb_info": camera_info(WIDTH, HEIGHT, FOCAL, stamp_ns=stamp),
                "depth_info": camera_info(WIDTH, HEIGHT, FOCAL, stamp_ns=stamp),
            }
            for key, connection in connections.items():
                message = messages[key]
                message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp, 10**9)
                message.header.frame_id = depth_frame if key.startswith("depth") else COLOUR_FRAME
                if change:
                    change(key, message)
                bag.write(connection, stamp, bytes(serialize_message(message)))
    return path


def _transforms(depth_frame, offset_m):
    """A tf2_msgs/TFMessage on the wire."""
    kinds = {name.rpartition("/")[2]: kind for name, kind in STORE.types.items()}
    header = kinds["Header"](kinds["Time"](0, 0), COLOUR_FRAME)
    transform = kinds["Transform"](kinds["Vector3"](offset_m, 0.0, 0.0), kinds["Quaternion"](0.0, 0.0, 0.0, 1.0))
    message = kinds["TFMessage"]([kinds["TransformStamped"](header, depth_frame, transform)])
    return STORE.serialize_cdr(message, message.__msgtype__)
