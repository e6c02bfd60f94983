"""rclpy.guard_condition."""

from collections.abc import Callable
from typing import Any

from .waitable import Waitable


class GuardCondition(Waitable):
    """Runs its callback in the executor after trigger()."""

    def __init__(self, node: Any, callback: Callable | None, group: Any) -> None:
        super().__init__(node, group)
        self.callback = callback

    def trigger(self) -> None:
        self.flag()

    def take(self) -> Callable[[], Any] | None:
        triggered, self._flagged = self._flagged, False
        return (self.callback or (lambda: None)) if triggered else None
