"""The simulated camera and the demo's observer, as processes on the wire."""

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial

import cv2
import numpy as np
import pytest
import rclpy
from benchmark_script import run_script
from rclpy.executors import SingleThreadedExecutor
from ros_graph import TIMEOUT_S, start_node, stop_node, wait_until
from sensor_msgs.msg import CameraInfo, Image

from depth_sr_ros import Upsampler
from depth_sr_ros.core.camera import PinholeCamera
from depth_sr_ros.files.images import read_depth, read_rgb
from depth_sr_ros.node.messages import decode_depth, decode_rgb, stamp_ns

SMALL = ("width:=64", "height:=48", "scale:=8", "frames:=3")
TOPICS = {
    "rgb": (Image, "/camera/color/image_raw"),
    "rgb_info": (CameraInfo, "/camera/color/camera_info"),
    "depth": (Image, "/camera/depth/image_raw"),
    "depth_info": (CameraInfo, "/camera/depth/camera_info"),
    "ground_truth": (Image, "/camera/ground_truth/image_raw"),
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """The environment of processes whose cache directory is these tests' own."""
    return {**os.environ, "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}


def start(module, environment, *parameters, remaps=()):
    """A node of the simulation with `name:=value` parameters."""
    arguments = [word for parameter in parameters for word in ("-p", parameter)]
    arguments += [word for remap in remaps for word in ("-r", remap)]
    return subprocess.Popen(
        [sys.executable, "-m", f"depth_sr_ros.demo.{module}", "--ros-args", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


@pytest.fixture(scope="module")
def camera(ros, cache):
    process = start("camera_node", cache, *SMALL)
    yield process
    assert stop_node(process) == 0


@contextmanager
def watching(topics):
    """Messages of these topics by stamp: {stamp: {stream: message}}."""
    node = rclpy.create_node("test_watcher")
    frames, running = {}, threading.Event()
    for stream in topics:
        message_type, topic = TOPICS[stream]
        node.create_subscription(
            message_type,
            topic,
            lambda m, stream=stream: frames.setdefault(stamp_ns(m), {}).update({stream: m}),
            10,
        )
    executor = SingleThreadedExecutor()
    executor.add_node(node)

    def spin():
        while not running.is_set():
            executor.spin_once(timeout_sec=0.05)

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        yield frames
    finally:
        running.set()
        thread.join()
        executor.shutdown()
        node.destroy_node()


@pytest.fixture(scope="module")
def frames(camera):
    """Some complete frames, in the order of their stamps."""
    with watching(TOPICS) as seen:

        def complete():
            return [parts for _, parts in sorted(seen.items()) if len(parts) == len(TOPICS)]

        wait_until(lambda: len(complete()) >= 8, "frames of the camera", 3 * TIMEOUT_S)
        return complete()


def test_images_are_registered_and_of_one_stamp_and_frame(frames):
    parts = frames[0]
    assert {message.header.frame_id for message in parts.values()} == {"camera_color_optical_frame"}
    described = {
        name: (parts[name].encoding, parts[name].width, parts[name].height) for name in ("rgb", "depth", "ground_truth")
    }
    assert described == {"rgb": ("rgb8", 64, 48), "depth": ("16UC1", 8, 6), "ground_truth": ("32FC1", 64, 48)}
    assert decode_rgb(parts["rgb"]).std() > 1


def test_depth_is_the_ground_truth_in_millimetres(frames):
    ground_truth = decode_depth(frames[0]["ground_truth"])
    measured = decode_depth(frames[0]["depth"])
    blocks = ground_truth.reshape(6, 8, 8, 8).swapaxes(1, 2).reshape(6, 8, 64)
    metres, returned = measured / 1000, measured > 0
    inside = (metres > 0.95 * blocks.min(-1)) & (metres < 1.05 * blocks.max(-1))
    assert returned.mean() > 0.8 and inside[returned].all()


def test_camera_infos_are_those_of_one_camera_at_two_resolutions(frames):
    color, depth = (
        PinholeCamera.from_p(info.width, info.height, info.p) for info in (frames[0]["rgb_info"], frames[0]["depth_info"])
    )
    assert (color.width, color.height) == (64, 48)
    assert depth.scaled(8).same_geometry(color, 1e-6)
    assert PinholeCamera.from_k(64, 48, frames[0]["rgb_info"].k) == color


def test_the_scene_moves_and_the_sequence_repeats(frames):
    pictures = [bytes(parts["depth"].data) for parts in frames]
    assert len(set(pictures)) == 3
    stamps = [stamp_ns(parts["rgb"]) for parts in frames]
    assert stamps == sorted(stamps)


def test_topics_are_there_before_the_scene_is(ros, tmp_path):
    """Or whoever waits for images would warn that nobody sends any, in every demo."""
    watcher = rclpy.create_node("test_early_watcher")
    topic = TOPICS["rgb"][1]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    process = start("camera_node", environment, "frames:=300", remaps=["__node:=early_camera"])
    try:
        publishers = partial(watcher.get_publishers_info_by_topic, topic)
        wait_until(lambda: "early_camera" in [each.node_name for each in publishers()], "the camera's publisher")
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    finally:
        assert stop_node(process) == 0
        watcher.destroy_node()


def test_a_size_that_does_not_fit_is_said_in_one_line(ros, cache):
    process = start("camera_node", cache, "width:=100")
    _, errors = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 1
    assert "camera cannot start: 100 x 480 pixels are no multiple of scale 8" in errors
    assert "Traceback" not in errors


def test_the_demo_measures_draws_and_ends(camera, cache, tmp_path):
    node = start_node(
        "method:=bicubic",
        "scale:=8",
        remaps=[
            f"{stream}/{ours}:=/camera/{theirs}/{name}"
            for stream, theirs in (("rgb", "color"), ("depth", "depth"))
            for ours, name in (("image", "image_raw"), ("camera_info", "camera_info"))
        ],
    )
    demo = start("demo_node", cache, "duration:=1.5", "warm_up:=0.2", f"output_dir:={tmp_path / 'out'}")
    try:
        output, errors = demo.communicate(timeout=4 * TIMEOUT_S)
    finally:
        assert stop_node(node) == 0
        demo.kill()
    assert demo.returncode == 0, errors
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["method"] == "bicubic" and summary["scale"] == 8
    assert summary["input_hz"] > 0 and summary["output_hz"] > 0
    assert 0 < summary["latency_ms"]["p50"] <= summary["latency_ms"]["p95"] <= summary["latency_ms"]["p99"]
    assert isinstance(summary["drops"], dict) and summary["without_camera_info"] == 0
    assert summary["rmse_m"] == pytest.approx(summary["rmse_bicubic_m"], rel=1e-3)  # it was bicubic
    assert summary["frames_compared"] > 0 and summary["rmse_m"] > 0
    picture = cv2.imread(str(tmp_path / "out" / "preview.png"))
    assert picture.shape[1] == 4 * 64 and np.ptp(picture) > 100
    assert "root mean square error" in output and "measuring 1.5 s" in output
    guide, depth = read_rgb(tmp_path / "out" / "guide.png"), read_depth(tmp_path / "out" / "depth.png")
    assert guide.shape[:2] == (8 * depth.shape[0], 8 * depth.shape[1]) and np.ptp(guide) > 100
    result = Upsampler("bicubic", 8)(guide, depth)
    assert result.valid.mean() > 0.5 and 0.2 < np.nanmedian(result.depth) < 20


def test_a_demo_without_results_fails_with_one_line(camera, cache, tmp_path):
    demo = start("demo_node", cache, "patience:=3.0", f"output_dir:={tmp_path / 'out'}")
    _, errors = demo.communicate(timeout=TIMEOUT_S)
    assert demo.returncode == 1
    assert errors.strip() == "demo failed: no result came on /depth_sr/image within 3 s"
    assert not (tmp_path / "out").exists()


def test_the_stream_benchmark_ends_where_the_node_cannot_start(ros, cache):
    done = run_script("stream.py", "--method", "sharper", environment=cache, timeout=60)
    assert done.returncode == 1
    assert "the node ended with status 1" in done.stderr and "Traceback" not in done.stderr
