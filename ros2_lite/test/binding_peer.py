"""A process that knows ROS 2 only by its wire format: nothing but the cyclonedds binding, types written by
hand.

It waits for what a command line asks for and prints what it saw as one line of JSON.
"""

import json
import os
import sys
import time
from dataclasses import dataclass

from cyclonedds.core import Policy, Qos
from cyclonedds.domain import Domain, DomainParticipant
from cyclonedds.idl import IdlStruct
from cyclonedds.idl.types import (
    array,
    bounded_str,
    byte,
    float64,
    int32,
    int64,
    sequence,
    uint8,
    uint32,
    uint64,
)
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic

TIMEOUT_S = 45.0
CONFIGURATION = """<CycloneDDS><Domain><General><Interfaces><NetworkInterface
address="127.0.0.1"/></Interfaces>
<AllowMulticast>false</AllowMulticast></General><Discovery><ParticipantIndex>auto</ParticipantIndex>
<MaxAutoParticipantIndex>32</MaxAutoParticipantIndex><Peers><Peer
address="127.0.0.1"/></Peers></Discovery></Domain></CycloneDDS>"""


@dataclass
class Time(IdlStruct, typename="builtin_interfaces.msg.dds_.Time_"):
    sec: int32
    nanosec: uint32


@dataclass
class String(IdlStruct, typename="std_msgs.msg.dds_.String_"):
    data: str


@dataclass
class Header(IdlStruct, typename="std_msgs.msg.dds_.Header_"):
    stamp: Time
    frame_id: str


@dataclass
class Image(IdlStruct, typename="sensor_msgs.msg.dds_.Image_"):
    header: Header
    height: uint32
    width: uint32
    encoding: str
    is_bigendian: uint8
    step: uint32
    data: sequence[uint8]


@dataclass
class Gid(IdlStruct, typename="rmw_dds_common.msg.dds_.Gid_"):
    data: array[uint8, 16]


@dataclass
class NodeInfo(IdlStruct, typename="rmw_dds_common.msg.dds_.NodeEntitiesInfo_"):
    node_namespace: bounded_str[256]
    node_name: bounded_str[256]
    reader_gid_seq: sequence[Gid]
    writer_gid_seq: sequence[Gid]


@dataclass
class ParticipantInfo(IdlStruct, typename="rmw_dds_common.msg.dds_.ParticipantEntitiesInfo_"):
    gid: Gid
    node_entities_info_seq: sequence[NodeInfo]


@dataclass
class Value(IdlStruct, typename="rcl_interfaces.msg.dds_.ParameterValue_"):
    type: uint8
    bool_value: bool
    integer_value: int64
    double_value: float64
    string_value: str
    byte_array_value: sequence[byte]
    bool_array_value: sequence[bool]
    integer_array_value: sequence[int64]
    double_array_value: sequence[float64]
    string_array_value: sequence[str]


@dataclass
class Parameter(IdlStruct, typename="rcl_interfaces.msg.dds_.Parameter_"):
    name: str
    value: Value


@dataclass
class ParameterEvent(IdlStruct, typename="rcl_interfaces.msg.dds_.ParameterEvent_"):
    stamp: Time
    node: str
    new_parameters: sequence[Parameter]
    changed_parameters: sequence[Parameter]
    deleted_parameters: sequence[Parameter]


@dataclass
class SetRequest(IdlStruct, typename="rcl_interfaces.srv.dds_.SetParameters_Request_"):
    client_id: uint64
    sequence_number: int64
    parameters: sequence[Parameter]


@dataclass
class SetResult(IdlStruct, typename="rcl_interfaces.msg.dds_.SetParametersResult_"):
    successful: bool
    reason: str


@dataclass
class SetResponse(IdlStruct, typename="rcl_interfaces.srv.dds_.SetParameters_Response_"):
    client_id: uint64
    sequence_number: int64
    results: sequence[SetResult]


@dataclass
class Log(IdlStruct, typename="rcl_interfaces.msg.dds_.Log_"):
    stamp: Time
    level: uint8
    name: str
    msg: str
    file: str
    function: str
    line: uint32


XCDR1 = Policy.DataRepresentation(use_cdrv0_representation=True)
RELIABLE = Policy.Reliability.Reliable(10**9)
PLAIN = Qos(XCDR1, RELIABLE, Policy.History.KeepLast(1000))
LATCHED = Qos(XCDR1, RELIABLE, Policy.Durability.TransientLocal, Policy.History.KeepAll)

