"""The state that the entities of a running launch share."""

import os


class LaunchContext:
    """Values of arguments, environment of processes, event handlers; `service` runs the processes."""

    def __init__(self, *, argv=(), service=None):
        self.argv = list(argv)
        self.service = service
        self.launch_configurations = {}
        self.environment = dict(os.environ)
        self.event_handlers = []
        self._scopes = []

    @property
    def is_shutdown(self):
        return self.service is not None and self.service.is_shutdown

    def push_scope(self):
        """Keep the configurations and the environment as they are now for `pop_scope`."""
        self._scopes.append((dict(self.launch_configurations), dict(self.environment)))

    def pop_scope(self):
        """Back to what they were at the matching `push_scope`."""
        self.launch_configurations, self.environment = self._scopes.pop()

    def visit(self, entity):
        """Visit the entity and, depth first, what it leads to."""
        for following in entity.visit(self) or ():
            self.visit(following)

    def emit_event(self, event):
        """Visit what the handlers of this event lead to."""
        for handler in list(self.event_handlers):
            if handler.matches(event):
                for entity in handler.handle(event, self):
                    self.visit(entity)
