"""What a launch shows and what it writes down."""

import contextlib
import os
import socket
import sys
import threading
import time
from pathlib import Path


class Output:
    """The screen, and launch.log in a folder of this launch's own (ROS_LOG_DIR, else ROS_HOME/log, else ~/.ros/log)."""

    def __init__(self):
        home = Path(os.environ.get("ROS_HOME") or Path.home() / ".ros")
        root = Path(os.environ.get("ROS_LOG_DIR") or home / "log").expanduser()
        self.folder = root / f"{time.strftime('%Y-%m-%d-%H-%M-%S')}-{socket.gethostname()}-{os.getpid()}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file = (self.folder / "launch.log").open("a", encoding="utf-8")
        self._lock = threading.Lock()

    def say(self, level, source, text):
        """A message of launch itself, about `source`."""
        self.line(f"[{level}] [{source}]: {text}")

    def line(self, text, *, on_screen=True):
        """One line into the log, and on the screen where asked for."""
        with self._lock:
            _write(self._file, f"{time.time():.6f} {text}")
            if on_screen:
                _write(sys.stdout, text)

    def close(self):
        self._file.close()


def _write(stream, text):
    """A closed screen or a full disk ends no process that launch looks after."""
    with contextlib.suppress(OSError):
        print(text, file=stream, flush=True)
