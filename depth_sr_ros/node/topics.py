"""A subscribed topic whose quality of service follows its publishers.

Images that a publisher offers reliably are taken reliably: large best-effort messages are lost where they need not be. A
camera_info that is latched (transient local) is received although it was sent before. Where publishers differ, or none is
there yet, the subscription asks for the least, which fits all. Parameters qos_overrides.TOPIC.subscription.POLICY decide
over it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSCompatibility, QoSProfile, ReliabilityPolicy, qos_check_compatible

from depth_sr_ros.node.config import ParameterError

QUEUE = 5  # messages
FOLLOW = "best_available"  # ROS 2's own word, since Iron, for what follows the publishers
POLICIES = {"reliability": ReliabilityPolicy, "durability": DurabilityPolicy, "history": HistoryPolicy}


class Topic:
    """A topic that is subscribed while it is open.

    Attributes:
        name: fully qualified, remapped.
        type_name: of its messages, as ROS writes it.
        publishers: what was known of its publishers when it was followed last.
        qos: what it is, or would be, subscribed with.

    Args:
        node: subscribes.
        message_type: class of the messages.
        name: as the node calls it.
        receive: called with every message.
        instead: full names; the first of them that has a publisher is taken where the topic has none.

    Raises:
        ParameterError: a qos_override is none.
    """

    def __init__(
        self, node: Node, message_type: type, name: str, receive: Callable[[Any], None], instead: Sequence[str] = ()
    ) -> None:
        self._node = node
        self._message_type = message_type
        self._own_name = name
        self._receive = receive
        self._subscription: Any = None
        self.name = node.resolve_topic_name(name)
        self.type_name = f"{message_type.__module__.split('.')[0]}/msg/{message_type.__name__}"
        self.publishers: Sequence[Any] = ()
        self._choices = {choice: _declare_overrides(node, choice) for choice in (self.name, *instead)}
        self._overrides = self._choices[self.name]
        self.qos = self._fitting()

    @property
    def is_open(self) -> bool:
        """Whether it is subscribed."""
        return self._subscription is not None

    def open(self) -> None:
        """Subscribe, unless it is."""
        if not self.is_open:
            self._subscription = self._node.create_subscription(self._message_type, self._own_name, self._receive, self.qos)

    def close(self) -> None:
        """Unsubscribe, if it is."""
        if self.is_open:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def follow(self) -> None:
        """Look at the publishers; subscribe anew where they offer something else than they did."""
        self.publishers = self._node.get_publishers_info_by_topic(self.name)
        for other in () if self.publishers else self._choices:
            if other != self.name and self._node.count_publishers(other):
                self._take(other)
                break
        qos = self._fitting()
        if self.publishers and qos != self.qos:
            self.qos = qos
            if self.is_open:
                self.close()
                self.open()

    def _take(self, other: str) -> None:
        """Be another topic from now on."""
        was_open = self.is_open
        self.close()
        self.name = self._own_name = other
        self._overrides = self._choices[other]
        self.publishers = self._node.get_publishers_info_by_topic(other)
        self.qos = self._fitting()
        if was_open:
            self.open()

    def misfits(self) -> list[str]:
        """Why DDS does not connect a publisher, for each that it does not."""
        return [reason for publisher in self.publishers if (reason := self._misfit(publisher))]

    def _misfit(self, publisher: Any) -> str:
        if publisher.topic_type != self.type_name:
            return f"it sends {publisher.topic_type}, expected is {self.type_name}"
        compatibility, reason = qos_check_compatible(publisher.qos_profile, self.qos)
        return f"{reason} (see qos_overrides)" if compatibility == QoSCompatibility.ERROR else ""

    def _fitting(self) -> QoSProfile:
        """The most that every publisher offers, and what is overridden."""
        offered = [publisher.qos_profile for publisher in self.publishers]
        reliable = offered and all(qos.reliability == ReliabilityPolicy.RELIABLE for qos in offered)
        latched = offered and all(qos.durability == DurabilityPolicy.TRANSIENT_LOCAL for qos in offered)
        following = {
            "reliability": ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
            "durability": DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
        }
        return QoSProfile(**{**following, **self._overrides})


def _declare_overrides(node: Node, topic: str) -> dict[str, Any]:
    """The policies that parameters decide over, by name."""
    defaults = {"reliability": FOLLOW, "durability": FOLLOW, "history": "keep_last", "depth": QUEUE}
    overrides = {}
    for policy, default in defaults.items():
        name = f"qos_overrides.{topic}.subscription.{policy}"
        if not node.has_parameter(name):
            descriptor = ParameterDescriptor(description=f"{policy} of the subscription of {topic}", read_only=True)
            try:
                node.declare_parameter(name, default, descriptor)
            except ParameterException as error:
                raise ParameterError(str(error)) from None
        value = node.get_parameter(name).value
        if value != FOLLOW:
            overrides[policy] = _policy(name, policy, value)
    return overrides


def _policy(name: str, policy: str, value: Any) -> Any:
    if policy == "depth":
        if value < 1:
            raise ParameterError(f"{name} is {value}; it must be at least 1")
        return value
    valid = [word for word in POLICIES[policy].short_keys() if word not in ("unknown", FOLLOW)]
    if value not in valid:
        follow = [FOLLOW] if policy != "history" else []
        raise ParameterError(f"{name} is {value!r}; valid: {', '.join(follow + valid)}")
    return POLICIES[policy][value.upper()]
