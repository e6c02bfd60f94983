"""rclpy as far as depth_sr_ros uses it, on Cyclone DDS. Documentation: https://docs.ros.org/en/jazzy/p/rclpy/"""

from typing import Any

from .context import Context
from .executors import Executor, SingleThreadedExecutor
from .node import Node
from .signals import SignalHandlerOptions, install_signal_handlers, uninstall_signal_handlers
from .task import Future
from .utilities import get_default_context, get_rmw_implementation_identifier, ok, remove_ros_args
from .utilities import shutdown as _shutdown
from .utilities import try_shutdown as _try_shutdown

__all__ = [
    "Context",
    "create_node",
    "get_default_context",
    "get_global_executor",
    "get_rmw_implementation_identifier",
    "init",
    "ok",
    "remove_ros_args",
    "shutdown",
    "spin",
    "spin_once",
    "spin_until_future_complete",
    "try_shutdown",
]

_executor: Executor | None = None


def init(
    *,
    args: list[str] | None = None,
    context: Context | None = None,
    domain_id: int | None = None,
    signal_handler_options: SignalHandlerOptions | None = None,
) -> None:
    """Join the graph. Signals are handled for the default context unless said otherwise."""
    chosen = context or get_default_context()
    if signal_handler_options is None:
        default = context is None or context is get_default_context()
        signal_handler_options = SignalHandlerOptions.ALL if default else SignalHandlerOptions.NO
    install_signal_handlers(signal_handler_options)
    chosen.init(args, domain_id=domain_id)


def get_global_executor() -> Executor:
    """The executor of spin(node) and its kin."""
    global _executor
    if _executor is None or not _executor.context.ok() or _executor._is_shutdown:
        _executor = SingleThreadedExecutor()
    return _executor


def _forget_executor() -> None:
    global _executor
    if _executor is not None:
        _executor.shutdown(timeout_sec=0.0)
        _executor = None


def shutdown(*, context: Context | None = None, uninstall_handlers: bool | None = None) -> None:
    """Leave the graph. Raises RuntimeError where the context is not initialised."""
    _shutdown(context=context)
    _after_shutdown(context, uninstall_handlers)


def try_shutdown(*, context: Context | None = None, uninstall_handlers: bool | None = None) -> None:
    """Leave the graph if we are in it."""
    _try_shutdown(context=context)
    _after_shutdown(context, uninstall_handlers)


def _after_shutdown(context: Context | None, uninstall_handlers: bool | None) -> None:
    if context is None:
        _forget_executor()
    if uninstall_handlers or (uninstall_handlers is None and context is None):
        uninstall_signal_handlers()


def create_node(node_name: str, **options: Any) -> Node:
    return Node(node_name, **options)


def spin(node: Node, executor: Executor | None = None) -> None:
    """Run the node's callbacks until shutdown; raises ExternalShutdownException when a signal ends it."""
    executor = executor or get_global_executor()
    try:
        executor.add_node(node)
        executor.spin()
    finally:
        executor.remove_node(node)


def spin_once(node: Node, *, executor: Executor | None = None, timeout_sec: float | None = None) -> None:
    """Run one callback of the node, waiting for at most the timeout."""
    executor = executor or get_global_executor()
    try:
        executor.add_node(node)
        executor.spin_once(timeout_sec=timeout_sec)
    finally:
        executor.remove_node(node)


def spin_until_future_complete(
    node: Node, future: Future, executor: Executor | None = None, timeout_sec: float | None = None
) -> None:
    """Run the node's callbacks until the future is done or the timeout is over."""
    executor = executor or get_global_executor()
    try:
        executor.add_node(node)
        executor.spin_until_future_complete(future, timeout_sec)
    finally:
        executor.remove_node(node)
