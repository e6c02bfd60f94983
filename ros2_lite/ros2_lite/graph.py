"""The ROS graph: which nodes exist and which endpoints are theirs.

Every participant writes on `ros_discovery_info` which gids belong to which of its nodes, anew at each change; names and
types of the endpoints come from DDS's own built-in topics. Both are read when somebody asks.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cyclonedds.builtin import (
    BuiltinDataReader,
    BuiltinTopicDcpsParticipant,
    BuiltinTopicDcpsPublication,
    BuiltinTopicDcpsSubscription,
)
from cyclonedds.core import InstanceState, Policy, Qos
from cyclonedds.util import duration

from . import distro, types
from .transport import Participant

_INFO = "rmw_dds_common/msg/ParticipantEntitiesInfo"
_PREFIXES = ("rt/", "rq/", "rr/")


@dataclass
class NodeEntry:
    """A node and the gids of its endpoints."""

    namespace: str
    name: str
    readers: set[bytes] = field(default_factory=set)
    writers: set[bytes] = field(default_factory=set)

    @property
    def full_name(self) -> str:
        return f"{self.namespace.rstrip('/')}/{self.name}"


@dataclass(frozen=True)
class EndpointEntry:
    """One endpoint of the graph: DDS topic with ROS prefix, ROS type, gid, QoS, and its node where that is known."""

    topic: str
    type_name: str
    gid: bytes
    qos: Qos
    is_writer: bool
    node: NodeEntry | None

    @property
    def type_hash(self) -> str:
        """The REP-2016 hash that the endpoint announces, or ''."""
        text = bytes(self.qos[Policy.Userdata].data).decode(errors="replace") if Policy.Userdata in self.qos else ""
        pairs = (part.partition("=") for part in text.split(";"))
        return next((value for key, _, value in pairs if key == "typehash"), "")


def _gid(octets: bytes) -> Any:
    return types.message_class("rmw_dds_common/msg/Gid")(data=octets.ljust(distro.GID_SIZE, b"\0"))


class _Known:
    """What a built-in reader has told, by key."""

    def __init__(self, participant: Participant, topic: Any) -> None:
        self._reader = BuiltinDataReader(participant.entity, topic)
        self.entries: dict[bytes, Any] = {}

    def refresh(self) -> dict[bytes, Any]:
        while samples := self._reader.take(N=100):
            for sample in samples:
                if sample.sample_info.instance_state == InstanceState.Alive:
                    self.entries[sample.key.bytes] = sample
                else:
                    self.entries.pop(sample.key.bytes, None)
        return self.entries


class Graph:
    """This participant's nodes, told to the others, and the others', learnt from them. Safe from many threads."""

    def __init__(self, participant: Participant) -> None:
        self._participant = participant
        self._lock = threading.RLock()
        self._local: list[NodeEntry] = []
        self._told: dict[bytes, list[NodeEntry]] = {}
        qos = [Policy.Reliability.Reliable(duration(seconds=1)), Policy.Durability.TransientLocal]
        kind = types.topic_type(_INFO)
        self._writer = participant.writer("ros_discovery_info", kind, Qos(Policy.History.KeepLast(1), *qos))
        self._reader = participant.reader("ros_discovery_info", kind, Qos(Policy.History.KeepAll, *qos))
        self._participants = _Known(participant, BuiltinTopicDcpsParticipant)
        self._publications = _Known(participant, BuiltinTopicDcpsPublication)
        self._subscriptions = _Known(participant, BuiltinTopicDcpsSubscription)
        self._reader.listen(lambda _: self._read_told())  # as it comes, so that KeepAll keeps nothing for long

    def add_node(self, node: NodeEntry) -> None:
        """Make a node of this process known."""
        with self._lock:
            self._local.append(node)
            self.tell()

    def remove_node(self, node: NodeEntry) -> None:
        with self._lock:
            self._local.remove(node)
            self.tell()

    def tell(self) -> None:
        """Write this participant's nodes and endpoints anew."""
        info, entities = (
            types.message_class(_INFO),
            types.message_class("rmw_dds_common/msg/NodeEntitiesInfo"),
        )
        with self._lock:
            nodes = [
                entities(
                    node_namespace=node.namespace,
                    node_name=node.name,
                    reader_gid_seq=[_gid(gid) for gid in sorted(node.readers)],
                    writer_gid_seq=[_gid(gid) for gid in sorted(node.writers)],
                )
                for node in self._local
            ]
            message = info(gid=_gid(self._participant.guid), node_entities_info_seq=nodes)
            self._writer.write(types.serialise(message))

    def _read_told(self) -> None:
        with self._lock:
            while taken := self._reader.take(lambda payload: types.deserialise(_INFO, payload)):
                gids = lambda sequence: {bytes(gid.data)[:16] for gid in sequence}  # noqa: E731
                self._told[bytes(taken[0].gid.data)[:16]] = [
                    NodeEntry(
                        node.node_namespace,
                        node.node_name,
                        gids(node.reader_gid_seq),
                        gids(node.writer_gid_seq),
                    )
                    for node in taken[0].node_entities_info_seq
                ]

    def nodes(self) -> list[NodeEntry]:
        """All nodes, those of this process included, in order of their names."""
        with self._lock:
            self._read_told()
            alive = self._participants.refresh()
            self._told = {gid: nodes for gid, nodes in self._told.items() if gid in alive}
            others = [node for gid, nodes in self._told.items() if gid != self._participant.guid for node in nodes]
            return sorted(self._local + others, key=lambda node: node.full_name)

    def endpoints(self) -> list[EndpointEntry]:
        """All endpoints of ROS topics, services and actions, ours included."""
        with self._lock:
            owners = {gid: node for node in self.nodes() for gid in node.readers | node.writers}
            return [
                EndpointEntry(
                    entry.topic_name,
                    types.ros_name(entry.type_name),
                    gid,
                    entry.qos,
                    is_writer,
                    owners.get(gid),
                )
                for known, is_writer in ((self._publications, True), (self._subscriptions, False))
                for gid, entry in known.refresh().items()
                if entry.topic_name.startswith(_PREFIXES)
            ]

    def topics(self, endpoints: Iterable[EndpointEntry] | None = None) -> list[tuple[str, list[str]]]:
        """(topic, its types) of all topics or of the given endpoints, by name."""
        found: dict[str, set[str]] = {}
        for endpoint in self.endpoints() if endpoints is None else endpoints:
            if endpoint.topic.startswith("rt/"):
                found.setdefault(endpoint.topic[2:], set()).add(endpoint.type_name)
        return [(name, sorted(kinds)) for name, kinds in sorted(found.items())]

    def services(self, endpoints: Iterable[EndpointEntry] | None = None, servers: bool = True) -> list[tuple[str, list[str]]]:
        """(service, its types) that have servers, or with servers=False clients, among all or the given endpoints."""
        found: dict[str, set[str]] = {}
        for endpoint in self.endpoints() if endpoints is None else endpoints:
            if endpoint.topic.startswith("rq/") and endpoint.is_writer != servers:
                name = endpoint.topic[2:].removesuffix("Request")
                found.setdefault(name, set()).add(endpoint.type_name.removesuffix("_Request"))
        return [(name, sorted(kinds)) for name, kinds in sorted(found.items())]

    def close(self) -> None:
        """Drop the built-in readers; the participant deletes the DDS entities."""
        self._writer.close()
        self._reader.close()
