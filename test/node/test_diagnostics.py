"""What /diagnostics says of counts, rates and topics."""

import pytest
import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from ros_graph import wait_until
from sensor_msgs.msg import CameraInfo, Image

from depth_sr_ros.node.config import ParameterError
from depth_sr_ros.node.diagnostics import Report
from depth_sr_ros.node.statistics import Snapshot
from depth_sr_ros.node.topic_watch import LOOK_AROUND_S, TopicWatch
from depth_sr_ros.node.topics import Topic

NOTHING = Snapshot(received={"rgb": 0, "depth": 0})


def values_of(message):
    (status,) = message.status
    return {item.key: item.value for item in status.values}


def status(snapshot, warnings=(), before=NOTHING, elapsed_s=2.0, idle=""):
    report = Report("depth_sr")
    report.make(Time(), before, 1.0, {}, ())
    message = report.make(Time(sec=7), snapshot, elapsed_s, {"method": "bicubic"}, warnings, idle)
    return message.status[0].level, message.status[0].message, values_of(message)


def test_rates_are_of_the_time_between_two_reports_and_counts_since_the_start():
    before = Snapshot(published=10, received={"rgb": 40, "depth": 20})
    times = {"decode": (1.5, 2.25, 4.0)}
    now = Snapshot(published=30, received={"rgb": 100, "depth": 50}, drops={"superseded": 3}, times_ms=times)
    level, _, values = status(now, before=before)
    assert level == DiagnosticStatus.OK
    assert (values["hz.rgb"], values["hz.depth"], values["hz.out"]) == ("30.0", "15.0", "10.0")
    assert (values["received.rgb"], values["published"], values["drops.superseded"]) == ("100", "30", "3")
    assert [values[f"ms.decode.p{p}"] for p in (50, 95, 99)] == ["1.50", "2.25", "4.00"]
    assert values["method"] == "bicubic"


IN = {"rgb": 5, "depth": 5}


@pytest.mark.parametrize(
    ("snapshot", "warnings", "elapsed_s", "idle", "level"),
    [
        (Snapshot(published=5, received=IN), [], 1.0, "", DiagnosticStatus.OK),
        (Snapshot(published=5, received=IN), ["no publisher on /x"], 1.0, "", DiagnosticStatus.WARN),
        (Snapshot(received=IN, drops={"depth.bad_step": 5}), [], 1.0, "", DiagnosticStatus.OK),
        (Snapshot(received=IN, drops={"depth.bad_step": 5}), [], 10.0, "", DiagnosticStatus.ERROR),
        (NOTHING, [], 10.0, "nobody listens", DiagnosticStatus.OK),
        (NOTHING, [], 10.0, "", DiagnosticStatus.OK),
    ],
)
def test_the_level_tells_a_fault_from_idleness(snapshot, warnings, elapsed_s, idle, level):
    found, message, _ = status(snapshot, warnings, elapsed_s=elapsed_s, idle=idle)
    assert found == level
    assert all(line in message for line in (*warnings, idle))


class Streams:
    """Reports of streams, one a second."""

    def __init__(self):
        self.report, self.counts = Report("depth_sr"), {"rgb": 0, "depth": 0}

    def __call__(self, seconds=1, idle="", **more):
        for _ in range(seconds):
            self.counts = {name: n + more.get(name, 0) for name, n in self.counts.items()}
            published = min(self.counts.values())
            message = self.report.make(Time(), Snapshot(published, dict(self.counts)), 1.0, {}, (), idle)
        return message.status[0].level, message.status[0].message


def test_a_stream_that_had_come_and_stays_away_is_told_of_until_it_is_back():
    streams = Streams()
    assert streams(seconds=10)[0] == DiagnosticStatus.OK  # none has come yet
    assert streams(rgb=30, depth=30)[0] == DiagnosticStatus.OK
    assert streams(seconds=2, rgb=30)[0] == DiagnosticStatus.OK
    level, message = streams(rgb=30)
    assert level == DiagnosticStatus.ERROR and "no depth image for 3 s" in message and "rgb" not in message
    level, message = streams(seconds=3)
    assert level == DiagnosticStatus.WARN and "no depth image for 6 s" in message and "no rgb image for 3 s" in message
    assert streams(rgb=30, depth=30)[0] == DiagnosticStatus.OK
    assert not streams.report.stalled


def test_a_slow_stream_does_not_stall_between_its_images():
    streams = Streams()
    for _ in range(5):
        assert streams(rgb=1, depth=1)[0] == DiagnosticStatus.OK
        assert streams(seconds=4)[0] == DiagnosticStatus.OK


