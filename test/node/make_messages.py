"""Messages for the tests of the node, made as a driver would make them."""

import array

import numpy as np
from sensor_msgs.msg import CameraInfo, Image

FRAME = "camera_optical_frame"


def set_header(message, stamp_ns, frame=FRAME):
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 1_000_000_000)
    message.header.frame_id = frame
    return message


def image(pixels, encoding, stamp_ns=0, frame=FRAME, padding=0, big_endian=False):
    """A sensor_msgs/Image of an array, with `padding` bytes behind every row."""
    pixels = np.ascontiguousarray(pixels)
    if big_endian:
        pixels = pixels.astype(pixels.dtype.newbyteorder(">"))
    rows = pixels.view(np.uint8).reshape(len(pixels), -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=0xAA)
    message = Image(height=pixels.shape[0], width=pixels.shape[1], encoding=encoding, step=rows.shape[1])
    message.is_bigendian = int(big_endian)
    message.data = array.array("B", rows.tobytes())
    return set_header(message, stamp_ns, frame)


def camera_info(width, height, f, cx=None, cy=None, stamp_ns=0, frame=FRAME, tx=0.0):
    """A sensor_msgs/CameraInfo of a camera without distortion; the optical axis in the middle unless given."""
    cx = (width - 1) / 2 if cx is None else cx
    cy = (height - 1) / 2 if cy is None else cy
    message = CameraInfo(width=width, height=height, distortion_model="plumb_bob", d=[0.0] * 5)
    message.k = np.array([f, 0, cx, 0, f, cy, 0, 0, 1.0])
    message.p = np.array([f, 0, cx, tx, 0, f, cy, 0, 0, 0, 1.0, 0])
    message.r = np.eye(3).reshape(-1)
    return set_header(message, stamp_ns, frame)
