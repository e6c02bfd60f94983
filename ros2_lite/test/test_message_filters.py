"""message_filters: callbacks get what passes, with the arguments they were registered with, and filters chain."""

import time

import pytest
import rclpy
from message_filters import SimpleFilter, Subscriber
from rclpy.qos import qos_profile_sensor_data
from std_msgs.msg import Int32


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
