"""rclpy on one side, a process with nothing but the cyclonedds binding on the other: they share only the
wire."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import rclpy
from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import Image
from std_msgs.msg import String

PEER = Path(__file__).with_name("binding_peer.py")
TIMEOUT_S = 60.0


def peer(*arguments):
    command = [sys.executable, str(PEER), *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def answer(process, line="\n"):
    try:
        return json.loads(process.communicate(line, timeout=TIMEOUT_S)[0])
    finally:
        process.kill()


@pytest.fixture(params=["fast", "binding only"])
def node(request, monkeypatch):
    if request.param == "binding only":
        monkeypatch.setattr("ros2_lite.transport.FAST_PATH", False)
    rclpy.init(args=[])
    node = rclpy.create_node("tested", namespace="/robot")
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin)
    thread.start()
    yield node
    executor.shutdown()
    thread.join()
    node.destroy_node()
    rclpy.shutdown()


def wait_for(condition):
    end = time.monotonic() + TIMEOUT_S
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
    return found


def test_an_image_from_the_binding_arrives(node):
    got = []
    node.create_subscription(Image, "/image", got.append, 5)
    process = peer("talk", "rt/image")
    wait_for(lambda: got)
    process.communicate("\n", timeout=TIMEOUT_S)
    image = got[0]
    assert (image.header.stamp.sec, image.header.stamp.nanosec, image.header.frame_id) == (12, 34, "camera")
    assert (image.height, image.width, image.encoding, image.step) == (2, 3, "rgb8", 9)
    assert image.data.tolist() == list(range(18))


def test_an_image_reaches_the_binding(node):
    publisher = node.create_publisher(Image, "/image", 5)
    process = peer("hear", "rt/image")
    wait_for(publisher.get_subscription_count)
    image = Image(width=7, encoding="mono8", data=b"\x01\x02\x03")
    image.header.frame_id, image.header.stamp.sec, image.header.stamp.nanosec = "ä", 5, 6
    publisher.publish(image)
    assert answer(process) == {
        "stamp": [5, 6],
        "frame": "ä",
        "width": 7,
        "encoding": "mono8",
        "data": [1, 2, 3],
    }


def test_a_parameter_is_set_through_its_service_and_told(node):
    node.declare_parameter("scale", 4)
    process = peer("set", "/robot/tested", "scale", 8)
    told = next(publisher for publisher in node.publishers if publisher.topic_name == "/parameter_events")
    wait_for(told.get_subscription_count)  # an event is for those who are known when it happens
    seen = answer(process)
    assert node.get_parameter("scale").value == 8
    assert seen == {
        "client": 0xABCDEF0123456789,
        "number": 41,
        "successful": True,
        "reason": "",
        "changed": ["/robot/tested", "scale", 8],
    }


def test_a_refusal_says_why(node):
    node.declare_parameter("scale", 4, ParameterDescriptor())
    node.add_on_set_parameters_callback(lambda _: SetParametersResult(successful=False, reason="even only"))
    seen = answer(peer("set", "/robot/tested", "scale", 3))
    assert (seen["successful"], seen["reason"], node.get_parameter("scale").value) == (False, "even only", 4)
    assert "undeclared" in answer(peer("set", "/robot/tested", "nonesuch", 3))["reason"]


def test_the_graph_names_the_node_and_its_endpoints_and_loses_it(node):
    node.create_publisher(String, "chatter", 1)
    process = peer("graph", "tested")
    seen = json.loads(process.stdout.readline())
    topics = dict(seen["topics"])
    assert seen["namespace"] == "/robot" and seen["same"]
    assert {
        "rt/robot/chatter",
        "rt/rosout",
        "rt/parameter_events",
        "rq/robot/tested/get_parametersRequest",
        "rr/robot/tested/get_parametersReply",
    } <= topics.keys()
    assert topics["rt/robot/chatter"] == "typehash=RIHS01_df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18;"
    node.destroy_node()
    assert answer(process, "gone\n") == {"last": []}


def test_rosout_reaches_those_who_come_late(node):
    node.get_logger().get_child("part").error("it broke")
    seen = answer(peer("rosout", 40))
    assert (seen["name"], seen["text"]) == ("robot.tested.part", "it broke")
    assert seen["function"] == "test_rosout_reaches_those_who_come_late"
