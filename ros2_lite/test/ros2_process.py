"""The `ros2` command in a process of its own, for tests."""

import os
import signal
import subprocess
import sys
import threading
import time

os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)  # tests that run at the same time do not hear one another
_ROS2 = [sys.executable, "-c", "import sys; from ros2_lite.cli import main; sys.exit(main())"]
PATIENCE_S = 90


def ros2(*arguments, **options):
    """Run `ros2` to its end; a CompletedProcess with text."""
    return subprocess.run([*_ROS2, *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE_S, **options)


class Running:
    """A process (`ros2 ...`, or `program`) with its output so far; a context that leaves no process behind."""

    def __init__(self, *arguments, program=_ROS2, **options):
        self.lines = []
        self._process = subprocess.Popen(
            [*program, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            **options,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def text(self):
        return "\n".join(self.lines)

    def wait_for(self, text):
        """Until a line with this text has come; returns the line."""

        def found():
            return next((line for line in list(self.lines) if text in line), None)

        wait_until(lambda: found() is not None or self._process.poll() is not None)
        self._reader.join(timeout=0.0 if self._process.poll() is None else PATIENCE_S)
        assert found() is not None, f"{text!r} did not come, but:\n{self.text}"
        return found()

    def end(self, signum=signal.SIGINT):
        """Send a signal; returns the exit code."""
        self._process.send_signal(signum)
        return self.wait()

    def wait(self):
        """The exit code, when the process has ended and all it said is here."""
        code = self._process.wait(timeout=PATIENCE_S)
        self._reader.join(timeout=PATIENCE_S)
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self.wait()


def wait_until(condition, patience_s=PATIENCE_S):
    """Until the condition holds; a test that would wait for ever fails."""
    give_up = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < give_up, f"{condition} did not hold within {patience_s} s"
        time.sleep(0.02)
