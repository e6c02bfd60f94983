"""ros2 topic"""

import collections
import contextlib
import statistics
import time

import rclpy

from ros2_lite.cli import CliError, direct, verbs
from ros2_lite.cli.message_text import message_to_yaml


def add_arguments(parser):
    verbs(
        parser,
        list=(list_, "list the topics there are", _list_arguments),
        info=(info, "show a topic's type and who publishes and subscribes it", _info_arguments),
        echo=(echo, "show the messages of a topic", _echo_arguments),
        hz=(hz, "show the rate of a topic", _hz_arguments),
    )


def _list_arguments(parser):
    parser.add_argument("-t", "--show-types", action="store_true", help="show the topics' types")


def _info_arguments(parser):
    _topic(parser)
    parser.add_argument("-v", "--verbose", action="store_true", help="show nodes and QoS of the endpoints")


def _echo_arguments(parser):
    _topic(parser)
    parser.add_argument("message_type", nargs="?", help="type of the messages; default: what the graph says")
    parser.add_argument("--once", action="store_true", help="end after the first message")
    parser.add_argument("--no-arr", action="store_true", help="do not show what is in arrays")
    parser.add_argument("-f", "--full-length", action="store_true", help="show long arrays to their end")


def _hz_arguments(parser):
    _topic(parser)
    parser.add_argument("-w", "--window", type=int, default=10000, help="messages to average over (default %(default)s)")


def _topic(parser):
    parser.add_argument("topic", type=direct.absolute, help="name of the topic")


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
        report, newest = time.monotonic() + 1.0, None
        while True:
            rclpy.spin_once(node, timeout_sec=min(max(report - time.monotonic(), 0.0), direct.SPIN_S))
            if time.monotonic() >= report:
                print(_rate(list(times)) if len(times) > 1 and times[-1] != newest else "no new messages", flush=True)
                report, newest = report + 1.0, times[-1] if times else None


def _rate(times):
    """The rate of messages that came at these times (s), in ROS 2's words."""
    gaps = [after - before for before, after in zip(times, times[1:], strict=False)]
    return (
        f"average rate: {len(gaps) / (times[-1] - times[0]):.3f}\n\tmin: {min(gaps):.3f}s max: {max(gaps):.3f}s "
        f"std dev: {statistics.pstdev(gaps):.5f}s window: {len(times)}"
    )


@contextlib.contextmanager
def _subscribed(topic, callback, *, type_name=None, **options):
    """A node to spin that hands the topic's messages to the callback, with the QoS of the topic's publishers."""
    with direct.cli_node() as node:
        kind = direct.message_class(type_name or direct.topic_type(node, topic))
        node.create_subscription(kind, topic, callback, direct.matching_qos(node, topic), **options)
        yield node
