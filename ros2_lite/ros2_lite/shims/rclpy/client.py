"""rclpy.client."""

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any

from .service import ServiceEnd
from .task import Future


class Client(ServiceEnd):
    """Asks a service."""

    def __init__(self, node: Any, srv_type: Any, name: str, group: Any) -> None:
        super().__init__(node, srv_type, name, group, reads="Response", writes="Request")
        self._identity = int.from_bytes(self._writer.guid[8:], "little") ^ int.from_bytes(self._writer.guid[:8], "little")
        self._numbers = itertools.count(1)
        self._pending: dict[int, Future] = {}
        self._context = node.context

    def call_async(self, request: Any) -> Future:
        """The response to come. Raises TypeError for a request of another type."""
        if not isinstance(request, self.srv_type.Request):
            raise TypeError(f"Expected {self.srv_type.Request}, got {type(request)}")
        number, future = next(self._numbers), Future()
        self._pending[number] = future
        future.add_done_callback(lambda _: self._pending.pop(number, None))
        self._send(self._identity, number, request)
        return future

    def call(self, request: Any, timeout_sec: float | None = None) -> Any:
        """The response, while another thread spins. Raises TimeoutError."""
        done = threading.Event()
        future = self.call_async(request)
        future.add_done_callback(lambda _: done.set())
        if not done.wait(timeout_sec):
            self.remove_pending_request(future)
            raise TimeoutError(f"{self.srv_name} has not answered within {timeout_sec} s")
        return future.result()

    def remove_pending_request(self, future: Future) -> None:
        """Forget a request: its response will be ignored."""
        self._pending = {number: other for number, other in self._pending.items() if other is not future}

    def _job(self, identity: int, number: int, message: Any) -> Callable[[], Any]:
        future = self._pending.get(number) if identity == self._identity else None
        return (lambda: future.set_result(message)) if future else (lambda: None)

    def service_is_ready(self) -> bool:
        """Whether a server is connected in both directions."""
        return bool(self._writer.matched() and self._reader.matched())

    def wait_for_service(self, timeout_sec: float | None = None) -> bool:
        """Wait until a server is there; whether it is."""
        end = None if timeout_sec is None or timeout_sec < 0 else time.monotonic() + timeout_sec
        while not (ready := self.service_is_ready()) and self._context.ok() and (end is None or time.monotonic() < end):
            time.sleep(0.02)
        return ready
