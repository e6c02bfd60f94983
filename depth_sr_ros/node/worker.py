"""One thread and a slot of one: the newest job wins, a failing job costs itself alone. Imports no ROS."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Job = TypeVar("Job")


class Worker(Generic[Job]):
    """Runs `process(job)` in a thread of its own for the newest job that was put.

    superseded(job) is called by the thread that puts a newer one, failed(job, error) by the worker's thread; neither
    inside a lock, and neither may raise. At any time put == superseded + taken + (1 if one waits).
    """

    def __init__(
        self,
        process: Callable[[Job], None],
        *,
        superseded: Callable[[Job], object],
        failed: Callable[[Job, Exception], None],
        name: str = "worker",
    ) -> None:
        self._process = process
        self._superseded = superseded
        self._failed = failed
        self._changed = threading.Condition()
        self._slot: list[Job] = []
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, job: Job) -> None:
        """Make `job` the next one, in place of one that still waits. After stop() jobs are superseded at once."""
        with self._changed:
            if self._stopping:
                replaced = [job]
            else:
                replaced, self._slot = self._slot, [job]
                self._changed.notify()
        for old in replaced:
            self._superseded(old)

    def stop(self, timeout_s: float | None = None) -> bool:
        """Let the running job finish, supersede the waiting one; return whether the thread ended within the time."""
        with self._changed:
            self._stopping = True
            replaced, self._slot = self._slot, []
            self._changed.notify()
        for old in replaced:
            self._superseded(old)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (job := self._take()) is not None:
            try:
                self._process(job[0])
            except Exception as error:  # noqa: BLE001  whatever one job does, the next one is served
                self._failed(job[0], error)

    def _take(self) -> list[Job] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._slot or self._stopping)
            if self._stopping:
                return None
            job, self._slot = self._slot, []
            return job
