"""Commands in an environment where a module is another one: broken, say, or one that is interrupted."""

import os
import subprocess
import sys
from pathlib import Path


def run_with_module(folder: Path, name: str, text: str, *arguments: str) -> subprocess.CompletedProcess:
    """Run `depth-sr` where the module `name` has that text; `folder` is for its file."""
    (folder / f"{name}.py").write_text(text)
    environment = os.environ | {"PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", "depth_sr_ros.commands.main", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True)
