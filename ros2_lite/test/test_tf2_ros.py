"""tf2_ros: where one frame lies in another, at which time, and what is said where it is not known."""

import sys
import threading
import time

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.time import Time
from ros2_process import wait_until
from rosgraph_msgs.msg import Clock
from tf2_ros import (
    Buffer,
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    StaticTransformBroadcaster,
    TransformBroadcaster,
    TransformListener,
)

HALF = np.sqrt(0.5)
QUARTER_TURN = (0.0, 0.0, HALF, HALF)  # about z


def transform(parent, child, translation=(0.0, 0.0, 0.0), rotation=(0.0, 0.0, 0.0, 1.0), seconds=0.0):
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id = parent
    message.header.stamp = Time(seconds=seconds).to_msg()
    for part, values in ((message.transform.translation, translation), (message.transform.rotation, rotation)):
        for axis, value in zip("xyzw", values):
            setattr(part, axis, float(value))
    return message


def numbers(message):
    """(translation, rotation with a positive w)"""
    move, turn = message.transform.translation, message.transform.rotation
    rotation = np.array([turn.x, turn.y, turn.z, turn.w])
    return np.array([move.x, move.y, move.z]), rotation * (1 if rotation[3] >= 0 else -1)


@pytest.fixture
def rig():
    """A map in which a robot drives 2 m along x from 10 s to 12 s while it turns left; two cameras on it, one turned."""
    buffer = Buffer()
    buffer.set_transform(transform("map", "robot", (1, 0, 0), seconds=10.0), "test")
    buffer.set_transform(transform("map", "robot", (3, 0, 0), QUARTER_TURN, 12.0), "test")
    buffer.set_transform_static(transform("robot", "colour", (0, 0.1, 0.5), QUARTER_TURN), "test")
    buffer.set_transform_static(transform("robot", "/depth", (0, -0.1, 0.5)), "test")
    return buffer


def test_static_transforms_hold_at_any_time_and_between_siblings(rig):
    for seconds in (0.0, 11.0, 1e6):
        translation, rotation = numbers(rig.lookup_transform("colour", "depth", Time(seconds=seconds)))
        assert np.allclose(translation, (-0.2, 0, 0)) and np.allclose(rotation, (0, 0, -HALF, HALF))


def test_the_way_there_undoes_the_way_back(rig):
    there = numbers(rig.lookup_transform("map", "colour", Time(seconds=12)))
    back = numbers(rig.lookup_transform("colour", "map", Time(seconds=12)))
    assert np.allclose(there[0], (2.9, 0, 0.5)) and np.allclose(there[1], (0, 0, 1, 0), atol=1e-6)
    assert np.allclose(back[0], (2.9, 0, -0.5))


def test_between_two_stamps_it_is_interpolated(rig):
    answer = rig.lookup_transform("map", "robot", Time(seconds=11))
    translation, rotation = numbers(answer)
    assert np.allclose(translation, (2, 0, 0))
    assert np.allclose(rotation, (0, 0, np.sin(np.pi / 8), np.cos(np.pi / 8)))
    assert (answer.header.frame_id, answer.child_frame_id, answer.header.stamp.sec) == ("map", "robot", 11)


def test_time_zero_is_the_newest_at_which_all_of_the_way_is_known(rig):
    rig.set_transform(transform("robot", "arm", (0, 1, 0), seconds=11.0), "test")
    answer = rig.lookup_transform("map", "arm", Time())
    assert answer.header.stamp.sec == 11
    assert np.allclose(numbers(answer)[0], (2 - np.sin(np.pi / 4), np.cos(np.pi / 4), 0))


@pytest.mark.parametrize(
    "target, source, seconds, error, says",
    [
        ("map", "robot", 9.9, ExtrapolationException, "from 10.000000 to 12.000000"),
        ("map", "depth", 12.1, ExtrapolationException, "12.1"),
        ("map", "nowhere", 11, LookupException, '"nowhere" passed to lookupTransform argument source_frame does not exist'),
        ("world", "map", 11, LookupException, "world"),
        ("map", "moon", 11, ConnectivityException, "not part of the same tree"),
    ],
)
def test_what_is_not_known_is_said(rig, target, source, seconds, error, says):
    rig.set_transform_static(transform("earth", "moon"), "test")
    with pytest.raises(error, match=says):
        rig.lookup_transform(target, source, Time(seconds=seconds))
    known, why = rig.can_transform(target, source, Time(seconds=seconds), return_debug_tuple=True)
    assert not known and says in why


