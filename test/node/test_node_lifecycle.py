"""How the node starts, what its states mean, and how it ends."""

import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from ros_graph import SCALE, camera, catches_sigterm, running_node, wait_until

from depth_sr_ros.methods.registry import known_methods

EAGER = ("method:=fdkn", f"scale:={SCALE}", "backend:=torch_eager")
BICUBIC = ("method:=bicubic", f"scale:={SCALE}")
PROGRAMS = {name: f"depth_sr_ros.{name}" for name in ("node.depth_sr_node", "demo.camera_node", "demo.demo_node")}


class Manager:
    """Changes the node's state as `ros2 lifecycle` and nav2's lifecycle manager do."""

    def __init__(self, it):
        self._it = it
        self._change = it.node.create_client(ChangeState, "/depth_sr/change_state")
        self._get = it.node.create_client(GetState, "/depth_sr/get_state")

    def __call__(self, transition):
        request = ChangeState.Request(transition=Transition(id=transition))
        return self._it.call(self._change, request).success

    @property
    def state(self):
        return self._it.call(self._get, GetState.Request()).current_state.id


def test_its_states_are_those_of_a_managed_node(ros, tmp_path):
    """A configure that cannot be done fails with its reason, and the node is there for another try.

    What the camera offers is taken: best-effort images, and a camera_info that was sent once, before the node was there.
    """
    log = tmp_path / "log"
    best_effort = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    with (
        camera(qos=best_effort, info_qos=latched) as it,
        log.open("w") as file,
        running_node("method:=fdkn", "scale:=31", "autostart:=false", log=file),
    ):
        it.send_infos()
        manager = Manager(it)
        assert manager.state == State.PRIMARY_STATE_UNCONFIGURED
        assert not manager(Transition.TRANSITION_CONFIGURE)
        assert "cannot configure: method 'fdkn' has no weights for x31" in log.read_text()
        assert manager.state == State.PRIMARY_STATE_UNCONFIGURED
        assert it.set(method="bicubic", scale=SCALE) == ""
        assert manager(Transition.TRANSITION_CONFIGURE)
        assert manager.state == State.PRIMARY_STATE_INACTIVE and not it.depth_info.get_subscription_count()
        for _ in range(2):  # again and again
            assert manager(Transition.TRANSITION_ACTIVATE)
            it.good(infos=False)
            assert manager(Transition.TRANSITION_DEACTIVATE)
            wait_until(lambda: not it.depth_info.get_subscription_count(), "the end of the subscription")
        assert it.fresh_diagnostics()["message"] == "inactive: nothing is upsampled"
        assert manager(Transition.TRANSITION_CLEANUP)
        assert manager.state == State.PRIMARY_STATE_UNCONFIGURED
        wait_until(lambda: not it.node.count_publishers("/depth_sr/image"), "the end of the output")
        assert manager(Transition.TRANSITION_CONFIGURE) and manager(Transition.TRANSITION_ACTIVATE)
        it.good(infos=False)
        (taken,) = it.node.get_subscriptions_info_by_topic("/rgb/image")
        assert taken.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
        assert manager(Transition.TRANSITION_ACTIVE_SHUTDOWN)
        assert manager.state == State.PRIMARY_STATE_FINALIZED
    assert "Traceback" not in log.read_text()


def test_a_reliable_subscription_warns_of_a_best_effort_camera_and_missing_camera_info_is_told_of_until_it_comes(ros):
    best_effort = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    reliable = "qos_overrides./rgb/camera_info.subscription.reliability:=reliable"
    with running_node(*BICUBIC, reliable), camera(qos=best_effort) as it:
        withheld = "rgb: no camera_info has come for this stream yet; the result's is withheld"
        wait_until(lambda: it.send(infos=False) and withheld in it.diagnostics["message"], "the want of camera_info")
        assert it.images and not it.infos
        wait_until(lambda: "/rgb/camera_info" in it.fresh_diagnostics()["message"], "the warning")
        assert "best effort" in it.diagnostics["message"].lower()
        it.good()


def test_it_ends_cleanly_in_mid_stream_and_while_an_engine_is_built(ros):
    with camera() as it, running_node(*BICUBIC):
        it.good()
        assert it.set(method="fdkn", scale=8) == ""


def test_the_engine_is_compiled_as_soon_as_camera_info_tells_the_size(ros):
    with camera() as it, running_node(*EAGER, number=signal.SIGTERM):
        wait_until(lambda: it.depth_info.get_subscription_count(), "the node")
        assert it.fresh_diagnostics()["precision"] == "auto"
        it.send_infos()
        wait_until(lambda: it.send_infos() or it.fresh_diagnostics()["precision"] != "auto", "the engine")
        assert it.diagnostics["received.depth"] == "0"


@contextmanager
def program(module, *arguments):
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("name", "delay_s"), [(name, 0.0) for name in PROGRAMS] + [(name, 0.8) for name in PROGRAMS] + [("node.depth_sr_node", 2.5)]
)
def test_an_interrupt_at_any_moment_ends_it_quietly(name, delay_s):
    with program(PROGRAMS[name]) as process:
        wait_until(lambda: catches_sigterm(process.pid), "the signal handlers")
        time.sleep(delay_s)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in errors and "KeyboardInterrupt" not in errors and "failed" not in errors + output


@pytest.mark.parametrize("name", PROGRAMS)
def test_nothing_heavy_is_imported_before_signals_are_handled(name):
    """The handlers are set by the program's main, so it is what its module imports that comes before."""
    heavy = ("rclpy", "torch", "numpy", "cv2", "openvino", "numba", "yaml")
    script = f"import sys, {PROGRAMS[name]}; print([one for one in {heavy} if one in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_is_given_and_unknown_options_are_refused(name):
    with program(PROGRAMS[name], "--help") as process:
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0 and "--ros-args" in output and not errors
    with program(PROGRAMS[name], "--verbose", "--ros-args", "-r", "__ns:=/x") as process:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 2 and "--verbose" in errors and "Traceback" not in errors


def test_what_cannot_start_says_why_in_one_line_and_fails(tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [1\n")
    wrong = {
        ("-p", "method:=nonesuch"): ", ".join(known_methods()),
        ("-p", "method:=bicubic", "-p", "backend:=abacus"): "torch_eager",
        ("-p", "method:=fdkn", "-p", "weights:=/no/such/file"): "/no/such/file",
        ("-p", "scale:=99"): "99",
        ("-p", "max_depth:=far"): "max_depth is 'far'; it must be a number",
        ("-p", "qos_overrides./rgb/image.subscription.reliability:=perhaps"): "best_effort",
        ("-p", "qos_overrides./depth_sr/image.publisher.reliability:=perhaps"): "perhaps",
        ("--params-file", "/no/such.yaml"): "/no/such.yaml",
        ("--params-file", str(broken)): str(broken),
        ("--log-level", "loud"): "loud",
        ("--nonsense",): "--nonsense",
        ("-p", "no value"): "no value",
    }
    for arguments, told in wrong.items():
        with program(PROGRAMS["node.depth_sr_node"], "--ros-args", *arguments) as process:
            output, errors = process.communicate(timeout=60)
        assert process.returncode == 1 and not output
        *before, line = errors.strip().splitlines()
        assert line.startswith("depth_sr cannot start: ") and told in line, errors
        assert all("[rcl]" in one for one in before), errors  # rcl logs some by itself
