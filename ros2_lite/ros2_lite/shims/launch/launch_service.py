"""Runs launch descriptions until nothing is left to run."""

import contextlib
import heapq
import itertools
import queue
import signal
import tempfile
import time
import traceback
from pathlib import Path

from launch.events import Shutdown
from launch.launch_context import LaunchContext
from launch.output import Output


class LaunchService:
    """Everything happens in the thread of `run()`; processes' threads and signals only put work into its queue."""

    def __init__(self, *, argv=(), debug=False):
        self.context = LaunchContext(argv=argv, service=self)
        self.output = Output()
        self.is_shutdown = False
        self.return_code = 0
        self.running = {}
        self._debug = debug
        self._descriptions = []
        self._queue = queue.SimpleQueue()
        self._timers = []
        self._count = itertools.count()
        self._process_numbers = itertools.count(1)
        self._scratch = tempfile.TemporaryDirectory(prefix="launch_params_")

    def include_launch_description(self, launch_description):
        self._descriptions.append(launch_description)

    def run(self):
        """Until no process and no timer is left. 0, or 1 where launch or, before the shutdown, a process failed."""
        handled = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(signum, self._signalled) for signum in handled]
        with contextlib.closing(self.output), self._scratch:
            try:
                for description in self._descriptions:
                    self._guarded(lambda entity=description: self.context.visit(entity))
                while self.running or (self._timers and not self.is_shutdown):
                    self._guarded(self._next_task())
            finally:
                for signum, handler in zip(handled, before, strict=True):
                    signal.signal(signum, handler)
        return self.return_code

    def shutdown(self, event):
        """Drop what was to come, tell the handlers, stop the processes. Only the first one counts."""
        if self.is_shutdown:
            return
        self.is_shutdown = True
        self._timers.clear()
        self.context.emit_event(event)
        for process, action in self.running.items():
            action.stop(process, self)

    def call_soon(self, function):
        """Call it from the launch's thread; may be called from any thread."""
        self._queue.put(function)

    def call_later(self, seconds, function):
        """Call it from the launch's thread when the time has come, unless a shutdown comes first."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._count), function))

    def next_process_number(self):
        """1, 2 ...: what tells this launch's processes apart."""
        return next(self._process_numbers)

    def scratch_file(self, name, text):
        """The path of a new file that lasts as long as this launch."""
        path = Path(self._scratch.name) / f"{next(self._count)}_{name}"
        path.write_text(text)
        return path

    def _next_task(self):
        """Wait for work: from the queue, or a timer whose time has come."""
        due = self._timers[0][0] - time.monotonic() if self._timers else None
        try:
            return self._queue.get(timeout=None if due is None else max(due, 0.0))
        except queue.Empty:
            return heapq.heappop(self._timers)[2]

    def _guarded(self, task):
        """An error in a launch file or a handler ends the launch, not the processes without notice."""
        try:
            task()
        except Exception as error:
            if self._debug:
                self.output.line(traceback.format_exc())
            self.output.say("ERROR", "launch", f"{type(error).__name__}: {error}")
            self.return_code = 1
            self.shutdown(Shutdown(reason=str(error)))

    def _signalled(self, signum, _frame):
        self.call_soon(lambda: self._interrupt(signal.Signals(signum)))

    def _interrupt(self, signum):
        who = f"user interrupted with ctrl-c ({signum.name})" if signum == signal.SIGINT else f"received {signum.name}"
        if self.is_shutdown:
            self.output.say("WARNING", "launch", f"{who} again, ignoring...")
        else:
            self.output.say("WARNING", "launch", who)
            self.shutdown(Shutdown(reason=who, due_to_sigint=True))
