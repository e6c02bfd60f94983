"""What the verbs that talk to other nodes share: a node of their own, and looking at the graph."""

import contextlib
import importlib
import os
import time

import rclpy
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from rclpy.signals import SignalHandlerOptions

from ros2_lite.cli import CliError

SETTLED_S = 0.7  # no change in the graph for so long: everybody who is there has been heard of
PATIENCE_S = 5.0
ANSWER_S = 60.0  # a transition may load and compile a network
SPIN_S = 0.1  # how late a ctrl-c may be noticed: rclpy waits in C


@contextlib.contextmanager
def cli_node(*, name=None, settle=True):
    """A node (hidden, where it has no name) for one command; where `settle`, it knows the graph already."""
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    options = {} if name else {"start_parameter_services": False, "enable_rosout": False}
    node = rclpy.create_node(name or f"_ros2cli_{os.getpid()}", **options)
    try:
        if settle:
            wait_until_settled(node)
        yield node
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


def wait_until_settled(node):
    """Until the graph, as the node knows it, has not changed for SETTLED_S, at most for PATIENCE_S."""

    def snapshot():
        names, topics = node.get_node_names_and_namespaces(), node.get_topic_names_and_types()
        return names, [(topic, node.count_publishers(topic), node.count_subscribers(topic)) for topic, _ in topics]

    give_up = time.monotonic() + PATIENCE_S
    seen, since = snapshot(), time.monotonic()
    while time.monotonic() < min(since + SETTLED_S, give_up):
        time.sleep(0.05)
        if (now := snapshot()) != seen:
            seen, since = now, time.monotonic()


def node_names(node, *, hidden=False):
    """The full names of the nodes there are, sorted; hidden ones begin with an underscore."""
    names = (f"{namespace.rstrip('/')}/{name}" for name, namespace in node.get_node_names_and_namespaces())
    return sorted(name for name in names if hidden or not name.rsplit("/", 1)[1].startswith("_"))


def split_name(node, full_name):
    """(name, namespace) of an existing node; CliError where there is none of the name."""
    full_name = "/" + full_name.lstrip("/")
    if full_name not in node_names(node, hidden=True):
        raise CliError(f"Unable to find node '{full_name}'; there are: {', '.join(node_names(node)) or 'none'}")
    namespace, name = full_name.rsplit("/", 1)
    return name, namespace or "/"


def call(node, node_name, service, name, **request):
    """The answer of a service below a node's name; CliError where the node or the service is not there."""
    client = node.create_client(service, f"{absolute(node_name)}/{name}")
    if not client.wait_for_service(timeout_sec=PATIENCE_S):
        split_name(node, node_name)
        raise CliError(f"Node '{node_name}' does not serve {name}")
    future = client.call_async(service.Request(**request))
    give_up = time.monotonic() + ANSWER_S
    while not future.done() and time.monotonic() < give_up:
        rclpy.spin_once(node, timeout_sec=SPIN_S)
    if not future.done():
        raise CliError(f"Node '{node_name}' did not answer {name} within {ANSWER_S:g} seconds")
    return future.result()


def message_class(type_name):
    """The class of "package/msg/Name"; CliError where it is unknown here."""
    package, *_, name = type_name.split("/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise CliError(f"The message type '{type_name}' is not installed here") from error


def topic_type(node, topic, *, wait_s=PATIENCE_S):
    """The type of a topic, which may still have to appear; CliError where it does not."""
    give_up = time.monotonic() + wait_s
    while not (known := dict(node.get_topic_names_and_types()).get(topic)) and time.monotonic() < give_up:
        time.sleep(0.05)
    if known and len(known) == 1:
        return known[0]
    if known:
        raise CliError(f"Cannot use topic [{topic}], as it has more than one type: {known}")
    raise CliError(f"Topic [{topic}] does not appear to be published yet: could not determine its type")


def matching_qos(node, topic, *, depth=10):
    """What receives from every publisher of the topic: reliable or transient local only where all of them are."""
    offered = [info.qos_profile for info in node.get_publishers_info_by_topic(topic)]
    qos = QoSProfile(depth=depth)
    if not offered or not all(o.reliability == QoSReliabilityPolicy.RELIABLE for o in offered):
        qos.reliability = QoSReliabilityPolicy.BEST_EFFORT
    if offered and all(o.durability == QoSDurabilityPolicy.TRANSIENT_LOCAL for o in offered):
        qos.durability = QoSDurabilityPolicy.TRANSIENT_LOCAL
    return qos


def absolute(topic):
    """The topic's full name."""
    return "/" + topic.lstrip("/")
