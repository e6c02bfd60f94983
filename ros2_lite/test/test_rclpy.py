"""rclpy's behaviour inside one process: executors, timers, time, arguments, parameters, QoS, shutdown."""

import array
import itertools
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import Quaternion
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock as SystemClock
from rclpy.clock import ClockType, JumpThreshold
from rclpy.duration import Duration
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterAlreadyDeclaredException,
    ParameterNotDeclaredException,
    ParameterUninitializedException,
)
from rclpy.executors import MultiThreadedExecutor, SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import QoSPolicyKind, QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.serialization import deserialize_message, serialize_message
from rclpy.time import Time
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Int32
from std_srvs.srv import SetBool


@pytest.fixture
def make_node():
    nodes = []

    def make(*ros_args, name="n", **options):
        if not rclpy.ok():
            rclpy.init(args=["program", "--ros-args", *ros_args])
        nodes.append(rclpy.create_node(name, **options))
        return nodes[-1]

    yield make
    for node in nodes:
        node.destroy_node()
    rclpy.try_shutdown()


def spin_until(node, condition, timeout=10.0):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        rclpy.spin_once(node, timeout_sec=0.05)


def test_messages_are_checked_and_copied_by_the_wire():
    assert Quaternion().w == 1.0
    image = Image(data=np.arange(6, dtype=np.uint8), encoding="mono8")
    assert image.data == array.array("B", range(6))
    again = deserialize_message(serialize_message(image), Image)
    assert again == image and again.data is not image.data
    info = deserialize_message(serialize_message(CameraInfo(k=range(9), d=[0.5])), CameraInfo)
    assert info.k.tolist() == list(range(9)) and info.d == array.array("d", [0.5])
    for wrong in ({"height": -1}, {"height": 1.0}, {"encoding": 3}, {"header": 1}, {"nonesuch": 1}):
        with pytest.raises(AssertionError):
            Image(**wrong)
    with pytest.raises(ValueError, match="sensor_msgs/msg/Image"):
        deserialize_message(serialize_message(image)[:-8], Image)


def test_remaps_name_namespace_and_parameters(make_node, tmp_path):
    files = [tmp_path / "a.yaml", tmp_path / "b.yaml"]
    files[0].write_text("/**:\n  ros__parameters: {a: 1, b: 1, group: {c: 1e-3}}\n")
    files[1].write_text("/robot/*:\n  ros__parameters: {b: 2}\nother:\n  ros__parameters: {a: 9}\n")
    node = make_node(
        "-r",
        "__node:=renamed",
        "-r",
        "__ns:=/robot",
        "-r",
        "in:=cam/in",
        "-p",
        "d:=[1, 2]",
        "--params-file",
        str(files[0]),
        "--params-file",
        str(files[1]),
    )
    assert node.get_fully_qualified_name() == "/robot/renamed"
    assert node.resolve_topic_name("in") == "/robot/cam/in"
    assert node.resolve_topic_name("~/out") == "/robot/renamed/out"
    got = {
        name: node.declare_parameter(name, default).value
        for name, default in {"a": 0, "b": 0, "group.c": 0.0, "d": [0], "e": "kept"}.items()
    }
    assert got == {"a": 1, "b": 2, "group.c": 1e-3, "d": [1, 2], "e": "kept"}


def test_unknown_ros_argument_is_an_error():
    with pytest.raises(ValueError, match="--nonesuch"):
        rclpy.init(args=["x", "--ros-args", "--nonesuch"])
    assert not rclpy.ok()


def test_parameter_rules(make_node):
    node = make_node("-p", "typed:=text")
    step = ParameterDescriptor(integer_range=[IntegerRange(from_value=0, to_value=9, step=3)])
    node.declare_parameter("scale", 3, step)
    node.declare_parameter(
        "ratio",
        0.5,
        ParameterDescriptor(floating_point_range=[FloatingPointRange(from_value=0.0, to_value=1.0)]),
    )
    node.declare_parameter("fixed", "x", ParameterDescriptor(read_only=True))
    node.declare_parameter("any", 1, ParameterDescriptor(dynamic_typing=True))
    node.declare_parameter("later", Parameter.Type.INTEGER)

    def put(name, value):
        return node.set_parameters([Parameter(name, value=value)])[0].successful

    assert put("scale", 6) and put("ratio", 0.25) and put("any", "now text") and put("later", 1)
    assert not any((put("scale", 4), put("scale", 12), put("scale", "6"), put("ratio", 1.5), put("fixed", "y")))
    assert [p.value for p in node.get_parameters(["scale", "ratio", "fixed", "any"])] == [
        6,
        0.25,
        "x",
        "now text",
    ]
    with pytest.raises(ParameterAlreadyDeclaredException):
        node.declare_parameter("scale", 1)
    with pytest.raises(ParameterNotDeclaredException):
        node.get_parameter("nonesuch")
    with pytest.raises(ParameterNotDeclaredException):
        put("nonesuch", 1)
    with pytest.raises(InvalidParameterTypeException):
        node.declare_parameter("typed", 1)
    with pytest.raises(InvalidParameterValueException):
        node.declare_parameter("outside", 99, ParameterDescriptor(integer_range=[IntegerRange(to_value=9)]))
    assert not node.has_parameter("outside")
    node.declare_parameter("empty", Parameter.Type.STRING)
    with pytest.raises(ParameterUninitializedException):
        node.get_parameter("empty")


