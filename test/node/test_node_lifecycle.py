"""How the node starts, what it does without work, and how it ends."""

import signal
import subprocess

import pytest
from rclpy.qos import QoSProfile, ReliabilityPolicy
from ros_graph import SCALE, camera, start_node, stop_node, wait_until

from depth_sr_ros.methods.registry import known_methods

BICUBIC = ("method:=bicubic", f"scale:={SCALE}")


def test_missing_camera_info_is_counted_until_it_comes(ros):
    process = start_node(*BICUBIC)
    try:
        with camera() as it:
            wait_until(lambda: it.send(infos=False) and it.drops().get("no_camera_info"), "drops for want of camera_info")
            assert not it.images
            it.good()
    finally:
        assert stop_node(process) == 0


def test_an_idle_node_upsamples_nothing_and_names_what_is_missing(ros):
    process = start_node(*BICUBIC)
    try:
        with camera() as it:
            seen = wait_until(lambda: it.diagnostics, "/diagnostics")
            assert seen["published"] == "0"
            it.node.destroy_publisher(it.rgb)
            wait_until(lambda: "no publisher on /rgb/image" in it.fresh_diagnostics()["message"], "the warning")
    finally:
        assert stop_node(process) == 0


def test_nobody_listening_means_no_work(ros):
    process = start_node(*BICUBIC)
    try:
        with camera(listen=False) as it:
            wait_until(lambda: it.send() and it.drops().get("no_subscriber", 0) > 3, "frames that nobody wants")
            assert it.diagnostics["published"] == "0"
    finally:
        assert stop_node(process) == 0


def test_a_reliable_subscription_warns_of_a_best_effort_camera(ros):
    process = start_node(*BICUBIC, "qos_overrides./rgb/image.subscription.reliability:=reliable")
    try:
        with camera(qos=QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)) as it:
            wait_until(lambda: "best effort" in it.fresh_diagnostics()["message"].lower(), "the warning")
            assert "/rgb/image" in it.diagnostics["message"]
    finally:
        assert stop_node(process) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_in_mid_stream_and_a_new_one_works_at_once(ros, number):
    with camera() as it:
        for _ in range(2):
            process = start_node(*BICUBIC)
            it.images.clear()
            it.good()
            assert stop_node(process, number) == 0


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        (("method:=nonesuch",), ", ".join(known_methods())),
        (("method:=bicubic", "backend:=abacus"), "torch_eager"),
        (("method:=fdkn", "scale:=31"), "bicubic"),
        (("method:=fdkn", "weights:=/no/such/file"), "/no/such/file"),
        (("method:=bicubic", "max_depth:=5"), "max_depth"),
    ],
)
def test_what_cannot_start_says_why_in_one_line_and_fails(parameters, told):
    process = start_node(*parameters, log=subprocess.PIPE)
    _, errors = process.communicate(timeout=30)
    assert process.returncode != 0
    (line,) = errors.strip().splitlines()
    assert line.startswith("depth_sr cannot start: ") and told in line
