"""Install the package with pip in a new virtual environment that has what it declares and nothing else, and use it there.

python test/packaging/try_pip.py

Versions are those of requirements.txt. It takes minutes and some GB. For PyTorch's build for CPUs, name its index in
PIP_EXTRA_INDEX_URL.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Runs in the new environment. The rooms node, demo and replay need ROS, which is not there.
USE = """
import importlib, importlib.util, pkgutil
import numpy as np
import depth_sr_ros
from depth_sr_ros import Upsampler
from depth_sr_ros.system.package_files import known_recipes, share_directory

assert importlib.util.find_spec("rclpy") is None and importlib.util.find_spec("pytest") is None, "the environment has more"
names = [module.name for module in pkgutil.walk_packages(depth_sr_ros.__path__, "depth_sr_ros.", onerror=lambda name: None)
         if module.name.split(".")[1] not in ("node", "demo", "replay")]
for name in names:
    importlib.import_module(name)
print(len(names), "modules imported,", len(known_recipes()), "recipes in", share_directory())

rgb = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
depth = np.linspace(1, 3, 12 * 16, dtype=np.float32).reshape(12, 16)
for method, backend in (("bicubic", "torch_eager"), ("fdkn", "openvino")):  # bicubic has nothing to compile
    result = Upsampler(method, 8, backend="openvino")(rgb, depth)
    assert result.backend == backend and np.isfinite(result.depth[8:-8, 8:-8]).all(), (method, result.backend)
    print(method, "on", result.backend)
"""


def main() -> None:
    """Install, import every module that needs no ROS, compile two methods, ask the commands."""
    with tempfile.TemporaryDirectory(prefix="try_pip_") as folder:
        run([sys.executable, "-m", "venv", folder])
        python = f"{folder}/bin/python"
        pins = ["--constraint", str(ROOT / "requirements.txt")]
        run([python, "-m", "pip", "install", "--quiet", *pins, f"{ROOT}[openvino]"])
        run([python, "-I", "-c", USE], folder)
        for arguments in (["methods"], ["doctor"], ["train", "--help"]):
            run([f"{folder}/bin/depth-sr", *arguments], folder)


def run(command: list[str], folder: str | None = None) -> None:
    """Run a command, show what it prints; raise CalledProcessError where it fails."""
    print("$", command[0].rsplit("/", 1)[-1], *("..." if "\n" in word else word for word in command[1:]), flush=True)
    subprocess.run(command, cwd=folder, check=True)


if __name__ == "__main__":
    main()
