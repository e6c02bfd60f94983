"""A ROS domain of these tests' own, and rclpy for them."""

import os

import pytest

os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)


@pytest.fixture(scope="module")
def ros():
    """rclpy, for a module's tests: those of ros2_lite, in the same process, start it themselves."""
    import rclpy

    rclpy.init()
    yield
    rclpy.try_shutdown()
