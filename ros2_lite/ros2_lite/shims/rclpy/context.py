"""rclpy.context: what lives between init and shutdown: a DDS participant and the graph."""

import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

from ros2_lite.graph import Graph
from ros2_lite.transport import Participant

from ros2_lite import domain, names

from . import logging
from .exceptions import NotInitializedException

_live: weakref.WeakSet = weakref.WeakSet()


def live_contexts() -> list["Context"]:
    return list(_live)


class Context:
    """Initialised by init(), valid until shutdown(); `with Context() as context` does both."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._ended.set()
        self._callbacks: list[Callable[[], None]] = []
        self.arguments = names.Arguments()
        self.participant: Participant | None = None
        self.graph: Graph | None = None
        self.nodes: weakref.WeakSet = weakref.WeakSet()

    def init(self, args: list[str] | None = None, *, domain_id: int | None = None) -> None:
        """Read the arguments (sys.argv where None) and join the domain. Raises RuntimeError when done twice."""
        with self._lock:
            if self.ok():
                raise RuntimeError("Context.init() must only be called once")
            self.arguments = names.parse(sys.argv if args is None else list(args))
            logging.set_console(self.arguments.stdout)
            for logger, level in self.arguments.log_levels.items():
                logging.set_logger_level(logger, logging.get_logging_severity_from_string(level))
            self._close()
            self.participant = Participant(domain.domain_id() if domain_id is None else domain_id)
            self.graph = Graph(self.participant)
            self._ended.clear()
            _live.add(self)

    def ok(self) -> bool:
        return not self._ended.is_set()

    def get_domain_id(self) -> int:
        return self._joined().number

    def _joined(self) -> Participant:
        if self.participant is None:
            raise NotInitializedException("the context is not initialised: call rclpy.init()")
        return self.participant

    def wait_for_shutdown(self, timeout: float) -> bool:
        return self._ended.wait(timeout)

    def on_shutdown(self, callback: Callable[[], None]) -> None:
        """Call back when the context is shut down."""
        self._callbacks.append(callback)

    def invalidate(self, reason: str = "shutdown") -> None:
        """End all spinning and publishing; what there is on the network stays until shutdown() or the end of Python."""
        if not self._ended.is_set():
            self._ended.set()
            callbacks, self._callbacks = self._callbacks, []
            for callback in callbacks:
                callback()

    def shutdown(self) -> None:
        """Invalidate the context and leave the domain. Raises RuntimeError where it is not initialised."""
        if not self.ok():
            raise RuntimeError("Context must be initialized before it can be shutdown")
        self.try_shutdown()

    def try_shutdown(self) -> None:
        self.invalidate()
        self._close()

    def _close(self) -> None:
        with self._lock:
            participant, self.participant = self.participant, None
            _live.discard(self)
            if participant is not None:
                for node in list(self.nodes):
                    node.destroy_node()
                self.graph.close()
                participant.close()

    def __enter__(self) -> "Context":
        if not self.ok():
            self.init()
        return self

    def __exit__(self, *_: Any) -> None:
        self.try_shutdown()
