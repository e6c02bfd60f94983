"""`ros2 lifecycle` on a managed node of another process."""

import sys

import pytest
from ros2_process import Running, ros2

NODE = """
import rclpy
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn

class Managed(LifecycleNode):
    def on_activate(self, state):
        return TransitionCallbackReturn.FAILURE

rclpy.init()
node = Managed("managed")
print("up", flush=True)
rclpy.spin(node)
"""


@pytest.fixture(scope="module")
def managed():
    with Running("-c", NODE, program=[sys.executable]) as process:
        process.wait_for("up")
        yield


def said(*arguments):
    done = ros2("lifecycle", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_managed_node_is_listed_led_and_told_of(managed):
    assert said("nodes") == "/managed"
    assert said("get", "/managed") == "unconfigured [1]"
    assert "- configure [1]" in said("list", "managed")
    assert said("set", "/managed", "configure") == "Transitioning successful"
    assert said("get") == "/managed: inactive [2]"
    failed = ros2("lifecycle", "set", "/managed", "activate")
    assert (failed.returncode, failed.stderr) == (1, "Transitioning failed\n")


def test_what_cannot_be_is_said_in_one_line(managed):
    unknown = ros2("lifecycle", "set", "/managed", "dance")
    assert unknown.returncode == 1 and "available ones are: " in unknown.stderr
    nobody = ros2("lifecycle", "get", "/nobody")
    assert nobody.returncode == 1 and "/managed" in nobody.stderr and len(nobody.stderr.splitlines()) == 1
