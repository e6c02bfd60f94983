"""ros2 bag play: publishes recorded messages as they lie in the bag, octet for octet, in the recorded timing."""

import contextlib
import threading
import time

from rclpy.duration import Duration
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from rosbags.interfaces import QosDurability, QosReliability
from rosgraph_msgs.msg import Clock

from ros2_lite.cli import CliError, direct

ACKNOWLEDGED_WITHIN = Duration(seconds=2.0)  # of a topic's last messages, for a subscription that is reliable


def play(reader, args):
    """Until the end, or for ever; a ctrl-c is a good end, too."""
    connections = _selected(reader, args.topics)
    start = reader.start_time + round(args.start_offset * 1e9)
    if not 0 <= args.start_offset * 1e9 < max(reader.duration, 1):
        raise CliError(f"--start-offset {args.start_offset} lies outside of the bag's {reader.duration / 1e9:.3f} seconds")
    with contextlib.suppress(KeyboardInterrupt), direct.cli_node(name="rosbag2_player", settle=False) as node:
        publishers = _publishers(node, connections, dict(args.remap))
        connections = [connection for connection in connections if connection.topic in publishers]
        direct.wait_until_settled(node)  # whoever listens already shall get the first message
        with _Clock(node, args.clock, args.rate) as clock:
            while True:
                clock.start_at(start)
                for connection, stamp, data in reader.messages(connections, start=start):
                    clock.sleep_until(stamp)
                    publishers[connection.topic].publish(bytes(data))
                if not args.loop:
                    break
        for publisher in publishers.values():
            publisher.wait_for_all_acked(ACKNOWLEDGED_WITHIN)


class _Clock:
    """The bag's time: runs `rate` times as fast as the steady clock, and is published on /clock where `hz` is given."""

    def __init__(self, node, hz, rate):
        self._rate, self._hz = rate, hz
        self._bag_ns = self._steady_ns = 0
        self._ended = threading.Event()
        if hz:
            qos = QoSProfile(depth=1, reliability=QoSReliabilityPolicy.BEST_EFFORT)
            self._publisher = node.create_publisher(Clock, "/clock", qos)
            self._thread = threading.Thread(target=self._tick)

    def start_at(self, bag_ns):
        self._bag_ns, self._steady_ns = bag_ns, time.monotonic_ns()

    def now(self):
        return self._bag_ns + round((time.monotonic_ns() - self._steady_ns) * self._rate)

    def sleep_until(self, bag_ns):
        ahead = bag_ns - self.now()
        if ahead > 0:
            time.sleep(ahead / 1e9 / self._rate)

    def _tick(self):
        while not self._ended.wait(1 / self._hz):
            message = Clock()
            message.clock.sec, message.clock.nanosec = divmod(self.now(), 10**9)
            self._publisher.publish(message)

    def __enter__(self):
        if self._hz:
            self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        if self._hz:
            self._thread.join()


def _selected(reader, topics):
    """The connections to play; CliError for a topic that is not in the bag."""
    known = {connection.topic for connection in reader.connections}
    if missing := set(topics or ()) - known:
        raise CliError(f"the bag has no topic {', '.join(sorted(missing))}; it has: {', '.join(sorted(known))}")
    connections = [c for c in reader.connections if not topics or c.topic in topics]
    if not connections:
        raise CliError("the bag is empty")
    return connections


def _publishers(node, connections, remap):
    """{topic in the bag: publisher}"""
    publishers = {}
    for connection in connections:
        topic = connection.topic
        try:
            kind = direct.message_class(connection.msgtype)
        except CliError as error:
            node.get_logger().warning(f"Ignoring topic '{topic}': {error}")
            continue
        publishers[topic] = node.create_publisher(kind, remap.get(topic, topic), _qos(connection))
    return publishers


def _qos(connection):
    """As it was offered when it was recorded; reliable and volatile where the bag does not say one thing."""
    offered = {(qos.reliability, qos.durability) for qos in connection.ext.offered_qos_profiles}
    reliability, durability = offered.pop() if len(offered) == 1 else (None, None)
    qos = QoSProfile(depth=10)
    if reliability == QosReliability.BEST_EFFORT:
        qos.reliability = QoSReliabilityPolicy.BEST_EFFORT
    if durability == QosDurability.TRANSIENT_LOCAL:
        qos.durability = QoSDurabilityPolicy.TRANSIENT_LOCAL
    return qos


def _positive(text):
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError(text)
    return value


def _rule(text):
    old, separator, new = text.partition(":=")
    if not (old and separator and new):
        raise ValueError(text)
    return direct.absolute(old), direct.absolute(new)


ARGUMENTS = (
    ("-r --rate", {"type": _positive, "default": 1.0, "help": "how much faster than recorded"}),
    ("-l --loop", {"action": "store_true", "help": "start again at the end"}),
    ("--clock", {"type": _positive, "nargs": "?", "const": 40.0, "metavar": "HZ", "help": "publish the bag's time on /clock"}),
    ("--topics", {"nargs": "+", "type": direct.absolute, "help": "play only these"}),
    ("-m --remap", {"nargs": "+", "default": [], "type": _rule, "metavar": "old:=new", "help": "other names for topics"}),
    ("--start-offset", {"type": float, "default": 0.0, "metavar": "S", "help": "start so many seconds into the bag"}),
)
