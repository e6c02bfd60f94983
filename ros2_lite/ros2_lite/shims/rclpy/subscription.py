"""rclpy.subscription."""

import inspect
from collections.abc import Callable
from typing import Any

from cyclonedds.core import DDSStatus

from ros2_lite import domain, types

from .event_handler import SubscriptionEventCallbacks, make_handlers, status_mask, tell
from .qos import QoSProfile, to_dds
from .waitable import Waitable

_LARGE = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/PointCloud2")


def _takes_info(callback: Callable) -> bool:
    """Whether a callback wants (message, info) instead of (message)."""
    try:
        parameters = inspect.signature(callback).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.default is p.empty and p.kind in positional for p in parameters) == 2


class Subscription(Waitable):
    """Hands messages of one topic to a callback. Samples wait in DDS, so no more than the QoS depth are ever held."""

    def __init__(
        self,
        node: Any,
        msg_type: type,
        topic: str,
        callback: Callable,
        qos: QoSProfile,
        group: Any,
        callbacks: Any,
        raw: bool,
    ) -> None:
        super().__init__(node, group)
        self.msg_type, self.qos_profile, self.raw, self.callback = msg_type, qos, raw, callback
        self.topic = self.topic_name = topic
        self._with_info = _takes_info(callback)
        self._logger = node.get_logger()
        if msg_type.__rostype__ in _LARGE and (advice := domain.receive_buffer_advice()):
            self._logger.warning(advice, once=True)
        self._reader = node.context.participant.reader(
            f"rt{topic}",
            types.topic_type(msg_type.__rostype__),
            to_dds(qos, node.user_data(msg_type.__rostype__), writes=False),
        )
        self.event_handlers = make_handlers(
            node, group, callbacks or SubscriptionEventCallbacks(), self._reader, topic, writes=False
        )
        self._reader.entity.set_status_mask(DDSStatus.DataAvailable | status_mask(self.event_handlers))

    def start(self) -> None:
        """Begin to listen, once the node knows this subscription."""
        self._reader.listen(self._status_changed)
        self.flag()

    @property
    def guid(self) -> bytes:
        return self._reader.guid

    def _status_changed(self, status: int) -> None:
        if status & DDSStatus.DataAvailable:
            self.flag()
        tell(self.event_handlers, status)

    def _decode(self, payload: memoryview) -> Any:
        return bytes(payload) if self.raw else types.deserialise(self.msg_type.__rostype__, payload)

    def _take(self) -> Callable[[], Any] | None:
        try:
            taken = self._reader.take(self._decode)
        except ValueError as error:
            complaint = f"{self.topic}: {error}"
            return lambda: self._logger.error(complaint, throttle_duration_sec=5.0)
        if taken is None:
            return None
        message, info = taken
        if not self._with_info:
            return lambda: self.callback(message)
        details = {
            "source_timestamp": info.source_timestamp,
            "received_timestamp": 0,
            "publication_sequence_number": None,
            "reception_sequence_number": None,
        }
        return lambda: self.callback(message, details)

    def get_publisher_count(self) -> int:
        """How many publishers reach this subscription."""
        return len(self._reader.matched())

    def _close(self) -> None:
        for handler in self.event_handlers:
            handler.destroy()
        self._reader.close()
