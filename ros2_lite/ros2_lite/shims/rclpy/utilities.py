"""rclpy.utilities."""

import atexit
import sys
import threading

from ros2_lite import names

from .context import Context, live_contexts

_lock = threading.Lock()
_default: Context | None = None


def get_default_context(*, shutting_down: bool = False) -> Context:
    global _default
    with _lock:
        if _default is None:
            _default = Context()
        return _default


def ok(*, context: Context | None = None) -> bool:
    return (context or get_default_context()).ok()


def shutdown(*, context: Context | None = None) -> None:
    (context or get_default_context()).shutdown()


def try_shutdown(*, context: Context | None = None) -> None:
    (context or get_default_context()).try_shutdown()


def remove_ros_args(args: list[str] | None = None) -> list[str]:
    """The arguments that are not for ROS."""
    return names.parse(sys.argv if args is None else list(args)).others


def get_rmw_implementation_identifier() -> str:
    return "rmw_cyclonedds_cpp"


def timeout_sec_to_nsec(timeout_sec: float | None) -> int:
    """Nanoseconds; -1, for ever, where None or negative."""
    return -1 if timeout_sec is None or timeout_sec < 0 else int(timeout_sec * 1e9)


@atexit.register
def _leave_all() -> None:
    """A process that ends without closing its entities would stay in everybody's graph for ten seconds."""
    for context in live_contexts():
        context.try_shutdown()
