"""rclpy.callback_groups: what may run at the same time."""

import threading
import weakref
from typing import Any


class CallbackGroup:
    """Any of its callbacks may run beside any other."""

    def __init__(self) -> None:
        self.entities: weakref.WeakSet = weakref.WeakSet()
        self._lock = threading.Lock()

    def add_entity(self, entity: Any) -> None:
        self.entities.add(entity)

    def has_entity(self, entity: Any) -> bool:
        return entity in self.entities

    def can_execute(self, entity: Any) -> bool:
        """Whether the entity's callback might run now."""
        return True

    def beginning_execution(self, entity: Any) -> bool:
        """Reserve the right to run the entity's callback; False where it must not run now."""
        return True

    def ending_execution(self, entity: Any) -> None:
        """The callback has ended."""


class ReentrantCallbackGroup(CallbackGroup):
    """Callbacks may run beside each other and beside themselves."""


class MutuallyExclusiveCallbackGroup(CallbackGroup):
    """One callback at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._running: Any = None

    def can_execute(self, entity: Any) -> bool:
        with self._lock:
            return self._running is None

    def beginning_execution(self, entity: Any) -> bool:
        with self._lock:
            if self._running is not None:
                return False
            self._running = entity
            return True

    def ending_execution(self, entity: Any) -> None:
        with self._lock:
            self._running = None
