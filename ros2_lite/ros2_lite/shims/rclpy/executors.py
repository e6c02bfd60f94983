"""rclpy.executors: they wait for what nodes have to do, and do it."""

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .task import Future, Task
from .utilities import get_default_context


class TimeoutException(Exception):
    """Nothing became ready in time."""


class ShutdownException(Exception):
    """The executor was shut down."""


class ExternalShutdownException(Exception):
    """The context was shut down by a signal or by somebody else."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)


class ConditionReachedException(Exception):
    """What was waited for is there."""


class Executor:
    """Waits and runs callbacks one after another in the thread that spins."""

    def __init__(self, *, context: Any = None) -> None:
        self.context = context or get_default_context()
        self._condition = threading.Condition()
        self._nodes: list[Any] = []
        self._ready: deque = deque()
        self._tasks: deque[Task] = deque()
        self._is_shutdown = False
        self._running = 0
        self._error: BaseException | None = None
        wake = weakref.WeakMethod(self.wake)
        self.context.on_shutdown(lambda: (method := wake()) and method())

    def add_node(self, node: Any) -> bool:
        """Serve the node; False where it is served already."""
        with self._condition:
            if node in self._nodes:
                return False
            self._nodes.append(node)
        node.executor = self
        self.wake()
        return True

    def remove_node(self, node: Any) -> None:
        with self._condition:
            if node in self._nodes:
                self._nodes.remove(node)
        node.forget_executor(self)

    def get_nodes(self) -> list[Any]:
        with self._condition:
            return list(self._nodes)

    def create_task(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> Task:
        """Run a function soon, in this executor."""
        task = Task(callback, args, kwargs)
        with self._condition:
            self._tasks.append(task)
        self.wake()
        return task

    def wake(self) -> None:
        """Look again whether there is something to do. Nobody who holds the lock waits for another, so this may
        wait."""
        with self._condition:
            self._condition.notify_all()

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """End the spinning; whether all callbacks have ended within the timeout."""
        with self._condition:
            self._is_shutdown = True
            self._condition.notify_all()
            ended = self._condition.wait_for(lambda: self._running == 0, timeout_sec)
            nodes, self._nodes = self._nodes, []
        for node in nodes:
            node.forget_executor(self)
        return ended

    def _gather(self) -> None:
        self._ready.extend(entity for node in self._nodes for entity in node.waitables() if entity.is_ready())

    def _next(self) -> tuple[Callable[[], Any], Any] | None:
        """A job and its entity, whose group is reserved for it."""
        if self._tasks:
            return self._tasks.popleft(), None
        if not self._ready:
            self._gather()
        for _ in range(len(self._ready)):
            entity = self._ready.popleft()
            if not entity._destroyed and entity.callback_group.beginning_execution(entity):
                job = None
                try:
                    job = entity.take()
                finally:
                    if job is None:
                        entity.callback_group.ending_execution(entity)
                if job is not None:
                    return job, entity
        return None

    def _due_in(self) -> float | None:
        """Seconds until the next timer; 0 where one has become due since somebody looked.

        One whose group is busy does not count: the end of what runs in it wakes the executor.
        """
        entities = (entity for node in self._nodes for entity in node.waitables())
        times = (entity.due_in() for entity in entities if entity.callback_group.can_execute(entity))
        return min((due for due in times if due is not None), default=None)

    def _wait(self, timeout_sec: float | None, until: Callable[[], bool] = lambda: False) -> tuple | None:
        """The next job, or None after the timeout or once `until` holds.

        Raises ExternalShutdownException where the context is shut down, ShutdownException where this executor is.
        """
        end = None if timeout_sec is None or timeout_sec < 0 else time.monotonic() + timeout_sec
        with self._condition:
            while True:
                if self._error:
                    error, self._error = self._error, None
                    raise error
                if self._is_shutdown:
                    raise ShutdownException()
                if not self.context.ok():
                    raise ExternalShutdownException()
                if until():
                    return None
                if work := self._next():
                    self._running += 1
                    return work
                remaining = None if end is None else end - time.monotonic()
                if remaining is not None and remaining <= 0:
                    return None
                spans = [span for span in (remaining, self._due_in()) if span is not None]
                self._condition.wait(min(spans, default=None))

    def _run(self, work: tuple) -> None:
        job, entity = work
        try:
            job()
        finally:
            if entity is not None:
                entity.callback_group.ending_execution(entity)
            with self._condition:
                self._running -= 1
                self._condition.notify_all()

    def _dispatch(self, work: tuple) -> None:
        self._run(work)

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Run one callback, waiting for it for at most the timeout (None: for ever)."""
        if work := self._wait(timeout_sec):
            self._dispatch(work)

    def spin(self) -> None:
        """Run callbacks until shutdown; ExternalShutdownException where the context ends while spinning."""
        try:
            while True:
                self.spin_once()
        except ShutdownException:
            pass

    def spin_until_future_complete(self, future: Future, timeout_sec: float | None = None) -> None:
        """Run callbacks until the future is done or the timeout is over."""
        future.add_done_callback(lambda _: self.wake())
        end = None if timeout_sec is None or timeout_sec < 0 else time.monotonic() + timeout_sec
        while not future.done():
            remaining = None if end is None else end - time.monotonic()
            if remaining is not None and remaining <= 0:
                return
            if work := self._wait(remaining, future.done):
                self._dispatch(work)

    def spin_once_until_future_complete(self, future: Future, timeout_sec: float | None = None) -> None:
        future.add_done_callback(lambda _: self.wake())
        if work := self._wait(timeout_sec, future.done):
            self._dispatch(work)

    def __enter__(self) -> "Executor":
        return self

    def __exit__(self, *_: Any) -> None:
        self.shutdown()


class SingleThreadedExecutor(Executor):
    """Callbacks run in the spinning thread."""


class MultiThreadedExecutor(Executor):
    """Callbacks run in a pool; callback groups say what may run beside what."""

    def __init__(self, num_threads: int | None = None, *, context: Any = None) -> None:
        super().__init__(context=context)
        self._limit = num_threads or max(2, len(os.sched_getaffinity(0)))
        self._pool = ThreadPoolExecutor(self._limit, thread_name_prefix="rclpy")

    def _next(self) -> tuple | None:
        return super()._next() if self._running < self._limit else None

    def _due_in(self) -> float | None:
        return super()._due_in() if self._running < self._limit else None

    def _dispatch(self, work: tuple) -> None:
        self._pool.submit(self._run_caught, work)

    def _run_caught(self, work: tuple) -> None:
        try:
            self._run(work)
        except BaseException as error:  # to be raised where somebody spins, as the single-threaded one does
            with self._condition:
                self._error = error
                self._condition.notify_all()

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        ended = super().shutdown(timeout_sec)
        self._pool.shutdown(wait=ended and timeout_sec is None)
        return ended
