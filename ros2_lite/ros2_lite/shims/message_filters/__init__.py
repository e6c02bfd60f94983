"""The filter protocol of ROS 2's `message_filters`: a filter calls back what it lets through, filters chain.

Only what a node with its own synchroniser needs: `SimpleFilter`, the base of every filter, and `Subscriber`.
"""


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
