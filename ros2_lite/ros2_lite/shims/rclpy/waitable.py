"""What executors wait for: anything of a node that may have something to do."""

import weakref
from collections.abc import Callable
from typing import Any


class Waitable:
    """Base of subscriptions, timers, services, clients, guard conditions and event handlers."""

    def __init__(self, node: Any, callback_group: Any) -> None:
        self._node = weakref.ref(node)
        self.callback_group = callback_group
        self._flagged = False
        self._destroyed = False
        callback_group.add_entity(self)

    def flag(self) -> None:
        """There may be something to take: tell the executor. Safe from any thread."""
        self._flagged = True
        self.notify()

    def notify(self) -> None:
        node = self._node()
        executor = node and node.executor
        if executor is not None:
            executor.wake()

    def is_ready(self) -> bool:
        return self._flagged

    def due_in(self) -> float | None:
        """Seconds until this becomes ready by itself, None where it does not."""
        return None

    def take(self) -> Callable[[], Any] | None:
        """What to run now, outside of all locks; None where there is nothing."""
        self._flagged = False  # before looking: what comes meanwhile flags again
        job = self._take()
        if job is not None:
            self._flagged = True  # there may be more
        return job

    def _take(self) -> Callable[[], Any] | None:
        return None

    def destroy(self) -> None:
        """Take it off the network; nothing of it runs afterwards, except what is already running."""
        if not self._destroyed:
            self._destroyed = True
            self._close()

    def _close(self) -> None:
        """Release what is held."""

    def __enter__(self) -> "Waitable":
        return self

    def __exit__(self, *_: Any) -> None:
        self.destroy()
