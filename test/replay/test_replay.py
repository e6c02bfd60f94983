"""What a replay measures: the recorded depth is the reference, through the node and without it alike."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from recordings import DEPTH_FRAME, HEIGHT, PERIOD_NS, START_NS, WIDTH, scene, write_recording

from depth_sr_ros.commands.main import main
from depth_sr_ros.core.upsampler import Upsampler
from depth_sr_ros.evaluation.lowering import lower
from depth_sr_ros.evaluation.sensor_metrics import sensor_errors
from depth_sr_ros.replay.lowered import Lowered
from depth_sr_ros.replay.pairs import Pairs
from depth_sr_ros.replay.prepared import read_bag
from depth_sr_ros.replay.recording import open_recording
from depth_sr_ros.replay.variants import variants

SCALE, FRAMES = 4, 6
OFFLINE = "--faster-than-real-time"


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    return write_recording(tmp_path_factory.mktemp("bags") / "bag", FRAMES)


def replay(bag, tmp_path, *options, name="out"):
    """The content of the JSON file."""
    out = tmp_path / f"{name}.json"
    assert not main(["replay", str(bag), "--scale", str(SCALE), "--json", str(out), *options])
    return json.loads(out.read_text())


def expected_errors(number):
    rgb, depth_mm = scene(number)
    depth = np.where(depth_mm > 0, depth_mm / np.float32(1000), np.float32(np.nan))
    result = Upsampler("bicubic", SCALE)(rgb, lower(depth, SCALE, "median"))
    return sensor_errors(result.depth, depth, SCALE)


def test_figures_are_those_of_the_library(bag, tmp_path):
    content = replay(bag, tmp_path, "--methods", "bicubic", OFFLINE)
    (result,) = content["results"]
    assert content["degradation"] == "median" and len(content["recording_sha256"]) == 64
    assert result["inputs"] == FRAMES and result["pairs"] == result["outputs"] == len(result["per_frame"])
    assert FRAMES - 1 <= result["pairs"] <= FRAMES, "the last pair may wait for a nearer one"
    for number, frame in enumerate(result["per_frame"]):
        assert frame["stamp_ns"] == START_NS + number * PERIOD_NS
        expected = expected_errors(number)
        for name in ("rmse_m", "mae_m", "wrong_share", "valid_share"):
            assert frame[name] == pytest.approx(getattr(expected, name), rel=1e-4)
    assert result["rmse_m"] == pytest.approx(np.mean([frame["rmse_m"] for frame in result["per_frame"]]))


def test_two_runs_give_the_same_figures(bag, tmp_path):
    one, other = (
        replay(bag, tmp_path, "--methods", "bicubic", "guided_filter", OFFLINE, "--degradation", "tof", name=name)["results"]
        for name in ("one", "other")
    )
    for first, second in zip(one, other, strict=True):
        timed = {"latency_ms", "output_hz", "per_frame"}
        assert {k: v for k, v in first.items() if k not in timed} == {k: v for k, v in second.items() if k not in timed}


def test_values_that_are_swept_are_variants(bag, tmp_path):
    settings = ["--set", "iterations=0,8", "clip_to_measured=false"]
    results = replay(bag, tmp_path, "--methods", "dada_free", OFFLINE, *settings)["results"]
    assert [one["label"] for one in results] == ["dada_free iterations=0", "dada_free iterations=8"]
    assert results[0]["rmse_m"] != results[1]["rmse_m"]


def test_depth_of_another_camera_is_measured_in_the_colour_view(tmp_path):
    offset_m = 0.15  # at 3 m and f = 40 pixels: 2 pixels to the side
    path = write_recording(tmp_path / "bag", depth_frame=DEPTH_FRAME, offset_m=offset_m)
    (variant,) = variants(["bicubic"], SCALE, {}, {})
    with open_recording(path) as recording:
        pairs = Pairs(recording.topics, SCALE, variant.config, True, print)
        pair = next(pairs.of(Lowered(recording, SCALE, "median", variant.config)))
    _, depth = scene(0)
    assert pair.reference.shape == (HEIGHT, WIDTH) and pair.grid.shape == (HEIGHT // SCALE, WIDTH // SCALE)
    np.testing.assert_allclose(pair.reference[28, 10:40], depth[28, 8:38] / 1000, atol=1e-3)  # the wall
    np.testing.assert_allclose(pair.reference[12, 16:28], 1.5, atol=1e-3)  # the box, 4 pixels to the side


def test_without_a_transform_frames_are_counted_and_the_way_out_is_a_parameter(tmp_path):
    path = write_recording(tmp_path / "bag", depth_frame=DEPTH_FRAME, with_transforms=False)
    (result,) = replay(path, tmp_path, "--methods", "bicubic", OFFLINE)["results"]
    assert result["outputs"] == 0 and result["rmse_m"] is None
    assert result["drops"]["no_transform"] >= 3
    (result,) = replay(path, tmp_path, "--methods", "bicubic", OFFLINE, "--set", "registration=none")["results"]
    assert result["outputs"] >= 3


def test_depth_as_it_is_has_no_reference(tmp_path):
    def low(key, message):
        if key == "depth":
            height, width = HEIGHT // SCALE, WIDTH // SCALE
            message.height, message.width, message.step = height, width, 2 * width
            message.data = np.full((height, width), 2000, np.uint16).tobytes()
        if key == "depth_info":
            message.height, message.width = HEIGHT // SCALE, WIDTH // SCALE
            message.k[0] = message.k[4] = message.p[0] = message.p[5] = 10.0
            message.k[2] = message.p[2] = (WIDTH // SCALE - 1) / 2
            message.k[5] = message.p[6] = (HEIGHT // SCALE - 1) / 2

    path = write_recording(tmp_path / "bag", change=low)
    (result,) = replay(path, tmp_path, "--methods", "bicubic", OFFLINE, "--degradation", "none")["results"]
    assert result["rmse_m"] is None and result["wrong_share"] is None
    assert result["valid_share"] == 1 and result["inconsistency_m"] == pytest.approx(0, abs=1e-6)
    assert result["flicker_m"] == pytest.approx(0, abs=1e-6)


def test_the_page_needs_no_other_file(bag, tmp_path):
    page = tmp_path / "page.html"
    replay(bag, tmp_path, "--methods", "bicubic", "guided_filter", OFFLINE, "--html", str(page))
    text = page.read_text()
    assert "guided_filter" in text and "<svg" in text and text.count("<section class=frame>") >= 2
    assert "http" not in text.replace("http://www.w3.org", "")


def test_the_node_in_recorded_time_gives_the_same_figures(bag, tmp_path):
    out = tmp_path / "bags"
    content = replay(bag, tmp_path, "--methods", "bicubic", "--rate", "0.25", "--bag-out", str(out))
    (result,) = content["results"]
    assert result["inputs"] == FRAMES and result["outputs"] + sum(result["drops"].values()) <= FRAMES
    assert result["outputs"] >= FRAMES - 2
    for frame in result["per_frame"]:
        number = (frame["stamp_ns"] - START_NS) // PERIOD_NS
        assert frame["rmse_m"] == pytest.approx(expected_errors(number).rmse_m, rel=1e-3)
        assert 0 < frame["latency_ms"] < 10_000
    assert result["cpu_percent"] > 0 and result["peak_memory_mb"] > 50
    topics = [topic for topic, *_ in read_bag(out / "bicubic")]
    assert topics.count("/depth_sr/image") == result["outputs"] == topics.count("/depth_sr/camera_info")


def test_a_launch_file_does_it_too(bag, tmp_path):
    out = tmp_path / "out.json"
    launched = subprocess.run(
        [
            Path(sys.executable).with_name("ros2"), "launch", "depth_sr_ros", "evaluate.launch.py", f"bag:={bag}",
            "methods:=bicubic,guided_filter", f"scale:={SCALE}", f"json:={out}", "faster_than_real_time:=true",
        ],
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert launched.returncode == 0, launched.stdout + launched.stderr
    assert [one["method"] for one in json.loads(out.read_text())["results"]] == ["bicubic", "guided_filter"]


@pytest.mark.parametrize(
    "options, says",
    [
        (["--methods", "sharper"], "sharper"),
        (["--degradation", "blur"], "unknown degradation 'blur': known are median"),
        (["--set", "iterations"], "--set takes NAME=VALUE, got 'iterations'"),
        (["--set", "colour=1"], "there is no parameter 'colour'; parameters are: method"),
        (["--set", "iterations=many"], "iterations is 'many'"),
        (["--set", "min_depth=-1"], "min_depth"),
        (["--rate", "0"], "--rate is 0; it must be above 0"),
        (["--depth-image", "/elsewhere"], "has no /elsewhere for depth_image"),
        (["--json", "no/such/folder/out.json"], "there is no folder no/such/folder"),
        ([OFFLINE, "--bag-out", "out"], "only a node's answers are kept"),
    ],
)
def test_what_is_wrong_costs_one_line(bag, capsys, options, says):
    assert main(["replay", str(bag), "--methods", "bicubic", *options]) == 2
    captured = capsys.readouterr()
    assert says in captured.err and captured.err.strip().count("\n") == 0


def test_a_node_that_cannot_start_says_why(bag, capsys):
    assert main(["replay", str(bag), "--methods", "bicubic", "--set", "weights=/no/such.safetensors"]) == 2
    assert "the node ended with status 1" in capsys.readouterr().err


def test_a_node_that_can_use_no_frame_ends_the_replay_with_its_reason(tmp_path, capsys):
    path = write_recording(tmp_path / "bag", depth_frame=DEPTH_FRAME, with_transforms=False)
    assert main(["replay", str(path), "--scale", str(SCALE), "--methods", "bicubic"]) == 2
    assert "the node drops every frame (no_transform); its last line: " in capsys.readouterr().err
