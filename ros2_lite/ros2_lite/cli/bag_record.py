"""ros2 bag record: writes serialised messages into a bag as they come."""

import signal
import time
from pathlib import Path

import rclpy
from rclpy.qos import QoSDurabilityPolicy, QoSReliabilityPolicy
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import StoragePlugin, Writer, WriterError
from rosbags.typesys import Stores, get_typestore

from ros2_lite.cli import CliError, direct

DISCOVERY_S = 0.1
QUEUE = 100  # messages a topic may lie waiting while the disk is busy
_DEFINITIONS = get_typestore(Stores.ROS2_JAZZY)
_NO_TIME = QosTime(0, 0)  # how a bag says that none was set
ARGUMENTS = (
    ("topics", {"nargs": "*", "type": direct.absolute, "help": "what to record"}),
    ("-a --all", {"action": "store_true", "help": "record all topics, those that come later included"}),
    ("-o --output", {"type": Path, "help": "folder of the bag (default: rosbag2_<time>)"}),
    ("-s --storage", {"choices": [plugin.name.lower() for plugin in StoragePlugin], "default": "mcap"}),
)


def record(args):
    """Until a ctrl-c or SIGTERM."""
    if not (args.all or args.topics):
        raise CliError("Need to specify at least one topic, or --all")
    output = args.output or Path(time.strftime("rosbag2_%Y_%m_%d-%H_%M_%S"))
    ended = []
    for signum in (signal.SIGINT, signal.SIGTERM):  # between messages, never within one
        signal.signal(signum, lambda *_: ended.append(True))
    try:
        with (
            Writer(output, version=9, storage_plugin=StoragePlugin[args.storage.upper()]) as writer,
            direct.cli_node(name="rosbag2_recorder", settle=False) as node,
        ):
            _run(_Recorder(node, writer, None if args.all else set(args.topics)), ended)
    except WriterError as error:
        raise CliError(f"Cannot record into '{output}': {error}") from error


def _run(recorder, ended):
    recorder.say("Recording...")
    look = time.monotonic()
    while not ended:
        if time.monotonic() >= look:
            recorder.discover()
            look = time.monotonic() + DISCOVERY_S
        rclpy.spin_once(recorder.node, timeout_sec=DISCOVERY_S)
    recorder.say("Recording stopped")


class _Recorder:
    """Subscribes what is wanted as soon as it is there (`topics` None: everything), and writes what it gets."""

    def __init__(self, node, writer, topics):
        self.node, self._writer, self._wanted = node, writer, topics
        self._seen = set()

    def say(self, text):
        self.node.get_logger().info(text)

    def discover(self):
        for topic, (type_name, *others) in self.node.get_topic_names_and_types():
            if topic in self._seen or not (self._wanted is None or topic in self._wanted):
                continue
            publishers = self.node.get_publishers_info_by_topic(topic)
            if not publishers:
                continue
            self._seen.add(topic)
            try:
                if others or type_name not in _DEFINITIONS.fielddefs:
                    raise CliError(f"its type {[type_name, *others]} is {'not one' if others else 'unknown here'}")
                self._subscribe(topic, type_name, publishers)
            except CliError as error:
                self.node.get_logger().warning(f"Topic '{topic}' is not recorded: {error}")

    def _subscribe(self, topic, type_name, publishers):
        kind = direct.message_class(type_name)
        connection = self._writer.add_connection(
            topic,
            type_name,
            typestore=_DEFINITIONS,
            offered_qos_profiles=[_offered(info.qos_profile) for info in publishers],
        )
        self.node.create_subscription(
            kind,
            topic,
            lambda data: self._writer.write(connection, time.time_ns(), data),
            direct.matching_qos(self.node, topic, depth=QUEUE),
            raw=True,
        )
        self.say(f"Subscribed to topic '{topic}'")


def _offered(qos):
    """A publisher's QoS as a bag keeps it."""
    best_effort = qos.reliability == QoSReliabilityPolicy.BEST_EFFORT
    reliability = QosReliability.BEST_EFFORT if best_effort else QosReliability.RELIABLE
    latched = qos.durability == QoSDurabilityPolicy.TRANSIENT_LOCAL
    durability = QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE
    times = _NO_TIME, _NO_TIME, QosLiveliness.AUTOMATIC, _NO_TIME
    return Qos(QosHistory.UNKNOWN, 0, reliability, durability, *times, False)
