"""rclpy.topic_endpoint_info."""

from dataclasses import dataclass
from enum import IntEnum

from .duration import Duration, Infinite
from .qos import QoSProfile


class TopicEndpointTypeEnum(IntEnum):
    INVALID = 0
    PUBLISHER = 1
    SUBSCRIPTION = 2


@dataclass(frozen=True)
class TopicEndpointInfo:
    """One publisher or subscription of a topic."""

    node_name: str
    node_namespace: str
    topic_type: str
    topic_type_hash: str
    endpoint_type: TopicEndpointTypeEnum
    endpoint_gid: list[int]
    qos_profile: QoSProfile

    def __str__(self) -> str:
        """The lines of `ros2 topic info --verbose`."""
        qos = self.qos_profile
        depth = f" ({qos.depth})" if qos.depth else ""
        return "\n".join(
            (
                f"Node name: {self.node_name}",
                f"Node namespace: {self.node_namespace}",
                f"Topic type: {self.topic_type}",
                f"Topic type hash: {self.topic_type_hash}",
                f"Endpoint type: {self.endpoint_type.name}",
                f"GID: {'.'.join(f'{octet:02x}' for octet in self.endpoint_gid)}",
                "QoS profile:",
                f"  Reliability: {qos.reliability.name}",
                f"  History (Depth): {qos.history.name}{depth}",
                f"  Durability: {qos.durability.name}",
                f"  Lifespan: {_span(qos.lifespan)}",
                f"  Deadline: {_span(qos.deadline)}",
                f"  Liveliness: {qos.liveliness.name}",
                f"  Liveliness lease duration: {_span(qos.liveliness_lease_duration)}",
            )
        )


def _span(duration: Duration) -> str:
    return "Infinite" if duration == Infinite() else f"{duration.nanoseconds} nanoseconds"
