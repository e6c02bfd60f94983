"""rclpy.task: the result of something that is still going on."""

import threading
from collections.abc import Callable
from typing import Any


class Future:
    """A result to come. Callbacks run in the thread that sets it, or at once where it is there already."""

    def __init__(self, *, executor: Any = None) -> None:
        self._lock = threading.Lock()
        self._done = self._cancelled = False
        self._result: Any = None
        self._exception: BaseException | None = None
        self._callbacks: list[Callable[[Future], None]] = []

    def done(self) -> bool:
        return self._done or self._cancelled

    def cancelled(self) -> bool:
        return self._cancelled

    def cancel(self) -> None:
        self._finish(cancelled=True)

    def result(self) -> Any:
        """The result, None where there is none yet. Raises what was set as exception."""
        if self._exception:
            raise self._exception
        return self._result

    def exception(self) -> BaseException | None:
        return self._exception

    def set_result(self, result: Any) -> None:
        self._finish(result=result)

    def set_exception(self, exception: BaseException) -> None:
        self._finish(exception=exception)

    def _finish(self, result: Any = None, exception: BaseException | None = None, cancelled: bool = False) -> None:
        with self._lock:
            if self.done():
                return
            self._result, self._exception, self._cancelled = result, exception, cancelled
            self._done = not cancelled
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)

    def add_done_callback(self, callback: Callable[["Future"], None]) -> None:
        with self._lock:
            if not self.done():
                self._callbacks.append(callback)
                return
        callback(self)


class Task(Future):
    """A function that an executor runs once."""

    def __init__(self, handler: Callable[..., Any], args: tuple, kwargs: dict) -> None:
        super().__init__()
        self._handler, self._args, self._kwargs = handler, args, kwargs

    def __call__(self) -> None:
        try:
            self.set_result(self._handler(*self._args, **self._kwargs))
        except Exception as error:  # whoever holds the future gets it
            self.set_exception(error)
