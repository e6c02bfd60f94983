"""rclpy.publisher."""

from typing import Any

from cyclonedds.core import DDSException
from cyclonedds.util import duration

from ros2_lite import types

from .event_handler import PublisherEventCallbacks, make_handlers, status_mask, tell
from .exceptions import RCLError
from .qos import QoSProfile, to_dds


class Publisher:
    """Publishes messages of one type on one topic."""

    def __init__(self, node: Any, msg_type: type, topic: str, qos: QoSProfile, group: Any, callbacks: Any) -> None:
        self._node, self.msg_type, self.topic, self.topic_name, self.qos_profile = (
            node,
            msg_type,
            topic,
            topic,
            qos,
        )
        user_data = node.user_data(msg_type.__rostype__)
        self._writer = node.context.participant.writer(
            f"rt{topic}", types.topic_type(msg_type.__rostype__), to_dds(qos, user_data)
        )
        self.event_handlers = make_handlers(
            node, group, callbacks or PublisherEventCallbacks(), self._writer, topic, writes=True
        )
        self._writer.entity.set_status_mask(status_mask(self.event_handlers))
        self._writer.listen(lambda status: tell(self.event_handlers, status))

    @property
    def guid(self) -> bytes:
        return self._writer.guid

    @property
    def logger_name(self) -> str:
        return self._node.get_logger().name

    def publish(self, msg: Any) -> None:
        """Send a message, or octets that are one. Raises TypeError for another type, RCLError after shutdown.

        Where a reliable subscription has not acknowledged for a second the message is dropped, with a warning.
        """
        if isinstance(msg, (bytes, memoryview)):
            payload = memoryview(bytes(msg) + bytes(-len(msg) % 4))
        elif isinstance(msg, self.msg_type):
            payload = types.serialise(msg)
        else:
            raise TypeError(f"Expected {self.msg_type}, got {type(msg)}")
        if not self._node.context.ok():
            raise RCLError(f"Failed to publish on {self.topic}: the context is shut down")
        try:
            self._writer.write(payload)
        except DDSException as error:
            if error.code != DDSException.DDS_RETCODE_TIMEOUT:
                raise RCLError(f"Failed to publish on {self.topic}: {error}") from error
            self._node.get_logger().warning(
                f"dropped a message on {self.topic}: a reliable subscription does not acknowledge",
                throttle_duration_sec=5.0,
            )

    def get_subscription_count(self) -> int:
        """How many subscriptions this publisher reaches."""
        return len(self._writer.matched())

    def wait_for_all_acked(self, timeout: Any = None) -> bool:
        """Whether all reliable subscriptions have all messages within the timeout (a Duration; None: for ever)."""
        nanoseconds = duration(weeks=99999) if timeout is None else timeout.nanoseconds
        return self._writer.entity.wait_for_acks(nanoseconds)

    def destroy(self) -> None:
        for handler in self.event_handlers:
            handler.destroy()
        self._writer.close()
