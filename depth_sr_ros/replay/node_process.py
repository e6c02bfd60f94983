"""The node as a process of its own, for as long as a variant is tried."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

STOP_S = 10.0


class NodeError(ChildProcessError):
    """The node ended, or does not answer; the message holds its last words."""


class NodeProcess:
    """A running node.

    Attributes:
        log: what it has written, a file.
    """

    def __init__(self, process: subprocess.Popen, log: Path) -> None:
        self._process = process
        self.log = log

    def check(self) -> None:
        """Raise NodeError where it has ended."""
        if self._process.poll() is not None:
            raise NodeError(f"the node ended with status {self._process.returncode}: {self.last_words()}")

    def last_words(self) -> str:
        """The last line that it wrote."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it wrote nothing"

    def cpu_s(self) -> float:
        """Seconds that its threads have computed so far (Linux)."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime and stime, proc(5)

    def peak_memory_mb(self) -> float:
        """The most memory that it has had resident (Linux)."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        (kilobytes,) = (line.split()[1] for line in lines if line.startswith("VmHWM"))
        return int(kilobytes) / 1024


@contextmanager
def running_node(namespace: str, parameters: dict[str, Any]) -> Iterator[NodeProcess]:
    """Run /NAMESPACE/depth_sr with its topics, and /tf, in the namespace."""
    with tempfile.TemporaryDirectory(prefix="depth_sr_replay_") as folder:
        file = Path(folder) / "parameters.yaml"
        file.write_text(yaml.safe_dump({"/**": {"ros__parameters": parameters}}))
        remaps = [f"__ns:={namespace}", *(f"/{name}:={namespace}/{name}" for name in ("tf", "tf_static"))]
        arguments = [word for remap in remaps for word in ("-r", remap)]
        log = Path(folder) / "log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "depth_sr_ros.node.depth_sr_node", "--ros-args", *arguments, "--params-file", file],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                yield NodeProcess(process, log)
            finally:
                _stop(process)


def _stop(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
