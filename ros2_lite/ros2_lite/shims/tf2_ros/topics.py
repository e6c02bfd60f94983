"""The topics of transforms, and their message, which not every environment has."""

from typing import Any

from rclpy.qos import DurabilityPolicy, QoSProfile

DYNAMIC, STATIC = "/tf", "/tf_static"


def profile(topic: str, depth: int) -> QoSProfile:
    """Return the topic's profile; static transforms reach those who come late."""
    durability = DurabilityPolicy.TRANSIENT_LOCAL if topic == STATIC else DurabilityPolicy.VOLATILE
    return QoSProfile(depth=depth, durability=durability)


def message_class(node: Any) -> type | None:
    """Return TFMessage; None, and a warning, where tf2_msgs is not installed."""
    try:
        from tf2_msgs.msg import TFMessage
    except ImportError:
        node.get_logger().warning("tf2_msgs is not installed, so /tf and /tf_static are neither read nor written", once=True)
        return None
    return TFMessage
