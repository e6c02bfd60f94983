"""How the package's nodes begin and end as processes: signals, arguments, errors at the start, exit status.

Imports next to nothing: signal handlers must be there before what takes seconds to import.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from threading import Event
from typing import TYPE_CHECKING, Protocol

from depth_sr_ros.node.stopping import Interrupted, raise_if, stop_on_signals

if TYPE_CHECKING:
    from rclpy.node import Node

SPIN_S = 0.1
ROS_ARGUMENTS = (
    "ROS arguments follow --ros-args: -p NAME:=VALUE, -r FROM:=TO, --params-file FILE, --log-level LEVEL; docs/parameters.md "
    "and `ros2 param describe` tell of the parameters."
)


class Program(Protocol):
    """What `run` runs."""

    def run(self) -> int:
        """Work until it is done or stopped; return the exit status."""

    def close(self) -> bool:
        """Let go of everything; whether all threads have ended."""


def run(name: str, description: str, start: Callable[[Event], Program], args: Sequence[str] | None = None) -> int:
    """Run a program as a process of ROS 2.

    Args:
        name: of the program, for its help and its errors.
        description: for its help.
        start: makes the program; gets the event that SIGINT and SIGTERM set. Imports what is heavy.
        args: command line without the program's name; None takes the process's own.

    Returns:
        The exit status: the program's own; 0 where it was interrupted; 1, with one line on stderr, where it cannot start.

    Raises:
        SystemExit: --help (status 0) or an unknown option (status 2).
    """
    stop = stop_on_signals()
    words = [name, *(sys.argv[1:] if args is None else args)]
    import rclpy

    try:
        _refuse_unknown(name, description, words)
        raise_if(stop)
        rclpy.init(args=words, signal_handler_options=rclpy.signals.SignalHandlerOptions.NO)
        program = start(stop)
    except Interrupted:
        rclpy.try_shutdown()
        return 0
    except _start_errors() as error:
        print(f"{name} cannot start: {_reason(error)}", file=sys.stderr, flush=True)
        rclpy.try_shutdown()
        return 1
    try:
        status = program.run()
    finally:
        ended = program.close()
        rclpy.try_shutdown()
    if not ended:  # a library compiles on, cannot be interrupted, and would crash in the interpreter's last moments
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status


def _refuse_unknown(name: str, description: str, words: list[str]) -> None:
    import argparse

    from rclpy.utilities import remove_ros_args

    argparse.ArgumentParser(prog=name, description=description, epilog=ROS_ARGUMENTS).parse_args(remove_ros_args(words)[1:])


def _start_errors() -> tuple[type[Exception], ...]:
    """What a wrong argument, file, parameter or profile ends in; anything else is a fault and keeps its traceback."""
    from rclpy.exceptions import ParameterException
    from rclpy.qos import InvalidQoSProfileException
    from rclpy.qos_overriding_options import InvalidQosOverridesError

    return RuntimeError, ValueError, OSError, ParameterException, InvalidQoSProfileException, InvalidQosOverridesError


def _reason(error: Exception) -> str:
    import re

    from depth_sr_ros.node.texts import one_line

    if type(error).__name__ == "UnknownROSArgsError":
        return f"unknown ROS arguments {error}"
    return re.sub(r",? at /\S+:\d+", "", one_line(error))  # where in rcl's sources it was noticed


class SpinningNode:
    """A program that serves a node's callbacks until it is stopped; an error in one of them does not end it.

    Args:
        node: its callbacks are served; destroyed at the end.
        stop: ends it.
        close: called before the node is destroyed; returns whether all threads have ended.
    """

    def __init__(self, node: Node, stop: Event, close: Callable[[], bool] = lambda: True) -> None:
        from rclpy.executors import SingleThreadedExecutor

        from depth_sr_ros.node.statistics import ThrottledLog

        self._node = node
        self._stop = stop
        self._close = close
        self._log = ThrottledLog(lambda line: node.get_logger().error(line))
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(node)

    def run(self) -> int:
        """Spin until stopped."""
        import traceback

        while not self._stop.is_set() and self._node.context.ok():
            try:
                self._executor.spin_once(timeout_sec=SPIN_S)
            except Exception as error:  # noqa: BLE001  rclpy lets its own callbacks fail, as /clock's for a negative time
                trace = "".join(traceback.format_exception(error))
                self._log(type(error).__name__, f"a callback failed, the node goes on: {trace}")
        return 0

    def close(self) -> bool:
        """See Program."""
        ended = self._close()
        self._executor.shutdown()
        self._node.destroy_node()
        return ended
