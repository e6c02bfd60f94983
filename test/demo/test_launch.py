"""The launch files as a user starts them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 150.0
EXECUTABLES = {
    "depth_sr_node": "depth_sr_ros.node.depth_sr_node",
    "camera_node": "depth_sr_ros.demo.camera_node",
    "demo_node": "depth_sr_ros.demo.demo_node",
}


@pytest.fixture
def environment(tmp_path):
    """One in which the package is installed as colcon does, linked to the sources."""
    index, programs = tmp_path / "share/ament_index/resource_index/packages", tmp_path / "lib/depth_sr_ros"
    for folder in (index, programs):
        folder.mkdir(parents=True)
    (index / "depth_sr_ros").touch()
    (tmp_path / "share/depth_sr_ros").symlink_to(ROOT)
    for name, module in EXECUTABLES.items():
        program = programs / name
        program.write_text(f"#!{sys.executable}\nimport sys\nfrom {module} import main\nsys.exit(main())\n")
        program.chmod(0o755)
    prefixes = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("AMENT_PREFIX_PATH"))))
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {
        **os.environ,
        "AMENT_PREFIX_PATH": prefixes,
        "PYTHONPATH": paths,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }


def launch(environment, *arguments, file="demo.launch.py"):
    ros2 = Path(sys.executable).with_name("ros2")
    command = [
        str(ros2) if ros2.is_file() else "ros2",
        "launch",
        "depth_sr_ros",
        file,
        *arguments,
    ]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S)


def test_the_arguments_are_listed(environment):
    done = launch(environment, "--show-args")
    assert done.returncode == 0
    for name in ("method", "scale", "backend", "duration", "output_dir"):
        assert f"'{name}'" in done.stdout


def test_a_method_that_does_not_exist_ends_it_at_once(environment, tmp_path):
    done = launch(environment, "method:=sharper", f"output_dir:={tmp_path / 'out'}")
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert "depth_sr cannot start" in said and "'sharper'" in said and "bicubic" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("file", ["demo.launch.py", "sr.launch.py"])
def test_an_argument_of_the_wrong_kind_is_named(environment, file):
    done = launch(environment, "scale:=eight", file=file)
    assert done.returncode == 1
    assert "scale is 'eight'; it must be a whole number" in done.stdout + done.stderr


def test_a_parameter_file_that_is_not_there_is_named(environment):
    done = launch(environment, "params_file:=/no/such.yaml", file="sr.launch.py")
    assert done.returncode == 1
    assert "params_file is '/no/such.yaml'; there is no such file" in done.stdout + done.stderr
