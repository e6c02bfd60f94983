"""ros2 topic"""
import time

import rclpy
from ros2_lite.cli import CliError, direct, verbs
from ros2_lite.cli.message_text import field_of, message_to_yaml
from ros2_lite.cli.statistics import Bandwidth, Rate


def add_arguments(parser):
    verbs(parser, list=(list_, "list the topics there are", _list_arguments),
          info=(info, "show a topic's type and who publishes and subscribes it", _info_arguments),
          echo=(echo, "show the messages of a topic", _echo_arguments),
          hz=(hz, "show the rate of a topic", _watch_arguments),
          bw=(bw, "show the bandwidth of a topic", _watch_arguments))


def _list_arguments(parser):
    parser.add_argument("-t", "--show-types", action="store_true", help="show the topics' types")
    parser.add_argument("-c", "--count-topics", action="store_true", help="show only how many there are")


def _info_arguments(parser):
    _topic(parser)
    parser.add_argument("-v", "--verbose", action="store_true", help="show nodes and QoS of the endpoints")


def _echo_arguments(parser):
    _topic(parser)
    parser.add_argument("message_type", nargs="?", help="type of the messages; default: what the graph says")
    parser.add_argument("--once", action="store_true", help="end after the first message")
    parser.add_argument("--no-arr", action="store_true", help="do not show what is in arrays")
    parser.add_argument("-f", "--full-length", action="store_true", help="show long arrays to their end")
    parser.add_argument("--field", help="show only this field, for example header.stamp")


def _watch_arguments(parser):
    _topic(parser)
    parser.add_argument("-w", "--window", type=int, default=10000, help="messages to average over (default %(default)s)")


def _topic(parser):
    parser.add_argument("topic", type=direct.absolute, help="name of the topic")


def list_(args):
    with direct.cli_node() as node:
        topics = sorted(node.get_topic_names_and_types())
    if args.count_topics:
        print(len(topics))
        return
    for name, types in topics:
        print(f"{name} [{', '.join(types)}]" if args.show_types else name)


def info(args):
    with direct.cli_node() as node:
        types = dict(node.get_topic_names_and_types()).get(args.topic)
        if types is None:
            raise CliError(f"Unknown topic '{args.topic}'")
        print(f"Type: {types[0] if len(types) == 1 else types}")
        for title, endpoints in (("Publisher", node.get_publishers_info_by_topic(args.topic)),
                                 ("Subscription", node.get_subscriptions_info_by_topic(args.topic))):
            gap = "\n" if args.verbose else ""
            print(f"{gap}{title} count: {len(endpoints)}{gap}")
            if args.verbose:
                print("\n\n".join(str(endpoint) for endpoint in endpoints))


def echo(args):
    with _subscribed(args, args.message_type) as (node, subscribe):
        seen = []

        def show(message):
            try:
                message = field_of(message, args.field) if args.field else message
            except AttributeError as error:
                raise CliError(f"Invalid field '{args.field}': {error}") from error
            if not (seen and args.once):
                print(message_to_yaml(message, no_arr=args.no_arr, full_length=args.full_length), end="---\n", flush=True)
            seen.append(True)

        subscribe(show)
        while not (args.once and seen):
            rclpy.spin_once(node, timeout_sec=1.0)


def hz(args):
    _watch(args, Rate(args.window))


def bw(args):
    _watch(args, Bandwidth(args.window))


def _watch(args, statistic):
    """Feed the topic's serialised messages to the statistic and show it once a second."""
    with _subscribed(args, None) as (node, subscribe):
        subscribe(lambda data: statistic.add(time.monotonic(), len(data)), raw=True)
        print(f"Subscribed to [{args.topic}]", flush=True)
        report = time.monotonic() + 1.0
        while True:
            rclpy.spin_once(node, timeout_sec=max(report - time.monotonic(), 0.0))
            if time.monotonic() >= report:
                print(statistic.report() or "no new messages", flush=True)
                report += 1.0


class _subscribed:  # noqa: N801 (used as a function)
    """A context: the node, and a function that subscribes the topic with the QoS of its publishers."""

    def __init__(self, args, type_name):
        self._args, self._type_name = args, type_name
        self._node = direct.cli_node(settle=type_name is None)

    def __enter__(self):
        node = self._node.__enter__()
        try:
            kind = direct.message_class(self._type_name or direct.topic_type(node, self._args.topic))
        except CliError:
            self._node.__exit__(None, None, None)
            raise
        qos = direct.matching_qos(node, self._args.topic)
        return node, lambda callback, **options: node.create_subscription(kind, self._args.topic, callback, qos, **options)

    def __exit__(self, *error):
        return self._node.__exit__(*error)