@pytest.mark.parametrize(
    "wrong",
    [
        transform("a", "a"),
        transform("", "b"),
        transform("a", "b", rotation=(0, 0, 0, 0)),
        transform("a", "b", rotation=(1, 1, 1, 1)),
        transform("a", "b", translation=(float("nan"), 0, 0)),
    ],
)
def test_what_is_no_transform_is_refused(wrong):
    with pytest.raises(InvalidArgumentException):
        Buffer().set_transform(wrong, "test")


def test_frames_that_close_a_loop_do_not_hang():
    buffer = Buffer()
    for parent, child in (("a", "b"), ("b", "c"), ("c", "a")):
        buffer.set_transform_static(transform(parent, child, (1, 0, 0)), "test")
    buffer.set_transform_static(transform("x", "y"), "test")
    with pytest.raises(ConnectivityException):
        buffer.lookup_transform("a", "y", Time())


def test_old_transforms_are_forgotten_and_late_ones_find_their_place():
    buffer = Buffer(Duration(seconds=5))
    for seconds in (1, 2, 8, 4, 6):
        buffer.set_transform(transform("a", "b", (seconds, 0, 0), seconds=seconds), "test")
    assert numbers(buffer.lookup_transform("a", "b", Time(seconds=5)))[0][0] == 5
    assert not buffer.can_transform("a", "b", Time(seconds=2))
    assert not buffer.can_transform("a", "b", Time(seconds=3.5))


def test_a_lookup_waits_for_what_comes_in_time(rig):
    later = transform("map", "robot", (9, 0, 0), seconds=20.0)
    threading.Timer(0.1, lambda: rig.set_transform(later, "test")).start()
    assert numbers(rig.lookup_transform("map", "robot", Time(seconds=20), Duration(seconds=30)))[0][0] == 9


@pytest.fixture
def node():
    rclpy.init()
    node = rclpy.create_node("frames", parameter_overrides=[Parameter("use_sim_time", value=True)])
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin)
    thread.start()
    yield node
    executor.shutdown()
    thread.join()
    node.destroy_node()
    rclpy.try_shutdown()


def test_a_listener_that_comes_late_hears_static_transforms_of_all_and_dynamic_ones_from_then_on(node):
    pytest.importorskip("tf2_msgs.msg", reason="tf2_msgs is not built here")
    static = StaticTransformBroadcaster(node)
    static.sendTransform(transform("base", "left"))
    static.sendTransform([transform("base", "right", (1, 0, 0))])
    buffer = Buffer()
    listener = TransformListener(buffer, node)
    wait_until(lambda: buffer.can_transform("left", "right", Time()))
    moving = TransformBroadcaster(node)
    wait_until(lambda: node.count_subscribers("/tf"))
    wait_until(
        lambda: (
            moving.sendTransform([transform("base", "base"), transform("odom", "base", seconds=50.0)])
            or buffer.can_transform("odom", "right", Time(seconds=50))
        )
    )
    clock = node.create_publisher(Clock, "/clock", 1)
    for seconds in (60, 5):  # a bag that starts anew
        message = Clock(clock=Time(seconds=seconds).to_msg())
        wait_until(lambda: clock.publish(message) or time.sleep(0.01) or node.get_clock().now().nanoseconds == seconds * 10**9)
    wait_until(lambda: not buffer.can_transform("odom", "right", Time()))
    assert buffer.can_transform("left", "right", Time())
    listener.unregister()
    assert node.count_subscribers("/tf_static") == 0 or wait_until(lambda: not node.count_subscribers("/tf_static")) is None


def test_without_tf2_msgs_one_line_says_so_and_what_was_set_by_hand_is_found(node, monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "tf2_msgs", None)
    monkeypatch.setitem(sys.modules, "tf2_msgs.msg", None)
    buffer = Buffer()
    TransformListener(buffer, node)
    StaticTransformBroadcaster(node).sendTransform(transform("a", "b"))
    buffer.set_transform_static(transform("a", "b"), "by hand")
    assert buffer.can_transform("a", "b", Time())
    assert capfd.readouterr().err.count("tf2_msgs is not installed") == 1
