"""`TransformListener`: fills a buffer from /tf and /tf_static."""

from functools import partial
from threading import Thread
from typing import Any

from rclpy.clock import JumpThreshold
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile

from tf2_ros.buffer import Buffer
from tf2_ros.exceptions import InvalidArgumentException
from tf2_ros.topics import DYNAMIC, STATIC, message_class, profile


class TransformListener:
    """Subscribes with `node`, whose executor calls back; with `spin_thread` a thread of its own spins the node."""

    def __init__(
        self,
        buffer: Buffer,
        node: Any,
        *,
        spin_thread: bool = False,
        qos: QoSProfile | None = None,
        static_qos: QoSProfile | None = None,
    ) -> None:
        self.buffer, self.node = buffer, node
        backward = JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1))
        self._jumps = node.get_clock().create_jump_callback(backward, post_callback=lambda _: buffer.clear())
        self._subscriptions = self._subscribe(qos, static_qos)
        self._executor = SingleThreadedExecutor() if spin_thread else None
        if self._executor is not None:
            self._executor.add_node(node)
            self._thread = Thread(target=self._executor.spin, daemon=True)
            self._thread.start()

    def unregister(self) -> None:
        """Stop listening."""
        if self._executor is not None:
            self._executor.shutdown()
            self._thread.join()
        self._jumps.unregister()
        for subscription in self._subscriptions:
            self.node.destroy_subscription(subscription)

    def _subscribe(self, dynamic_qos: QoSProfile | None, static_qos: QoSProfile | None) -> list[Any]:
        kind = message_class(self.node)
        if kind is None:
            return []
        return [
            self.node.create_subscription(kind, topic, partial(self._add, add), given or profile(topic, 100))
            for topic, add, given in (
                (DYNAMIC, self.buffer.set_transform, dynamic_qos),
                (STATIC, self.buffer.set_transform_static, static_qos),
            )
        ]

    def _add(self, add: Any, message: Any) -> None:
        for transform in message.transforms:
            try:
                add(transform, "default_authority")
            except InvalidArgumentException as error:
                self.node.get_logger().warning(f"a transform is ignored: {error}", throttle_duration_sec=10.0)
