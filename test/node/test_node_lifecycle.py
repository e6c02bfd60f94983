"""How the node starts, what it does without work, and how it ends."""

import signal
import subprocess

from rclpy.qos import QoSProfile, ReliabilityPolicy
from ros_graph import SCALE, camera, running_node, start_node, wait_until

from depth_sr_ros.methods.registry import known_methods

BICUBIC = ("method:=bicubic", f"scale:={SCALE}")


def test_from_idleness_to_work_and_to_a_camera_that_dies(ros):
    with running_node(*BICUBIC):
        with camera(listen=False) as it:
            wait_until(lambda: it.send() and it.drops().get("no_subscriber", 0) > 3, "frames that nobody wants")
            assert it.diagnostics["published"] == "0"
        with camera() as it:
            it.good()
            it.node.destroy_publisher(it.rgb)
            wait_until(lambda: "no publisher on /rgb/image" in it.fresh_diagnostics()["message"], "the warning")


def test_a_reliable_subscription_warns_of_a_best_effort_camera_and_missing_camera_info_is_counted_until_it_comes(ros):
    best_effort = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    reliable = "qos_overrides./rgb/camera_info.subscription.reliability:=reliable"
    with running_node(*BICUBIC, reliable), camera(qos=best_effort) as it:
        wait_until(lambda: it.send(infos=False) and it.drops().get("no_camera_info"), "drops for want of camera_info")
        assert not it.images
        warning = it.fresh_diagnostics()["message"]
        assert "/rgb/camera_info" in warning and "best effort" in warning.lower()
        it.good()


def test_the_log_tells_of_images_without_output_and_of_every_engines_first_one(ros, tmp_path):
    log = tmp_path / "log"
    with log.open("w") as file, running_node(*BICUBIC, log=file), camera() as it:
        wait_until(lambda: it.send(infos=False) and "images come in, none goes out" in log.read_text(), "the warning")
        it.good()
        wait_until(lambda: f"first depth image of bicubic x{SCALE}: 48 x 32 after " in log.read_text(), "the first image")
        assert it.set(method="guided_filter") == ""
        wait_until(lambda: it.send() and "first depth image of guided_filter" in log.read_text(), "the other engine's")
        stages = it.fresh_diagnostics()
    assert log.read_text().count("first depth image") == 2
    assert "ms.upsample.network.p50" in stages


def test_it_ends_cleanly_in_mid_stream_and_a_new_one_works_at_once(ros):
    with camera() as it:
        for number in (signal.SIGINT, signal.SIGTERM):
            it.images.clear()
            with running_node(*BICUBIC, number=number):
                it.good()
                assert it.set(method="fdkn", scale=8) == ""  # and while another engine is being built


def test_what_cannot_start_says_why_in_one_line_and_fails():
    wrong = {
        ("method:=nonesuch",): ", ".join(known_methods()),
        ("method:=bicubic", "backend:=abacus"): "torch_eager",
        ("method:=fdkn", "weights:=/no/such/file"): "/no/such/file",
    }
    processes = {parameters: start_node(*parameters, log=subprocess.PIPE) for parameters in wrong}
    for parameters, process in processes.items():
        _, errors = process.communicate(timeout=60)
        assert process.returncode != 0
        (line,) = errors.strip().splitlines()
        assert line.startswith("depth_sr cannot start: ") and wrong[parameters] in line