number = int(os.environ["ROS_DOMAIN_ID"])
domain = Domain(number, CONFIGURATION)
participant = DomainParticipant(number)


def writer(topic, kind, qos=PLAIN):
    return DataWriter(participant, Topic(participant, topic, kind), qos)


def reader(topic, kind, qos=PLAIN):
    return DataReader(participant, Topic(participant, topic, kind), qos)


def wait_for(condition):
    end = time.monotonic() + TIMEOUT_S
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return found


def integer(value):
    return Value(2, False, value, 0.0, "", [], [], [], [], [])


def user_data(qos):
    return bytes(qos[Policy.Userdata].data).decode() if qos[Policy.Userdata] else ""


def say(**seen):
    print(json.dumps(seen), flush=True)


def talk(topic):
    """Publish an image until the line on stdin says that it has come."""
    out = writer(topic, Image)
    wait_for(out.get_matched_subscriptions)
    out.write(Image(Header(Time(12, 34), "camera"), 2, 3, "rgb8", 0, 9, list(range(18))))
    sys.stdin.readline()


def hear(topic):
    image = wait_for(lambda source=reader(topic, Image): source.take(1))[0]
    say(
        stamp=[image.header.stamp.sec, image.header.stamp.nanosec],
        frame=image.header.frame_id,
        width=image.width,
        encoding=image.encoding,
        data=list(image.data),
    )


def set_parameter(node, name, value):
    """Set it when a line comes on stdin, and say what the service and the event told."""
    requests = writer(f"rq{node}/set_parametersRequest", SetRequest)
    replies = reader(f"rr{node}/set_parametersReply", SetResponse)
    events = reader("rt/parameter_events", ParameterEvent)
    wait_for(lambda: requests.matched_sub and replies.matched_pub and events.matched_pub)
    sys.stdin.readline()
    requests.write(SetRequest(0xABCDEF0123456789, 41, [Parameter(name, integer(int(value)))]))
    reply = wait_for(lambda: replies.take(1))[0]
    event = wait_for(lambda: events.take(1))[0] if reply.results[0].successful else None
    say(
        client=reply.client_id,
        number=reply.sequence_number,
        successful=reply.results[0].successful,
        reason=reply.results[0].reason,
        changed=event and [event.node, event.changed_parameters[0].name, event.changed_parameters[0].value.integer_value],
    )


def graph(node):
    """The node's entry with its gids, and the topics whose endpoints have these gids."""
    from cyclonedds.builtin import (
        BuiltinDataReader,
        BuiltinTopicDcpsPublication,
        BuiltinTopicDcpsSubscription,
    )

    infos = reader("ros_discovery_info", ParticipantInfo, LATCHED)
    endpoints = [BuiltinDataReader(participant, topic) for topic in (BuiltinTopicDcpsPublication, BuiltinTopicDcpsSubscription)]
    names, seen = {}, {}

    def known():
        for source in endpoints:
            names.update({e.key.bytes: [e.topic_name, user_data(e.qos)] for e in source.take(100)})
        for info in infos.take(100):
            seen.update({entry.node_name: (info, entry) for entry in info.node_entities_info_seq})
        if node not in seen:
            return None
        gids = [bytes(gid.data) for part in (seen[node][1].writer_gid_seq, seen[node][1].reader_gid_seq) for gid in part]
        found = [names.get(gid) for gid in gids]
        return found if found and all(found) and any("chatter" in name for name, _ in found) else None

    topics = wait_for(known)
    info, entry = seen[node]
    say(
        namespace=entry.node_namespace,
        topics=sorted(topics),
        same=bytes(info.gid.data)[:12] in {bytes(gid.data)[:12] for gid in entry.writer_gid_seq},
    )
    if sys.stdin.readline().strip() == "gone":
        say(last=[e.node_name for e in wait_for(lambda: infos.take(100))[-1].node_entities_info_seq])


def rosout(level):
    source = reader("rt/rosout", Log, LATCHED)
    log = wait_for(lambda: [log for log in source.take(100) if log.level == int(level)])[0]
    say(name=log.name, text=log.msg, function=log.function)


if __name__ == "__main__":
    {"talk": talk, "hear": hear, "set": set_parameter, "graph": graph, "rosout": rosout}[sys.argv[1]](*sys.argv[2:])
