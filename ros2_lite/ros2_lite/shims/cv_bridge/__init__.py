"""ROS images to OpenCV's and back, as ROS 2's `cv_bridge` does it, with `step` and `is_bigendian` honoured."""

from cv_bridge.bridge import CvBridge
from cv_bridge.encodings import CvBridgeError

__all__ = ["CvBridge", "CvBridgeError"]
