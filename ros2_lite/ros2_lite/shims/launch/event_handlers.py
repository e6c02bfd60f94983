"""Handlers: which event is waited for, and what is visited when it comes."""
from launch.events import ProcessExited, ProcessStarted, Shutdown


class _OnEvent:
    """`reaction` is an entity, a list of entities, or a callable(event, context) that returns one of these or None."""

    event_type = None

    def __init__(self, reaction):
        self._reaction = reaction

    def matches(self, event):
        return isinstance(event, self.event_type)

    def handle(self, event, context):
        """The entities to visit because of the event."""
        result = self._reaction(event, context) if callable(self._reaction) else self._reaction
        if result is None:
            return []
        return list(result) if isinstance(result, (list, tuple)) else [result]


class _OnProcess(_OnEvent):
    def __init__(self, target_action, reaction):
        super().__init__(reaction)
        self._target = target_action

    def matches(self, event):
        return super().matches(event) and self._target in (None, event.action)


class OnProcessStart(_OnProcess):
    event_type = ProcessStarted

    def __init__(self, *, target_action=None, on_start):
        super().__init__(target_action, on_start)


class OnProcessExit(_OnProcess):
    event_type = ProcessExited

    def __init__(self, *, target_action=None, on_exit):
        super().__init__(target_action, on_exit)


class OnShutdown(_OnEvent):
    event_type = Shutdown

    def __init__(self, *, on_shutdown):
        super().__init__(on_shutdown)