def test_parameter_callbacks_run_in_order_and_can_refuse(make_node):
    node = make_node()
    node.declare_parameter("a", 1)
    calls = []
    node.add_pre_set_parameters_callback(lambda p: calls.append("pre") or p)
    node.add_on_set_parameters_callback(lambda p: calls.append("on") or SetParametersResult(successful=p[0].value < 5))
    node.add_post_set_parameters_callback(lambda p: calls.append("post"))
    assert node.set_parameters_atomically([Parameter("a", value=2)]).successful
    assert not node.set_parameters_atomically([Parameter("a", value=9)]).successful
    assert calls == ["pre", "on", "post", "pre", "on"] and node.get_parameter("a").value == 2


def test_timer_and_service_and_client(make_node):
    node = make_node()
    ticks = []
    timer = node.create_timer(0.01, lambda: ticks.append(1))
    spin_until(node, lambda: len(ticks) >= 3)
    timer.cancel()
    count = len(ticks)
    node.create_service(SetBool, "~/switch", lambda q, r: SetBool.Response(success=q.data, message="done"))
    client = node.create_client(SetBool, "n/switch")
    assert client.wait_for_service(5.0)
    future = client.call_async(SetBool.Request(data=True))
    rclpy.spin_until_future_complete(node, future, timeout_sec=5.0)
    assert future.result() == SetBool.Response(success=True, message="done") and len(ticks) == count


def test_a_timer_that_falls_due_while_the_executor_makes_ready_to_wait_is_not_slept_over(make_node):
    class Stepping(SystemClock):
        """A nanosecond passes with every look."""

        looks = itertools.count()

        @property
        def nanoseconds(self):
            return next(self.looks)

    node, ticks = make_node(), []
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    for nanoseconds in (1, 2, 3, 4):  # so that one of them falls due between any two looks
        timer = node.create_timer(nanoseconds * 1e-9, lambda: ticks.append(1), clock=Stepping())
        thread = threading.Thread(target=executor.spin_once)
        thread.start()
        thread.join(10)
        ended = not thread.is_alive()
        executor.wake()
        thread.join()
        assert ended and ticks.pop()
        node.destroy_timer(timer)
    executor.shutdown()


def test_multi_threaded_executor_runs_reentrant_callbacks_together_and_others_not(make_node):
    node, both = make_node(), threading.Barrier(2)
    executor = MultiThreadedExecutor(num_threads=3)
    executor.add_node(node)
    group, met, inside, overlaps = ReentrantCallbackGroup(), [], [], []

    def alone():
        overlaps.extend(inside)
        inside.append(1)
        time.sleep(0.005)
        inside.pop()

    for _ in range(2):
        node.create_timer(0.01, lambda: both.wait(5) >= 0 and met.append(1), callback_group=group)
        node.create_timer(0.001, alone)
    end = time.monotonic() + 10
    while len(met) < 6 and time.monotonic() < end:
        executor.spin_once(timeout_sec=0.1)
    both.abort()
    executor.shutdown(timeout_sec=5)
    assert len(met) >= 6 and not overlaps


