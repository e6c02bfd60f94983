"""rclpy.serialization."""

from typing import Any

from ros2_lite import types


def serialize_message(message: Any) -> bytes:
    """The message as CDR with encapsulation header."""
    return bytes(types.serialise(message))


def deserialize_message(serialized_message: bytes, message_type: Any) -> Any:
    """The message in its CDR. Raises ValueError where it is not one of this type."""
    return types.deserialise(message_type.__rostype__, memoryview(serialized_message))
