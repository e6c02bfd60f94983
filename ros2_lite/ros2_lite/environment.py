"""The variables that ROS 2's setup.bash sets elsewhere, for the wheels of ROS 2 in this Python environment."""

import os
import sys
from pathlib import Path

_INDEX = "share/ament_index/resource_index/packages"
_PROFILES = Path("share/depth_sr_ros/config")
_PROFILE_VARIABLES = "FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"


def has_wheels(prefix: str = sys.prefix) -> bool:
    """Whether rclpy is a wheel of this environment, not that of an installed ROS 2."""
    return Path(prefix, _INDEX, "rclpy").is_file()


def prepare(environment: os._Environ | dict = os.environ, prefix: str = sys.prefix) -> None:
    """Set what is not set: where packages lie, traffic on the loopback only, a Fast DDS profile that suits images.

    Does nothing where the environment has no wheels of ROS 2: an installed one has its own setup.bash.
    """
    if not has_wheels(prefix):
        return
    environment.setdefault("AMENT_PREFIX_PATH", prefix)
    environment.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    profile = Path(prefix, _PROFILES, "fastdds.xml" if is_local(environment) else "fastdds_network.xml")
    if profile.is_file() and not any(name in environment for name in _PROFILE_VARIABLES):
        old = any(Path(prefix, "lib").glob("libfastrtps.so*"))  # Fast DDS 2; Fast DDS 3 reads both, one after the other
        environment[_PROFILE_VARIABLES[0 if old else 1]] = str(profile)


def is_local(environment: os._Environ | dict = os.environ) -> bool:
    """Whether ROS 2's own variables keep the traffic on this machine."""
    if environment.get("ROS_LOCALHOST_ONLY") == "1":
        return True
    peers = environment.get("ROS_STATIC_PEERS")
    return environment.get("ROS_AUTOMATIC_DISCOVERY_RANGE") in ("LOCALHOST", "OFF") and not peers
