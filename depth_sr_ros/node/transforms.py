"""Where the depth camera stands, from TF at a frame's stamp or from a parameter."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from depth_sr_ros.core.result import FrameError
from depth_sr_ros.core.rigid import from_quaternion

FIRST_WAIT_S, LATE_WAIT_S = 1.0, 0.1  # after subscribing, and for a transform that is not there yet
WAYS_OUT = (
    "publish it on /tf_static or /tf, or set depth_to_colour to 'x y z roll pitch yaw' (metres, radians); "
    "where the images are registered although their frames differ, set registration to none"
)


class Transforms:
    """Transforms between camera frames, from TF. The topics are subscribed when the first one is asked for.

    Args:
        node: subscribes /tf and /tf_static.
    """

    def __init__(self, node: Any) -> None:
        self._node = node
        self._buffer: Any = None
        self._listener: Any = None
        self._patient_until_s = 0.0

    def find(self, target: str, source: str, stamp: Any) -> np.ndarray:
        """(4, 4): points in the frame `source` -> the frame `target`, at a builtin_interfaces/Time.

        A transform that is not there yet is waited for a moment, in the caller's thread.

        Raises:
            FrameError: no_transform, or bad_transform: TF has one, but it is no rotation with a translation.
        """
        found = self._look_up(target, source, stamp)
        t, q = found.transform.translation, found.transform.rotation
        try:
            return from_quaternion((t.x, t.y, t.z), (q.x, q.y, q.z, q.w))
        except ValueError as error:
            raise FrameError("bad_transform", f"TF from {source!r:.80} to {target!r:.80}: {error}") from None

    def close(self) -> None:
        """Unsubscribe."""
        listener, self._listener, self._buffer = self._listener, None, None
        if listener is not None:
            listener.unregister()

    def _look_up(self, target: str, source: str, stamp: Any) -> Any:
        from rclpy.time import Time

        tf2_ros = self._listen()
        give_up_s = max(time.monotonic() + LATE_WAIT_S, self._patient_until_s)
        while True:
            try:
                return self._buffer.lookup_transform(target, source, Time.from_msg(stamp))
            except tf2_ros.TransformException as error:
                if time.monotonic() >= give_up_s:
                    text = f"no transform from {source!r:.80} to {target!r:.80} at the image's stamp ({str(error):.300})"
                    raise FrameError("no_transform", f"{text}: {WAYS_OUT}") from None
            time.sleep(0.01)

    def _listen(self) -> Any:
        try:
            import tf2_ros
        except ImportError as error:
            raise FrameError("no_transform", f"TF cannot be listened to ({error}): {WAYS_OUT}") from None
        if self._listener is None:
            self._buffer = tf2_ros.Buffer()
            self._listener = tf2_ros.TransformListener(self._buffer, self._node, spin_thread=False)
            self._patient_until_s = time.monotonic() + FIRST_WAIT_S
        return tf2_ros
