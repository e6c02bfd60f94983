"""What /diagnostics says of counts, rates and topics."""

import pytest
import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from ros_graph import wait_until
from sensor_msgs.msg import CameraInfo, Image

from depth_sr_ros.node.diagnostics import Report, Source, topic_warnings
from depth_sr_ros.node.statistics import Snapshot

NOTHING = Snapshot(received={"rgb": 0, "depth": 0})


def status(snapshot, warnings=(), before=NOTHING, elapsed_s=2.0):
    report = Report("depth_sr")
    report.make(Time(), before, 1.0, {}, ())
    made = report.make(Time(sec=7), snapshot, elapsed_s, {"method": "bicubic"}, warnings).status[0]
    return made.level, made.message, {item.key: item.value for item in made.values}


def test_rates_are_of_the_time_between_two_reports_and_counts_since_the_start():
    before = Snapshot(published=10, received={"rgb": 40, "depth": 20})
    now = Snapshot(published=30, received={"rgb": 100, "depth": 50}, drops={"superseded": 3}, times_ms={"decode": (1.5, 2.25)})
    level, _, values = status(now, before=before)
    assert level == DiagnosticStatus.OK
    assert (values["hz.rgb"], values["hz.depth"], values["hz.out"]) == ("30.0", "15.0", "10.0")
    assert (values["received.rgb"], values["published"], values["drops.superseded"]) == ("100", "30", "3")
    assert (values["ms.decode.p50"], values["ms.decode.p95"], values["method"]) == ("1.50", "2.25", "bicubic")


IN = {"rgb": 5, "depth": 5}


@pytest.mark.parametrize(
    ("snapshot", "warnings", "elapsed_s", "level"),
    [
        (Snapshot(published=5, received=IN), [], 1.0, DiagnosticStatus.OK),
        (Snapshot(published=5, received=IN), ["no publisher on /x"], 1.0, DiagnosticStatus.WARN),
        (Snapshot(received=IN, drops={"depth.bad_step": 5}), [], 1.0, DiagnosticStatus.OK),
        (Snapshot(received=IN, drops={"depth.bad_step": 5}), [], 10.0, DiagnosticStatus.ERROR),
        (Snapshot(received=IN, drops={"no_subscriber": 5}), [], 10.0, DiagnosticStatus.OK),
        (NOTHING, [], 10.0, DiagnosticStatus.OK),
    ],
)
def test_the_level_tells_a_fault_from_idleness(snapshot, warnings, elapsed_s, level):
    found, message, _ = status(snapshot, warnings, elapsed_s=elapsed_s)
    assert found == level
    assert all(line in message for line in warnings)


@pytest.fixture
def node(ros):
    node = rclpy.create_node("test_diagnostics")
    yield node
    node.destroy_node()


RELIABLE = QoSProfile(depth=5)
BEST_EFFORT = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)


@pytest.mark.parametrize(
    ("published", "qos", "read_with", "told"),
    [
        (Image, RELIABLE, qos_profile_sensor_data, None),
        (Image, BEST_EFFORT, qos_profile_sensor_data, None),
        (Image, BEST_EFFORT, RELIABLE, "best effort"),
        (CameraInfo, RELIABLE, RELIABLE, "sensor_msgs/msg/camerainfo"),
        (None, RELIABLE, RELIABLE, "no publisher"),
    ],
)
def test_a_topic_that_cannot_deliver_is_named_with_the_reason(node, published, qos, read_with, told):
    topic = f"/warned_{told}_{qos.reliability}".replace(" ", "_").replace("/msg/", "_").replace(".", "_")
    if published:
        node.create_publisher(published, topic, qos)
        wait_until(lambda: node.get_publishers_info_by_topic(topic), "the publisher")
    warnings = topic_warnings(node, [Source(topic, "sensor_msgs/msg/Image", read_with)])
    if told is None:
        assert warnings == []
    else:
        (warning,) = warnings
        assert topic.lower() in warning.lower() and told in warning.lower()


def test_a_mistaken_topic_is_told_where_others_publish_its_type_but_not_of_the_nodes_own(node):
    camera = rclpy.create_node("another_camera")
    try:
        camera.create_publisher(CameraInfo, "/meant/camera_info", RELIABLE)
        node.create_publisher(CameraInfo, "~/camera_info", RELIABLE)
        mistaken = [Source("/mistaken/camera_info", "sensor_msgs/msg/CameraInfo", RELIABLE)]
        wait_until(lambda: "comes on /meant/camera_info" in topic_warnings(node, mistaken)[0], "the suggestion")
        (warning,) = topic_warnings(node, mistaken)
        assert warning.startswith("no publisher on /mistaken/camera_info; sensor_msgs/msg/CameraInfo comes on ")
        assert node.get_name() not in warning
    finally:
        camera.destroy_node()
