"""rclpy.event_handler: what DDS tells about an endpoint, delivered by the executor."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from cyclonedds.core import DDSStatus

from .qos import QoSPolicyKind
from .waitable import Waitable

# DDS policy ids (DDS 1.4, 2.3.3) that ROS 2 has kinds for.
_KINDS = {
    2: QoSPolicyKind.DURABILITY,
    4: QoSPolicyKind.DEADLINE,
    8: QoSPolicyKind.LIVELINESS,
    11: QoSPolicyKind.RELIABILITY,
    13: QoSPolicyKind.HISTORY,
    21: QoSPolicyKind.LIFESPAN,
}


class QoSPublisherEventType(IntEnum):
    RCL_PUBLISHER_OFFERED_DEADLINE_MISSED = 0
    RCL_PUBLISHER_LIVELINESS_LOST = 1
    RCL_PUBLISHER_OFFERED_INCOMPATIBLE_QOS = 2
    RCL_PUBLISHER_MATCHED = 4


class QoSSubscriptionEventType(IntEnum):
    RCL_SUBSCRIPTION_REQUESTED_DEADLINE_MISSED = 0
    RCL_SUBSCRIPTION_LIVELINESS_CHANGED = 1
    RCL_SUBSCRIPTION_REQUESTED_INCOMPATIBLE_QOS = 2
    RCL_SUBSCRIPTION_MESSAGE_LOST = 3
    RCL_SUBSCRIPTION_MATCHED = 5


class QoSIncompatible(NamedTuple):
    """An endpoint was found whose QoS does not fit."""

    total_count: int
    total_count_change: int
    last_policy_kind: QoSPolicyKind


class QoSMatched(NamedTuple):
    """An endpoint came or went."""

    total_count: int
    total_count_change: int
    current_count: int
    current_count_change: int


class QoSCounted(NamedTuple):
    """Something happened: a message was lost, a deadline missed, liveliness lost."""

    total_count: int
    total_count_change: int


class QoSLivelinessChanged(NamedTuple):
    """A publisher began or ceased to be alive."""

    alive_count: int
    not_alive_count: int
    alive_count_change: int
    not_alive_count_change: int


QoSRequestedIncompatibleQoSInfo = QoSOfferedIncompatibleQoSInfo = QoSIncompatible
QoSPublisherMatchedInfo = QoSSubscriptionMatchedInfo = QoSMatched
QoSMessageLostInfo = QoSCounted


def _incompatible(status: Any) -> QoSIncompatible:
    kind = _KINDS.get(status.last_policy_id, QoSPolicyKind.INVALID)
    return QoSIncompatible(status.total_count, status.total_count_change, kind)


def _plain(kind: type) -> Callable[[Any], Any]:
    return lambda status: kind(*(getattr(status, name) for name in kind._fields))


class _Event(NamedTuple):
    bit: int
    getter: str
    convert: Callable[[Any], Any]


_WRITER_EVENTS = {
    "incompatible_qos": _Event(DDSStatus.OfferedIncompatibleQos, "get_offered_incompatible_qos_status", _incompatible),
    "matched": _Event(DDSStatus.PublicationMatched, "get_publication_matched_status", _plain(QoSMatched)),
    "deadline": _Event(DDSStatus.OfferedDeadlineMissed, "get_offered_deadline_missed_status", _plain(QoSCounted)),
    "liveliness": _Event(DDSStatus.LivelinessLost, "get_liveliness_lost_status", _plain(QoSCounted)),
}
_READER_EVENTS = {
    "incompatible_qos": _Event(DDSStatus.RequestedIncompatibleQos, "get_requested_incompatible_qos_status", _incompatible),
    "matched": _Event(DDSStatus.SubscriptionMatched, "get_subscription_matched_status", _plain(QoSMatched)),
    "deadline": _Event(DDSStatus.RequestedDeadlineMissed, "get_requested_deadline_missed_status", _plain(QoSCounted)),
    "liveliness": _Event(DDSStatus.LivelinessChanged, "get_liveliness_changed_status", _plain(QoSLivelinessChanged)),
    "message_lost": _Event(DDSStatus.SampleLost, "get_sample_lost_status", _plain(QoSCounted)),
}


@dataclass
class PublisherEventCallbacks:
    """Callbacks of a publisher's events; without one for incompatible QoS, the logger warns."""

    deadline: Callable | None = None
    liveliness: Callable | None = None
    incompatible_qos: Callable | None = None
    matched: Callable | None = None
    use_default_callbacks: bool = True


@dataclass
class SubscriptionEventCallbacks:
    """Callbacks of a subscription's events; without one for incompatible QoS, the logger warns."""

    deadline: Callable | None = None
    liveliness: Callable | None = None
    message_lost: Callable | None = None
    incompatible_qos: Callable | None = None
    matched: Callable | None = None
    use_default_callbacks: bool = True


class EventHandler(Waitable):
    """Runs one event's callback in the executor."""

    def __init__(self, node: Any, group: Any, event: _Event, callback: Callable, endpoint: Any) -> None:
        super().__init__(node, group)
        self._changed = False
        self.event, self.callback, self._endpoint = (
            event,
            callback,
            endpoint,
        )  # its entity must die when it is closed

    def _take(self) -> Callable[[], Any] | None:
        entity = self._endpoint.entity
        if not self._changed or entity is None:
            return None
        self._changed = False
        info = self.event.convert(getattr(entity, self.event.getter)())
        return lambda: self.callback(info)

    def status_changed(self) -> None:
        self._changed = True
        self.flag()


def make_handlers(node: Any, group: Any, callbacks: Any, endpoint: Any, topic: str, writes: bool) -> list[EventHandler]:
    """The handlers of an endpoint's events, with the default warning about incompatible QoS where nothing else is
    asked."""
    events = _WRITER_EVENTS if writes else _READER_EVENTS

    def warn(info: QoSIncompatible) -> None:
        peer, verb = ("subscription", "requesting") if writes else ("publisher", "offering")
        sent = "sent to it" if writes else "received from it"
        node.get_logger().warning(
            f"New {peer} discovered on topic '{topic}', {verb} incompatible QoS. No messages will be {sent}. "
            f"Last incompatible policy: {info.last_policy_kind.name}"
        )

    chosen = {name: getattr(callbacks, name) for name in events if getattr(callbacks, name)}
    if callbacks.use_default_callbacks:
        chosen.setdefault("incompatible_qos", warn)
    return [EventHandler(node, group, events[name], callback, endpoint) for name, callback in chosen.items()]


def status_mask(handlers: list[EventHandler]) -> int:
    mask = 0
    for handler in handlers:
        mask |= handler.event.bit
    return mask


def tell(handlers: list[EventHandler], status: int) -> None:
    """Wake the handlers whose status bit is set."""
    for handler in handlers:
        if status & handler.event.bit:
            handler.status_changed()
