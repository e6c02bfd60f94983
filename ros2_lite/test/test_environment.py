"""What ros2_lite sets in the environment, what it leaves to the user, and when it does nothing at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import rclpy
from ros2_lite.environment import has_wheels, prepare

PROFILE = "FASTRTPS_DEFAULT_PROFILES_FILE"


@pytest.fixture
def prefix(tmp_path):
    """An environment with wheels of ROS 2 that have Fast DDS 2."""
    files = (
        "share/ament_index/resource_index/packages/rclpy",
        "share/depth_sr_ros/config/fastdds.xml",
        "share/depth_sr_ros/config/fastdds_network.xml",
        "lib/libfastrtps.so.2",
    )
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    return tmp_path


def prepared(prefix, **given):
    prepare(given, str(prefix))
    return given


def test_what_is_not_set_keeps_traffic_at_home_and_suits_images(prefix):
    assert prepared(prefix) == {
        "AMENT_PREFIX_PATH": str(prefix),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        PROFILE: str(prefix / "share/depth_sr_ros/config/fastdds.xml"),
    }


def test_fast_dds_3_has_its_own_variable(prefix):
    (prefix / "lib/libfastrtps.so.2").unlink()
    assert "FASTDDS_DEFAULT_PROFILES_FILE" in prepared(prefix) and PROFILE not in prepared(prefix)


@pytest.mark.parametrize(
    "given, profile",
    [
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"}, "fastdds_network.xml"),
        ({"ROS_STATIC_PEERS": "192.0.2.7"}, "fastdds_network.xml"),
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET", "ROS_LOCALHOST_ONLY": "1"}, "fastdds.xml"),
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "OFF"}, "fastdds.xml"),
    ],
)
def test_who_opens_the_network_gets_the_profile_that_is_open(prefix, given, profile):
    assert Path(prepared(prefix, **given)[PROFILE]).name == profile


def test_what_is_set_stays(prefix):
    given = {"AMENT_PREFIX_PATH": "/a", "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET", "FASTDDS_DEFAULT_PROFILES_FILE": ""}
    assert prepared(prefix, **given) == given


def test_an_installed_ros_2_is_left_alone(tmp_path):
    assert prepared(tmp_path) == {}


def test_without_rclpy_one_line_says_what_to_do():
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r}); from ros2_lite.cli import main; sys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code, "node", "list"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "install ROS 2" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(not has_wheels(), reason="an installed ROS 2 has its own settings")
def test_a_node_listens_on_the_loopback_only():
    rclpy.init()
    node = rclpy.create_node("quiet")
    first = 7400 + 250 * int(os.environ["ROS_DOMAIN_ID"])  # DDS's ports of this domain
    rows = [line.split()[1].split(":") for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
    node.destroy_node()
    rclpy.shutdown()
    assert {address for address, port in rows if first <= int(port, 16) < first + 250} == {"0100007F"}


def test_real_packages_win_one_by_one(tmp_path):
    real = {
        "message_filters/__init__.py": "",
        "ros2cli/__init__.py": "",
        "ros2cli/cli.py": "def main(argv): print('real', argv)",
    }
    for file, text in real.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
    code = (
        "import launch, message_filters, sys; from ros2_lite.cli import main; main(['topic', 'list'])\n"
        "print(*('shims' in module.__file__ for module in (message_filters, launch)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.splitlines() == ["real ['topic', 'list']", "False True"], done.stderr
