"""ros2 topic"""

import collections
import contextlib
import statistics
import time

import rclpy
import yaml
from rclpy.time import Time

from ros2_lite.cli import CliError, direct, verbs
from ros2_lite.cli.message_text import fill, message_to_yaml


def add_arguments(parser):
    topic = ("topic", {"type": direct.absolute, "help": "name of the topic"})
    once = ("--once", {"action": "store_true", "help": "end after the first message"})
    window = ("-w --window", {"type": int, "default": 10000, "help": "messages to average over (default %(default)s)"})
    verbs(
        parser,
        list=(list_, "list the topics there are", ("-t --show-types", {"action": "store_true"})),
        info=(info, "show a topic's type and who has it", topic, ("-v --verbose", {"action": "store_true", "help": "and QoS"})),
        echo=(
            echo,
            "show the messages of a topic",
            topic,
            ("message_type", {"nargs": "?", "help": "default: what the graph says"}),
            once,
            ("--no-arr", {"action": "store_true", "help": "do not show what is in arrays"}),
            ("-f --full-length", {"action": "store_true", "help": "show long arrays to their end"}),
        ),
        hz=(hz, "show the rate of a topic", topic, window),
        delay=(delay, "show how old messages with a header are when they come", topic, window),
        pub=(
            pub,
            "publish a message",
            topic,
            ("message_type", {}),
            ("values", {"nargs": "?", "default": "{}", "type": yaml.safe_load, "help": "as YAML"}),
            ("-1 --once", {"action": "store_true", "help": "once, as soon as somebody listens"}),
            ("-r --rate", {"type": float, "default": 1.0, "help": "messages a second (default %(default)s)"}),
        ),
    )


def list_(args):
    with direct.cli_node() as node:
        for name, types in sorted(node.get_topic_names_and_types()):
            print(f"{name} [{', '.join(types)}]" if args.show_types else name)


def info(args):
    with direct.cli_node() as node:
        types = dict(node.get_topic_names_and_types()).get(args.topic)
        if types is None:
            raise CliError(f"Unknown topic '{args.topic}'")
        print(f"Type: {types[0] if len(types) == 1 else types}")
        gap = "\n" if args.verbose else ""
        for title, endpoints in (
            ("Publisher", node.get_publishers_info_by_topic(args.topic)),
            ("Subscription", node.get_subscriptions_info_by_topic(args.topic)),
        ):
            print(f"{gap}{title} count: {len(endpoints)}{gap}")
            if args.verbose:
                print("\n\n".join(str(endpoint) for endpoint in endpoints))


def echo(args):
    received = collections.deque()
    with _subscribed(args.topic, lambda message: received.append(message), type_name=args.message_type) as node:
        while True:
            rclpy.spin_once(node, timeout_sec=direct.SPIN_S)
            while received:
                text = message_to_yaml(received.popleft(), no_arr=args.no_arr, full_length=args.full_length)
                print(text, end="---\n", flush=True)
                if args.once:
                    return


def hz(args):
    times = collections.deque(maxlen=args.window)
    with _subscribed(args.topic, lambda _: times.append(time.monotonic()), raw=True) as node:
        newest = None
        for _ in _seconds(node):
            if len(times) < 2 or times[-1] == newest:
                print("no new messages", flush=True)
                continue
            newest, gaps = times[-1], [after - before for before, after in zip(times, list(times)[1:])]
            print(f"average rate: {len(gaps) / (times[-1] - times[0]):.3f}\n\t{_spread(gaps)} window: {len(times)}", flush=True)


def delay(args):
    delays = collections.deque(maxlen=args.window)

    def keep(message):
        if not hasattr(message, "header"):
            raise CliError(f"messages of {args.topic} have no header")
        delays.append((node.get_clock().now() - Time.from_msg(message.header.stamp)).nanoseconds / 1e9)

    with _subscribed(args.topic, keep) as node:
        for _ in _seconds(node):
            if delays:
                print(f"average delay: {statistics.mean(delays):.3f}\n\t{_spread(delays)} window: {len(delays)}", flush=True)


def pub(args):
    with direct.cli_node(settle=False) as node:
        message = fill(direct.message_class(args.message_type)(), args.values)
        publisher = node.create_publisher(type(message), args.topic, 10)
        while args.once and not publisher.get_subscription_count():
            time.sleep(direct.SPIN_S)
        while True:
            publisher.publish(message)
            print(f"publishing {message}", flush=True)
            time.sleep(direct.SPIN_S if args.once else 1 / args.rate)
            if args.once:
                return


def _seconds(node):
    """Spin the node; yields once a second."""
    while True:
        report = time.monotonic() + 1.0
        while (left := report - time.monotonic()) > 0:
            rclpy.spin_once(node, timeout_sec=min(left, direct.SPIN_S))
        yield


def _spread(values):
    return f"min: {min(values):.3f}s max: {max(values):.3f}s std dev: {statistics.pstdev(values):.5f}s"


@contextlib.contextmanager
def _subscribed(topic, callback, *, type_name=None, **options):
    """A node to spin that hands the topic's messages to the callback, with the QoS of the topic's publishers."""
    with direct.cli_node() as node:
        kind = direct.message_class(type_name or direct.topic_type(node, topic))
        node.create_subscription(kind, topic, callback, direct.matching_qos(node, topic), **options)
        yield node
