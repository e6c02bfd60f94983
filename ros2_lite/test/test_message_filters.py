"""message_filters: callbacks get what passes, with the arguments they were registered with, and filters chain."""

import time

import pytest
import rclpy
from message_filters import ApproximateTimeSynchronizer, SimpleFilter, Subscriber, TimeSynchronizer
from rclpy.qos import qos_profile_sensor_data
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header, Int32


def test_callbacks_are_called_in_their_order_with_their_arguments():
    calls = []
    source = SimpleFilter()
    source.registerCallback(lambda message, *args: calls.append(("a", message, args)))
    source.registerCallback(lambda message, *args: calls.append(("b", message, args)), 1, "two")
    source.signalMessage("message")
    assert calls == [("a", "message", ()), ("b", "message", (1, "two"))]


def test_filters_chain():
    class Even(SimpleFilter):
        def __init__(self, source):
            super().__init__()
            source.registerCallback(self.add)

        def add(self, number):
            if number % 2 == 0:
                self.signalMessage(number, -number)

    source, passed = SimpleFilter(), []
    Even(source).registerCallback(lambda *numbers: passed.append(numbers))
    for number in range(5):
        source.signalMessage(number)
    assert passed == [(0, 0), (2, -2), (4, -4)]


@pytest.mark.parametrize("qos", [{}, {"qos_profile": qos_profile_sensor_data}])
def test_subscriber_passes_the_messages_of_its_topic(qos):
    rclpy.init()
    node = rclpy.create_node("filtered")
    heard = []
    subscriber = Subscriber(node, Int32, "number", **qos)
    subscriber.registerCallback(heard.append)
    publisher = node.create_publisher(Int32, "/number", 10)
    give_up = time.monotonic() + 20
    while not heard and time.monotonic() < give_up:
        publisher.publish(Int32(data=5))
        rclpy.spin_once(node, timeout_sec=0.05)
    assert heard[0].data == 5
    assert subscriber.getTopic() == "number"
    node.destroy_subscription(subscriber.sub)
    node.destroy_node()
    rclpy.try_shutdown()


def info(milliseconds):
    return CameraInfo(header=Header(stamp=Time(nanoseconds=milliseconds * 10**6).to_msg()), width=milliseconds)


def synchronised(make, *sends):
    """The pairs (their milliseconds) that come of (stream, milliseconds) in this order."""
    streams, pairs = (SimpleFilter(), SimpleFilter()), []
    make(streams).registerCallback(lambda *messages: pairs.append(tuple(message.width for message in messages)))
    for stream, milliseconds in sends:
        streams[stream].signalMessage(info(milliseconds))
    return pairs


def test_equal_stamps_meet_whatever_their_order_and_each_message_once():
    sends = [(0, 1), (0, 2), (1, 2), (1, 1), (1, 3), (0, 4), (0, 3), (1, 3)]
    assert synchronised(lambda streams: TimeSynchronizer(streams, 10), *sends) == [(2, 2), (1, 1), (3, 3)]
    assert synchronised(lambda streams: TimeSynchronizer(streams, 1), *sends) == [(2, 2), (3, 3)]


def test_near_stamps_meet_within_the_slop_and_the_nearest_is_taken():
    def make(streams):
        return ApproximateTimeSynchronizer(streams, 10, 0.015)

    assert synchronised(make, (0, 0), (0, 20), (1, 22), (1, 60), (0, 50), (1, 80)) == [(20, 22), (50, 60)]


def test_a_recording_that_starts_anew_pairs_as_before():
    frames = [(stream, milliseconds) for milliseconds in range(0, 1000, 33) for stream in (0, 1)]
    assert len(synchronised(lambda streams: ApproximateTimeSynchronizer(streams, 5, 0.01), *frames, *frames)) == len(frames)


def test_a_callback_that_fails_leaves_no_lock_behind():
    streams, calls = (SimpleFilter(), SimpleFilter()), []
    TimeSynchronizer(streams, 10).registerCallback(lambda *_: calls.append(1) or 1 / 0)
    for milliseconds in (1, 2):
        streams[0].signalMessage(info(milliseconds))
        with pytest.raises(ZeroDivisionError):
            streams[1].signalMessage(info(milliseconds))
    assert len(calls) == 2


def test_messages_without_a_header_are_synchronised_only_where_that_is_asked_for():
    for options, count in (({}, 0), ({"allow_headerless": True}, 1)):
        streams, pairs = (SimpleFilter(), SimpleFilter()), []
        ApproximateTimeSynchronizer(streams, 10, 10.0, **options).registerCallback(lambda *pair: pairs.append(pair))
        for stream in streams:
            if count:
                stream.signalMessage(Int32())
            else:
                with pytest.raises(TypeError, match="Int32 has no header"):
                    stream.signalMessage(Int32())
        assert len(pairs) == count
