"""What is wrong with the topics that the node subscribes: no publisher, another type, or a QoS profile that does not fit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from rclpy.node import Node

from depth_sr_ros.node.texts import shortened
from depth_sr_ros.node.topics import Topic

SUGGESTED = 5  # topics that a warning names
LOOK_AROUND_S = 30.0  # between two looks at the whole graph, which may be large


class TopicWatch:
    """Warns of topics that cannot deliver, and says where else their type is published.

    The graph is asked about the node's own topics alone, and as a whole only while one of them has no publisher, seldom.
    """

    def __init__(self, node: Node, clock: Callable[[], float] = time.monotonic) -> None:
        self._node = node
        self._clock = clock
        self._elsewhere: dict[str, str] = {}  # by type
        self._looked_s: dict[str, float] = {}

    def warnings(self, topics: Iterable[Topic]) -> list[str]:
        """A line for every topic that cannot deliver; what is known of their publishers is what they followed last."""
        lines = []
        for topic in topics:
            if not topic.publishers:
                lines.append(f"no publisher on {topic.name}{self._hint(topic.type_name)}")
            lines += [f"publisher of {topic.name} does not fit: {reason}" for reason in topic.misfits()]
        return [shortened(line, 600) for line in lines]

    def _hint(self, type_name: str) -> str:
        now = self._clock()
        if type_name not in self._looked_s or now - self._looked_s[type_name] >= LOOK_AROUND_S:
            self._looked_s[type_name] = now
            self._elsewhere[type_name] = self._look_around(type_name)
        return self._elsewhere[type_name]

    def _look_around(self, type_name: str) -> str:
        """Say on which topics others publish the type, for who has mistaken the name; empty where nobody does."""
        own = f"{self._node.get_fully_qualified_name()}/"
        topics = sorted(
            name
            for name, types in self._node.get_topic_names_and_types()
            if type_name in types and not name.startswith(own) and self._node.count_publishers(name)
        )
        more = f" and {len(topics) - SUGGESTED} more" if len(topics) > SUGGESTED else ""
        return f"; {type_name} comes on {', '.join(topics[:SUGGESTED])}{more}" if topics else ""
