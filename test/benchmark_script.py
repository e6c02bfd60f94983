"""The scripts in benchmark/, as processes."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

BENCHMARK = Path(__file__).resolve().parent.parent / "benchmark"


def run_script(name: str, *options: str, environment: Mapping[str, str], timeout: float | None = None):
    """Run benchmark/`name` to its end, on this source tree; what it said is in the result as text."""
    paths = os.pathsep.join(filter(None, (str(BENCHMARK.parent), os.environ.get("PYTHONPATH"))))
    return subprocess.run(
        [sys.executable, str(BENCHMARK / name), *options],
        env={**environment, "PYTHONPATH": paths}, capture_output=True, text=True, timeout=timeout,
    )  # fmt: skip
