"""The launch files as a user starts them."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import rclpy
from ros_graph import catches_sigterm, wait_until
from sensor_msgs.msg import Image

from depth_sr_ros.node.config import ROWS

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


def start(environment, *arguments, file="demo.launch.py"):
    ros2 = Path(sys.executable).with_name("ros2")
    command = [str(ros2) if ros2.is_file() else "ros2", "launch", "depth_sr_ros", file, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True)


def launch(environment, *arguments, file="demo.launch.py"):
    process = start(environment, *arguments, file=file)
    try:
        output, _ = process.communicate(timeout=TIMEOUT_S)
    finally:
        process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, output, "")


def test_the_arguments_are_listed(environment):
    done = launch(environment, "--show-args")
    assert done.returncode == 0
    for name in ("method", "scale", "backend", "duration", "output_dir"):
        assert f"'{name}'" in done.stdout


def test_every_parameter_is_a_launch_argument(environment):
    done = launch(environment, "--show-args", file="sr.launch.py")
    assert done.returncode == 0
    for name in (*ROWS, "use_sim_time", "name", "namespace", "rgb_image", "depth_info", "camera", "required"):
        assert f"'{name}'" in done.stdout


def test_a_node_that_cannot_start_makes_the_launch_fail_unless_it_is_not_required(environment):
    done = launch(environment, "method:=sharper", file="sr.launch.py")
    assert done.returncode == 1 and "depth_sr cannot start" in done.stdout
    assert "depth_sr_node-1 ended with exit status 1" in done.stdout
    done = launch(environment, "method:=sharper", "required:=false", file="sr.launch.py")
    assert "depth_sr cannot start" in done.stdout and "ended with exit status" not in done.stdout


def test_the_node_is_where_the_arguments_say(environment, ros):
    """Two cameras are two launches: by name, by namespace, by topics of any name."""
    watcher = rclpy.create_node("test_launch_watcher")
    arguments = ("method:=bicubic", "namespace:=left", "name:=sr", "rgb:=cam", "depth_image:=/tof/raw", "no_return:=[0, 65535]")
    process = start(environment, *arguments, file="sr.launch.py")
    try:
        wait_until(lambda: watcher.count_publishers("/left/sr/image"), "the output")
        for topic in ("/left/cam/camera_info", "/left/camera/depth/camera_info"):
            wait_until(lambda: watcher.count_subscribers(topic), topic)
        watcher.create_subscription(Image, "/left/sr/image", print, 1)  # now it wants images
        for topic in ("/left/cam/image", "/tof/raw"):
            wait_until(lambda: watcher.count_subscribers(topic), topic)
        watcher.create_publisher(Image, "/left/cam/image_rect", 1)
        wait_until(lambda: watcher.count_subscribers("/left/cam/image_rect"), "the images that are published")
    finally:
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=TIMEOUT_S)
        watcher.destroy_node()
    assert process.returncode == 0 and "Traceback" not in output


def test_a_camera_that_is_not_known_is_named_with_those_that_are(environment):
    done = launch(environment, "camera:=polaroid", file="sr.launch.py")
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert "camera is 'polaroid'; known cameras are azure_kinect, femto_bolt" in said and "realsense_l515" in said


def test_ctrl_c_ends_the_demo_without_a_word_of_failure(environment):
    process = start(environment, "method:=bicubic")
    pids = set()
    while len(pids) < len(EXECUTABLES):
        pids |= set(map(int, re.findall(r"process started with pid \[(\d+)\]", process.stdout.readline())))
    wait_until(lambda: all(map(catches_sigterm, pids)), "the signal handlers")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0
    assert "failed" not in output and "Traceback" not in output and "died" not in output


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
