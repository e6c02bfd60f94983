"""Publishers of transforms."""

from typing import Any

from geometry_msgs.msg import TransformStamped

from tf2_ros.topics import DYNAMIC, STATIC, message_class, profile


class TransformBroadcaster:
    """Publishes on /tf."""

    topic, depth = DYNAMIC, 100

    def __init__(self, node: Any) -> None:
        self._kind = message_class(node)
        self._publisher = self._kind and node.create_publisher(self._kind, self.topic, profile(self.topic, self.depth))

    def sendTransform(self, transform: TransformStamped | list[TransformStamped]) -> None:  # noqa: N802 (tf2_ros' name)
        """Publish a transform, or several."""
        if self._kind is not None:
            transforms = transform if isinstance(transform, list) else [transform]
            self._publisher.publish(self._kind(transforms=self._all(transforms)))

    def _all(self, transforms: list[TransformStamped]) -> list[TransformStamped]:
        return transforms


class StaticTransformBroadcaster(TransformBroadcaster):
    """Publishes on /tf_static, each time all that it was ever given: only the last message reaches those who come late."""

    topic, depth = STATIC, 1

    def __init__(self, node: Any) -> None:
        super().__init__(node)
        self._known: dict[str, TransformStamped] = {}

    def _all(self, transforms: list[TransformStamped]) -> list[TransformStamped]:
        self._known |= {transform.child_frame_id: transform for transform in transforms}
        return list(self._known.values())