def test_a_callbacks_exception_reaches_who_spins(make_node):
    node = make_node()
    node.create_timer(0.001, lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        rclpy.spin(node)
    with MultiThreadedExecutor() as executor, pytest.raises(ZeroDivisionError):
        executor.add_node(node)
        executor.spin()


def test_simulated_time_drives_timers_and_jump_callbacks(make_node):
    node = make_node("-p", "use_sim_time:=true")
    clock, jumps, ticks = node.get_clock(), [], []
    assert clock.now() == Time(clock_type=ClockType.ROS_TIME)
    publisher = node.create_publisher(Clock, "/clock", 1)
    node.create_timer(1.0, lambda: ticks.append(clock.now().nanoseconds))
    clock.create_jump_callback(JumpThreshold(min_forward=None, min_backward=Duration(seconds=-1)), post_callback=jumps.append)
    spin_until(node, publisher.get_subscription_count)
    for seconds in (100, 100.5, 101.5, 50, 51.2):
        publisher.publish(Clock(clock=Time(seconds=seconds).to_msg()))
        spin_until(node, lambda: clock.now().nanoseconds == int(seconds * 1e9))  # noqa: B023
        spin_until(node, lambda: True)
        for _ in range(3):
            rclpy.spin_once(node, timeout_sec=0.01)
    assert [jump.delta.nanoseconds for jump in jumps] == [-51_500_000_000]
    assert ticks == [100_000_000_000, 101_500_000_000, 51_200_000_000]


def test_incompatible_qos_is_told_and_overrides_mend_it(make_node):
    node = make_node("-p", "qos_overrides./image.subscription.reliability:=best_effort")
    events, got = [], []
    publisher = node.create_publisher(Int32, "/image", qos_profile_sensor_data)
    wanted = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
    node.create_subscription(
        Int32,
        "/image",
        got.append,
        wanted,
        event_callbacks=SubscriptionEventCallbacks(incompatible_qos=events.append),
    )
    spin_until(node, lambda: events)
    assert events[0].last_policy_kind is QoSPolicyKind.RELIABILITY and publisher.get_subscription_count() == 0
    mended = node.create_subscription(
        Int32,
        "/image",
        got.append,
        wanted,
        qos_overriding_options=QoSOverridingOptions.with_default_policies(),
    )
    assert mended.qos_profile.reliability is ReliabilityPolicy.BEST_EFFORT
    spin_until(node, publisher.get_subscription_count)
    publisher.publish(Int32(data=4))
    spin_until(node, lambda: got)
    assert got == [Int32(data=4)]


def test_graph_queries_follow_endpoints(make_node):
    node = make_node()
    publisher = node.create_publisher(Int32, "count", 1)
    spin_until(node, lambda: node.count_publishers("count") == 1)
    (info,) = node.get_publishers_info_by_topic("/count")
    assert (info.node_name, info.topic_type) == ("n", "std_msgs/msg/Int32")
    assert ("/count", ["std_msgs/msg/Int32"]) in node.get_publisher_names_and_types_by_node("n", "/")
    node.destroy_publisher(publisher)
    spin_until(node, lambda: node.count_publishers("count") == 0)


def test_log_filters_count_for_each_line(make_node, capfd):
    logger = make_node().get_logger()
    for number in range(3):
        logger.info(f"once {number}", once=True)
        logger.info(f"skipped {number}", skip_first=True)
        logger.info(f"throttled {number}", throttle_duration_sec=60.0)
        logger.debug("never")
    lines = [line.split("]: ")[1] for line in capfd.readouterr().err.splitlines() if "[n]: " in line]
    assert lines == ["once 0", "throttled 0", "skipped 1", "skipped 2"]


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, "KeyboardInterrupt"), (signal.SIGTERM, "ExternalShutdownException")]
)
def test_signals_end_spinning_and_the_graph_forgets_at_once(make_node, number, error):
    code = (
        "import rclpy; rclpy.init(); node = rclpy.create_node('child')\n"
        "node.create_timer(0.05, lambda: print('up', flush=True))\n"
        "try: rclpy.spin(node)\n"
        "except BaseException as error: print(type(error).__name__, rclpy.ok(), flush=True)\n"
    )
    node = make_node()
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=os.environ)
    assert process.stdout.readline() == "up\n"
    spin_until(node, lambda: "child" in node.get_node_names())
    process.send_signal(number)
    output, _ = process.communicate(timeout=10)
    assert output.splitlines()[-1] == f"{error} False" and process.returncode == 0
    spin_until(node, lambda: "child" not in node.get_node_names(), timeout=3.0)


def test_images_do_not_fill_memory(make_node):
    node, got = make_node(), []
    publisher = node.create_publisher(Image, "image", 3)
    node.create_subscription(Image, "image", lambda image: got.append(image.height), 3)
    image = Image(data=bytes(300_000))

    def send(count):
        for _ in range(count):
            image.height = len(got)
            publisher.publish(image)
            spin_until(node, lambda: len(got) > image.height)

    def resident():
        return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    send(100)
    before = resident()
    send(1000)
    assert resident() - before < 10_000_000  # a thousand of them are 300 MB


def test_a_small_receive_buffer_is_told_of(tmp_path):
    from ros2_lite.domain import receive_buffer_advice

    setting = tmp_path / "rmem_max"
    assert receive_buffer_advice(setting) == ""
    setting.write_text("212992\n")
    assert "212992" in receive_buffer_advice(setting) and "sysctl" in receive_buffer_advice(setting)
    setting.write_text("4194304\n")
    assert receive_buffer_advice(setting) == ""
