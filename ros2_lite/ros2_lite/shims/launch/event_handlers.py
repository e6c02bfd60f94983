"""Handlers: which event is waited for, and what is visited when it comes."""

from launch.events import ProcessExited


class OnProcessExit:
    """The end of the process of `target_action`, or of any process.

    on_exit: an action, a list of actions, or a callable(event, context) that returns one of these or None.
    """

    def __init__(self, *, target_action=None, on_exit):
        self._target, self._on_exit = target_action, on_exit

    def matches(self, event):
        return isinstance(event, ProcessExited) and self._target in (None, event.action)

    def handle(self, event, context):
        """The entities to visit because of the event."""
        result = self._on_exit(event, context) if callable(self._on_exit) else self._on_exit
        if result is None:
            return []
        return list(result) if isinstance(result, (list, tuple)) else [result]
