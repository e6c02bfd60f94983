"""What the node tells while it serves, and what does not end it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from make_messages import image
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.srv import SetParameters
from ros_graph import RGB, SCALE, camera, running_node, wait_until
from rosgraph_msgs.msg import Clock

from depth_sr_ros.node.config import ROWS, Config
from depth_sr_ros.node.parameters import Parameters


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """Where the node of `served` logs."""
    return tmp_path_factory.mktemp("log") / "log"


@pytest.fixture(scope="module")
def served(ros, log):
    """A node that has its parameters from the file that comes with it, and a camera; each test leaves both as they were."""
    defaults = ("--params-file", str(Path(__file__).parents[2] / "config" / "depth_sr.yaml"))
    with (
        log.open("w") as file,
        running_node("method:=bicubic", f"scale:={SCALE}", arguments=defaults, log=file),
        camera() as it,
    ):
        yield it


def test_the_log_tells_of_images_without_output_and_of_every_engines_first_one(served, log):
    empty = image(np.zeros((8, 12), np.uint16), "16UC1")
    wait_until(lambda: served.send(depth=empty) and "images come in, none goes out" in log.read_text(), "the warning")
    served.good()
    wait_until(lambda: f"first depth image of bicubic x{SCALE}: 48 x 32 after " in log.read_text(), "the first image")
    assert served.set(method="guided_filter") == ""
    wait_until(lambda: served.send() and "first depth image of guided_filter" in log.read_text(), "the other engine's")
    stages = served.fresh_diagnostics()
    assert "ms.upsample.network.p50" in stages and "ms.frame_age.p99" in stages
    text = log.read_text()
    assert text.count("first depth image") == 2
    assert text.index("building guided_filter") < text.index("changed: guided_filter")
    assert served.set(method="bicubic") == ""


def test_images_are_subscribed_only_while_somebody_listens(served):
    served.good()
    assert served.rgb.get_subscription_count() == served.depth.get_subscription_count() == 1
    served.listen(False)
    counts = served.rgb.get_subscription_count, served.depth.get_subscription_count
    wait_until(lambda: not any(count() for count in counts), "the end of the subscriptions")  # of which one is heard of first
    assert served.depth_info.get_subscription_count()
    wait_until(lambda: "nobody listens" in served.fresh_diagnostics()["message"], "idleness")
    assert served.diagnostics["level"] == DiagnosticStatus.OK
    served.listen()
    served.good()


def test_a_camera_that_stops_is_told_of_once_until_it_is_back(served, log):
    served.good()
    wait_until(lambda: served.send(depth=False) and "no depth image for" in served.diagnostics["message"], "the stall")
    assert served.diagnostics["level"] == DiagnosticStatus.ERROR
    wait_until(lambda: served.good() and served.diagnostics["level"] == DiagnosticStatus.OK, "the end of the stall")
    wait_until(lambda: "depth images are back" in log.read_text(), "the good news")
    assert log.read_text().count("no depth image for") == 1


def test_what_a_peer_sends_does_not_end_it(served, log):
    """A time before the beginning, a transition that is none, a parameter that a library stumbles over, bytes, long names."""
    assert served.set(use_sim_time=True) == ""
    clock, backwards = served.node.create_publisher(Clock, "/clock", 5), Clock()
    backwards.clock.sec = -5
    wait_until(lambda: clock.publish(backwards) or "Seconds value" in log.read_text(), "the negative time")
    clock.publish(Clock())
    served.good()
    assert served.set(use_sim_time=False) == ""
    served.call_in_vain(ChangeState, "/depth_sr/change_state", ChangeState.Request(transition=Transition(id=99)))
    served.good()
    assert served.set(weights=f"/{'n' * 300}", method="fdkn") == ""
    wait_until(lambda: "cannot be built" in served.diagnostics["message"], "the failure")
    assert served.good()[0].width == 48
    assert served.set(weights="package", method="bicubic") == ""
    for publisher in (served.rgb, served.depth, served.depth_info):
        publisher.publish(b"\0\1\0\0no message")
    deleted = SetParameters.Request(parameters=[ParameterMessage(name=name) for name in ("scale", "method", "nonesuch")])
    service = served.node.create_client(SetParameters, "/depth_sr/set_parameters")
    assert not any(result.successful for result in served.call(service, deleted).results)
    assert served.set(registration="none") == ""  # else there is a transform to wait for
    before = log.stat().st_size
    for number in range(20):
        served.good(rgb=image(RGB, "rgb8", frame=f"{number}{'x' * 100_000}"))
    assert log.stat().st_size - before < 20_000
    assert len(served.fresh_diagnostics()["message"]) <= 1000
    assert served.set(registration="auto") == ""
    served.good()


def ros2(*arguments):
    """The output of a ros2 command."""
    beside = Path(sys.executable).with_name("ros2")
    command = [str(beside) if beside.is_file() else "ros2", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.stdout, done.stderr


def test_a_dump_of_its_parameters_can_be_loaded_and_starts_another_one(served, tmp_path):
    dump = tmp_path / "dump.yaml"
    dump.write_text(ros2("param", "dump", "/depth_sr")[0])
    done, failed = ros2("param", "load", "/depth_sr", str(dump))
    for row in ROWS.values():
        assert f"Set parameter {row.name} successful" in done or not row.live
    assert all("read-only" in line for line in failed.splitlines()), failed
    node = rclpy.create_node("depth_sr", cli_args=["--ros-args", "--params-file", str(dump)])
    try:
        assert Parameters(node).checked() == Config(method="bicubic", scale=SCALE)
    finally:
        node.destroy_node()
