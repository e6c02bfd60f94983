"""The node in its own process, on the wire: what goes in, what comes out, and what it makes of nonsense."""

import time
from collections import Counter

import numpy as np
import pytest
from make_messages import image
from ros_graph import MM, RGB, SCALE, camera, running_node, wait_until

from depth_sr_ros.core.upsampler import Upsampler
from depth_sr_ros.methods.registry import known_methods
from depth_sr_ros.node.messages import decode_depth

BICUBIC = ("method:=bicubic", f"scale:={SCALE}")
HOUR_NS = 3_600_000_000_000


@pytest.fixture(scope="module")
def running(ros):
    """A node that is served by a camera; every test leaves its parameters as they were."""
    with running_node(*BICUBIC), camera() as it:
        it.good()
        yield it


def metres(message):
    return decode_depth(message)


def test_depth_comes_out_as_the_upsampler_makes_it(running):
    out, _ = running.good()
    expected = Upsampler("bicubic", scale=SCALE)(RGB, MM).depth
    assert (out.encoding, out.width, out.height) == ("32FC1", 48, 32)
    np.testing.assert_allclose(metres(out), expected, atol=1e-6)


def test_camera_info_belongs_to_the_image(running):
    out, info = running.good()
    assert info.header == out.header and out.header.frame_id == "camera_optical_frame"
    assert (info.width, info.height) == (out.width, out.height)
    # 40 pixels of focal length: four times the depth camera's, and the colour camera's own
    np.testing.assert_allclose(info.k, [40, 0, 23.5, 0, 40, 15.5, 0, 0, 1])


def test_holes_stay_holes_until_fill_holes_is_set(running):
    depth = MM.copy()
    depth[3:5, 4:7] = 0
    holes = np.kron(depth == 0, np.ones((SCALE, SCALE), bool))
    running.depth_now = depth
    try:
        np.testing.assert_array_equal(np.isnan(metres(running.good()[0])), holes)
        assert running.set(fill_holes=True) == ""
        wait_until(lambda: not np.isnan(metres(running.good()[0])).any(), "filled holes")
    finally:
        running.depth_now = MM
        assert running.set(fill_holes=False) == ""


def test_metres_with_nan_and_infinities_go_in_and_millimetres_come_out(running):
    depth = (MM / 1000).astype(np.float32)
    depth[0, 0], depth[0, 1], depth[1, 0] = np.nan, np.inf, -np.inf
    assert running.set(output_encoding="16UC1") == ""
    try:
        wait_until(lambda: running.good()[0].encoding == "16UC1", "millimetres")
        out = decode_depth(running.good(depth=image(depth, "32FC1"))[0])
        assert out.dtype == np.uint16
        np.testing.assert_array_equal(out[:4, :8], 0)
        np.testing.assert_allclose(out[16, 24], 2016, atol=40)
    finally:
        assert running.set(output_encoding="32FC1") == ""
        wait_until(lambda: running.good()[0].encoding == "32FC1", "metres")


def test_depth_out_of_range_is_unknown(running):
    assert running.set(min_depth=1.5, max_depth=2.5) == ""
    try:
        known = np.kron((MM >= 1500) & (MM <= 2500), np.ones((SCALE, SCALE), bool))
        wait_until(lambda: np.array_equal(np.isfinite(metres(running.good()[0])), known), "the range to hold")
    finally:
        assert running.set(min_depth=0.0, max_depth=0.0) == ""


def test_integer_depth_is_in_the_unit_that_is_set(running):
    assert running.set(depth_unit=0.0002) == ""
    try:
        wait_until(lambda: abs(np.nanmedian(metres(running.good()[0])) - np.median(MM) / 5000) < 0.01, "the unit")
    finally:
        assert running.set(depth_unit=0.001) == ""


def test_method_and_scale_change_without_a_lost_stream(running):
    assert running.set(method="guided_filter", scale=2, output="depth") == ""
    try:
        wait_until(lambda: running.good()[0].width == 24, "the other scale")
        _, info = running.good()
        np.testing.assert_allclose(info.k, [20, 0, 11.5, 0, 20, 7.5, 0, 0, 1])
        assert running.fresh_diagnostics()["method"] == "guided_filter"
    finally:
        assert running.set(method="bicubic", scale=SCALE, output="colour") == ""
        wait_until(lambda: running.good()[0].width == 48, "the first scale again")


def test_a_refused_change_says_why_and_the_stream_goes_on(running):
    assert ", ".join(known_methods()) in running.set(method="nonesuch")
    assert "openvino" in running.set(backend="abacus")
    assert "x31" in running.set(scale=31, method="fdkn")
    assert running.get("method").string_value == "bicubic"
    running.good()