def test_streams_that_nobody_wants_do_not_stall():
    streams = Streams()
    streams(rgb=30, depth=30)
    assert streams(seconds=10, idle="nobody listens") == (DiagnosticStatus.OK, "nobody listens")
    assert streams(seconds=10)[0] == DiagnosticStatus.OK  # and have to come anew when somebody listens again


def test_texts_are_of_bounded_length():
    long = "x" * 1_000_000
    level, message, values = status(NOTHING, [long], elapsed_s=1.0)
    assert len(message) <= 1000 and len(values["warning.0"]) <= 300


@pytest.fixture
def node(ros):
    node = rclpy.create_node("test_diagnostics")
    yield node
    node.destroy_node()


RELIABLE = QoSProfile(depth=5)
BEST_EFFORT = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
LATCHED = QoSProfile(depth=5, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@pytest.mark.parametrize(
    ("published", "qos", "reliable", "told"),
    [
        (Image, RELIABLE, False, None),
        (Image, BEST_EFFORT, False, None),
        (Image, BEST_EFFORT, True, "best effort"),
        (CameraInfo, RELIABLE, False, "sensor_msgs/msg/camerainfo"),
        (None, RELIABLE, False, "no publisher"),
    ],
)
def test_a_topic_that_cannot_deliver_is_named_with_the_reason(node, published, qos, reliable, told):
    name = f"/warned_{told}_{qos.reliability.name}".replace(" ", "_").replace("/msg/", "_")
    if reliable:
        node.declare_parameter(f"qos_overrides.{name}.subscription.reliability", "reliable")
    topic = Topic(node, Image, name, print)
    if published:
        node.create_publisher(published, name, qos)
        wait_until(lambda: topic.follow() or topic.publishers, "the publisher")
    warnings = TopicWatch(node).warnings([topic])
    if told is None:
        assert warnings == []
    else:
        (warning,) = warnings
        assert name.lower() in warning.lower() and told in warning.lower()


def test_a_subscription_takes_what_all_publishers_offer_and_follows_them(node):
    topic = Topic(node, Image, "/followed", print)
    topic.open()
    publishers = []

    def offered(*profiles):
        for publisher in publishers:
            node.destroy_publisher(publisher)
        publishers[:] = [node.create_publisher(Image, "/followed", profile) for profile in profiles]
        wait_until(lambda: topic.follow() or len(topic.publishers) == len(profiles), "the publishers")
        (found,) = node.get_subscriptions_info_by_topic("/followed")
        assert found.qos_profile.reliability == topic.qos.reliability  # it is subscribed as it says
        return topic.qos.reliability, topic.qos.durability

    assert offered(RELIABLE) == (ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
    assert offered(LATCHED) == (ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL)
    assert offered(LATCHED, BEST_EFFORT) == (ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE)
    assert offered(RELIABLE, RELIABLE) == (ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
    assert TopicWatch(node).warnings([topic]) == []


@pytest.mark.parametrize(
    ("policy", "value"),
    [("reliability", "perhaps"), ("reliability", 5), ("durability", "for ever"), ("depth", 0), ("depth", "a")],
)
def test_an_override_that_is_none_is_named(ros, policy, value):
    name = f"qos_overrides./mistaken.subscription.{policy}"
    mistaken = rclpy.create_node("test_overrides", parameter_overrides=[Parameter(name, value=value)])
    try:
        with pytest.raises(ParameterError, match=name) as caught:
            Topic(mistaken, Image, "/mistaken", print)
        assert str(value) in str(caught.value)
    finally:
        mistaken.destroy_node()


def test_a_mistaken_topic_is_told_where_others_publish_its_type_but_not_of_the_nodes_own(node):
    camera, now = rclpy.create_node("another_camera"), [0.0]
    try:
        topic, watch = Topic(node, CameraInfo, "/mistaken/camera_info", print), TopicWatch(node, clock=lambda: now[0])
        assert watch.warnings([topic]) == ["no publisher on /mistaken/camera_info"]
        camera.create_publisher(CameraInfo, "/meant/camera_info", RELIABLE)
        node.create_publisher(CameraInfo, "~/camera_info", RELIABLE)
        wait_until(lambda: node.count_publishers("/meant/camera_info"), "the publisher")
        assert watch.warnings([topic]) == ["no publisher on /mistaken/camera_info"]  # the whole graph is seldom looked at
        now[0] = LOOK_AROUND_S
        (warning,) = watch.warnings([topic])
        assert warning.startswith(
            "no publisher on /mistaken/camera_info; sensor_msgs/msg/CameraInfo comes on /meant/camera_info"
        )
        assert node.get_name() not in warning
    finally:
        camera.destroy_node()
