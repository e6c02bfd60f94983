"""Events that handlers can be registered for."""


class Shutdown:
    """The launch is to end."""

    def __init__(self, *, reason="reason not given", due_to_sigint=False):
        self.reason, self.due_to_sigint = reason, due_to_sigint


class ProcessExited:
    """A process has ended; `returncode` is negative where a signal ended it."""

    def __init__(self, *, action, name, cmd, pid, returncode):
        self.action, self.process_name, self.cmd, self.pid, self.returncode = action, name, cmd, pid, returncode
