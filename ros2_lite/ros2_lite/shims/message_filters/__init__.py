"""The filter protocol of ROS 2's `message_filters`: a filter calls back what it lets through, filters chain."""

import threading

from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.time import Time


class SimpleFilter:
    """Calls its callbacks with whatever `signalMessage` is given."""

    def __init__(self):
        self.callbacks = {}

    def registerCallback(self, callback, *args):  # noqa: N802 (the name is message_filters' own)
        """Add `callback(*messages, *args)`; returns the key under which it stands in `callbacks`."""
        key = len(self.callbacks)
        self.callbacks[key] = (callback, args)
        return key

    def signalMessage(self, *messages):  # noqa: N802
        """Hand the messages on, in the order in which the callbacks were added."""
        for callback, args in list(self.callbacks.values()):
            callback(*messages, *args)


class Subscriber(SimpleFilter):
    """A topic as the source of a chain of filters.

    `Subscriber(node, message_type, topic, **options)`: the options are those of `node.create_subscription`;
    `qos_profile` is 10 where it is not given. The subscription itself is `.sub`.
    """

    def __init__(self, node, msg_type, topic, *, qos_profile=10, **options):
        super().__init__()
        self.node, self.topic = node, topic
        self.sub = node.create_subscription(msg_type, topic, self.callback, qos_profile=qos_profile, **options)

    def callback(self, message):
        """What the subscription calls."""
        self.signalMessage(message)

    def getTopic(self):  # noqa: N802
        """The topic as it was asked for, before namespace and remapping."""
        return self.topic


class ApproximateTimeSynchronizer(SimpleFilter):
    """Hands on one message of each filter together where their stamps lie within `slop` seconds.

    Each filter's last `queue_size` messages wait, by their order of arrival; callbacks run outside of the lock.
    """

    def __init__(self, fs, queue_size, slop, allow_headerless=False):
        super().__init__()
        self.queue_size, self.slop = queue_size, Duration(seconds=slop).nanoseconds
        self.allow_headerless, self._clock = allow_headerless, Clock(clock_type=ClockType.ROS_TIME)
        self.queues = [{} for _ in fs]
        self.lock = threading.Lock()
        self.input_connections = [source.registerCallback(self.add, queue) for source, queue in zip(fs, self.queues)]

    def add(self, message, queue):
        """Take a message of the filter whose queue this is."""
        stamp = self._stamp(message)
        with self.lock:
            queue.pop(stamp, None)
            queue[stamp] = message
            if len(queue) > self.queue_size:
                del queue[next(iter(queue))]
            together = self._together(stamp)
        if together:
            self.signalMessage(*together)

    def _together(self, stamp):
        """The messages nearest to this stamp, taken from the queues; None where they are not near enough."""
        if not all(self.queues):
            return None
        nearest = [min(queue, key=lambda other: abs(other - stamp)) for queue in self.queues]
        if max(nearest) - min(nearest) > self.slop:
            return None
        return [queue.pop(found) for queue, found in zip(self.queues, nearest)]

    def _stamp(self, message):
        if hasattr(message, "header"):
            return Time.from_msg(message.header.stamp).nanoseconds
        if not self.allow_headerless:
            raise TypeError(f"{type(message).__name__} has no header: it cannot be synchronised unless allow_headerless is set")
        return self._clock.now().nanoseconds


class TimeSynchronizer(ApproximateTimeSynchronizer):
    """Hands on one message of each filter together where their stamps are the same."""

    def __init__(self, fs, queue_size):
        super().__init__(fs, queue_size, slop=0.0)