def test_a_build_that_fails_leaves_the_stream_and_is_reported(running, tmp_path):
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no weights")
    assert running.set(method="fdkn", scale=8, weights=str(broken)) == ""
    try:
        wait_until(lambda: str(broken) in running.fresh_diagnostics()["message"], "the failure in /diagnostics")
        assert running.good()[0].width == 48
        assert running.diagnostics["method"] == "bicubic"
    finally:
        assert running.set(method="bicubic", scale=SCALE, weights="package") == ""
        wait_until(lambda: str(broken) not in running.fresh_diagnostics()["message"], "the end of the failure")


def _broken(depth=MM, encoding="16UC1", **changes):
    message = image(depth, encoding)
    for name, value in changes.items():
        setattr(message, name, value)
    return message


HOSTILE = {
    "depth of an unknown encoding": ("depth.unknown_encoding", {"depth": _broken(encoding="rgb8")}),
    "colour of an unknown encoding": ("rgb.unknown_encoding", {"rgb": _broken(RGB, "nv99")}),
    "a step that is too small": ("depth.bad_step", {"depth": _broken(step=3)}),
    "a step that is too large": ("depth.short_data", {"depth": _broken(step=4000)}),
    "short data": ("rgb.short_data", {"rgb": _broken(RGB, "rgb8", data=b"\0" * 100)}),
    "no data": ("depth.short_data", {"depth": _broken(data=b"")}),
    "no pixels": ("depth.bad_size", {"depth": _broken(width=0, height=0, step=0, data=b"")}),
    "more pixels than can be": ("depth.bad_size", {"depth": _broken(width=2**31, height=2**31, step=2**32 - 1)}),
    "depth that is all NaN": ("no_valid_depth", {"depth": _broken(np.full((8, 12), np.nan, np.float32), "32FC1")}),
    "depth that is all infinite": ("no_valid_depth", {"depth": _broken(np.full((8, 12), np.inf, np.float32), "32FC1")}),
    "depth that is all zero": ("no_valid_depth", {"depth": _broken(np.zeros((8, 12), np.uint16))}),
    "colour of another shape": ("bad_guide", {"rgb": _broken(np.zeros((32, 96, 3), np.uint8), "rgb8")}),
}


def test_each_bad_message_costs_itself_is_counted_by_reason_and_the_stream_goes_on(running):
    before = Counter(_drops(running))
    expected = Counter()
    for reason, options in HOSTILE.values():
        expected[reason] += 1
        running.send(**options)
        if "." not in reason:  # the next frame must not supersede it while it waits for the worker
            wait_until(lambda: running.drops().get(reason, 0) == before[reason] + expected[reason], f"a drop for {reason}")
        running.good()
    found = Counter(_drops(running)) - before
    assert {reason: found[reason] for reason in expected} == expected
    left_over = {f"{stream}.{reason}" for stream in ("rgb", "depth") for reason in ("unmatched", "surplus", "expired")}
    assert set(found) <= {*expected, *left_over, "superseded"}


def test_a_stamp_from_another_time_costs_its_frame_and_the_stream_goes_on(running):
    before, answered = _drops(running), []
    for stream in ("rgb_stamp", "depth_stamp"):
        for jump_ns in (-HOUR_NS, HOUR_NS):
            wrong = running.send(**{stream: running.next_stamp() + jump_ns})
            running.good()
            answered.append(wrong in running.images)
    assert not any(answered)
    found = Counter(_drops(running)) - Counter(before)
    assert {reason.partition(".")[2] for reason in found} <= {"unmatched", "surplus", "expired", "time_jump"}
    assert 4 <= sum(found.values()) <= 16


def test_time_that_begins_anew_is_followed(running):
    running._stamp -= 60_000_000_000
    running.good()


def test_another_size_in_mid_stream_is_followed(running):
    running.depth_now = np.kron(MM, np.ones((2, 2), np.uint16))
    try:
        out, info = running.good()
        assert (out.width, out.height) == (info.width, info.height) == (48, 32)
    finally:
        running.depth_now = MM
        running.good()


def test_every_message_is_accounted_for(running):
    for _ in range(30):
        running.send()
    running.good()
    seen = running.fresh_diagnostics()
    for stream, other in (("rgb", "depth"), ("depth", "rgb")):
        dropped = sum(n for reason, n in running.drops().items() if not reason.startswith(f"{other}."))
        assert int(seen[f"received.{stream}"]) == int(seen["published"]) + dropped + int(seen[f"pending.{stream}"])


def _drops(running):
    running.fresh_diagnostics()
    return running.drops()


def test_frames_older_than_max_latency_are_dropped(running):
    assert running.set(max_latency_ms=50.0) == ""
    try:
        running._stamp = time.time_ns() - 10_000_000_000
        wait_until(lambda: running.send() and running.drops().get("too_old"), "old frames dropped")
    finally:
        assert running.set(max_latency_ms=0.0) == ""
        running._stamp = time.time_ns()
        running.good()
