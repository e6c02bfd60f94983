"""Build tf2_msgs into this Python environment, with the generators that come with the wheels of ROS 2.

    python ros2_lite/interfaces/build.py

Where there is no C and C++ compiler it says so in one line and ends well: /tf is not read then.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parent / "tf2_msgs"


def build() -> None:
    """Configure, compile and install. Raises CalledProcessError with what the tool wrote."""
    packages = Path(sysconfig.get_path("platlib")).relative_to(sys.prefix)
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "CMAKE_PREFIX_PATH": sys.prefix,
        "AMENT_PREFIX_PATH": sys.prefix,
    }
    with tempfile.TemporaryDirectory(prefix="tf2_msgs_") as folder:
        configure = ["cmake", "-S", SOURCE, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DBUILD_TESTING=OFF"]
        places = [f"-DCMAKE_INSTALL_PREFIX={sys.prefix}", f"-DPYTHON_INSTALL_DIR={packages}"]
        for command in (
            [*configure, *places, f"-DPython3_EXECUTABLE={sys.executable}"],
            ["cmake", "--build", folder],
            ["cmake", "--install", folder],
        ):
            subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def main() -> int:
    """Returns 0 in any case: without tf2_msgs all but /tf works."""
    found = importlib.util.find_spec("tf2_msgs")
    if found is not None and found.origin is not None:  # not the folder beside this file
        return 0
    if not all(any(map(shutil.which, names)) for names in (("cc", "gcc", "clang"), ("c++", "g++", "clang++"))):
        print("no C and C++ compiler, so tf2_msgs is not built: /tf is not read")
        return 0
    try:
        build()
    except (OSError, subprocess.CalledProcessError) as error:
        lines = (getattr(error, "output", None) or str(error)).strip().splitlines()
        print(f"tf2_msgs cannot be built, so /tf is not read: {next((li for li in lines if 'rror' in li), lines[-1])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
