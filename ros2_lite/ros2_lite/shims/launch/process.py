"""One child process of a launch."""

import contextlib
import os
import signal
import subprocess
import threading


class Process:
    """A running child; `on_exit(returncode)` is called from a thread of its own, after the child's last line.

    The child leads a session of its own, so that a ctrl-c in the terminal reaches it once: from launch.
    """

    def __init__(self, name, cmd, *, output, screen, on_exit, **options):
        self.name, self._output, self._on_exit = name, output, on_exit
        self._child = subprocess.Popen(
            cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, **options
        )
        self.pid = self._child.pid
        self._pumps = [
            threading.Thread(target=self._pump, args=args, daemon=True)
            for args in ((self._child.stdout, screen), (self._child.stderr, True))
        ]
        for thread in (*self._pumps, threading.Thread(target=self._wait, daemon=True)):
            thread.start()

    def send_signal(self, signum):
        """To the child and whatever it has started; nothing where it has ended."""
        with contextlib.suppress(ProcessLookupError):
            if self._child.poll() is None:
                os.killpg(self.pid, signum)

    def stop(self, later, *, sigterm_timeout, sigkill_timeout):
        """SIGINT; where that is not enough SIGTERM, then SIGKILL. `later(seconds, function)` is the caller's clock."""
        self.send_signal(signal.SIGINT)
        self._escalate(
            later, [(signal.SIGINT, sigterm_timeout, signal.SIGTERM), (signal.SIGTERM, sigkill_timeout, signal.SIGKILL)]
        )

    def _escalate(self, later, steps):
        (sent, seconds, stronger), *rest = steps

        def check():
            if self._child.poll() is None:
                self._output.say(
                    "ERROR",
                    self.name,
                    f"process[{self.name}] failed to terminate '{seconds}' seconds "
                    f"after receiving '{sent.name}', escalating to '{stronger.name}'",
                )
                self.send_signal(stronger)
                if rest:
                    self._escalate(later, rest)

        later(seconds, check)

    def _pump(self, stream, screen):
        for line in stream:
            text = line.decode(errors="replace").rstrip("\r\n")
            self._output.line(f"[{self.name}] {text}", on_screen=screen)

    def _wait(self):
        returncode = self._child.wait()
        for pump in self._pumps:
            pump.join(timeout=1.0)  # a grandchild may hold the pipe open for as long as it likes
        self._on_exit(returncode)
