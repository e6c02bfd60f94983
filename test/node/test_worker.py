"""The slot of one and its thread, and the upsampler that is exchanged while it serves."""

import threading

import numpy as np
import pytest
import torch
from ros_graph import wait_until

from depth_sr_ros.backends import BackendError
from depth_sr_ros.backends.openvino import OpenVino
from depth_sr_ros.core.result import FrameError
from depth_sr_ros.core.upsampler import Upsampler
from depth_sr_ros.node.config import Config
from depth_sr_ros.node.live_upsampler import EngineSettings, LiveUpsampler
from depth_sr_ros.node.statistics import LONGEST_LINE, Notices, Statistics, ThrottledLog
from depth_sr_ros.node.worker import Worker


class Recorder:
    """A worker whose jobs wait for `go`, and what became of them."""

    def __init__(self, process=None):
        self.go, self.begun = threading.Event(), threading.Semaphore(0)
        self.done, self.superseded, self.failed = [], [], []
        self.worker = Worker(
            process or self.process,
            superseded=self.superseded.append,
            failed=lambda job, error: self.failed.append((job, str(error))),
        )

    def process(self, job):
        self.begun.release()
        assert self.go.wait(10)
        if job < 0:
            raise FrameError("bad_guide", f"job {job}")
        self.done.append(job)


def test_the_newest_job_wins_and_every_job_is_accounted_for():
    recorder = Recorder()
    recorder.worker.put(1)
    assert recorder.begun.acquire(timeout=10)
    for job in (2, 3, 4):
        recorder.worker.put(job)
    recorder.go.set()
    assert recorder.begun.acquire(timeout=10)
    assert recorder.worker.stop(10)
    assert (recorder.done, recorder.superseded, recorder.failed) == ([1, 4], [2, 3], [])


def test_a_job_that_fails_costs_itself_alone():
    recorder = Recorder()
    recorder.go.set()
    for job in (1, -2, 3):
        recorder.worker.put(job)
        assert recorder.begun.acquire(timeout=10)
    assert recorder.worker.stop(10)
    assert recorder.done == [1, 3]
    assert recorder.failed == [(-2, "job -2")]


def test_stopping_finishes_the_job_in_hand_and_accounts_for_the_one_that_waits():
    recorder = Recorder()
    recorder.worker.put(1)
    assert recorder.begun.acquire(timeout=10)
    recorder.worker.put(2)
    assert not recorder.worker.stop(0.01)
    recorder.go.set()
    assert recorder.worker.stop(10)
    recorder.worker.put(3)
    assert (recorder.done, recorder.superseded) == ([1], [2, 3])


RGB = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
DEPTH = np.linspace(1, 2, 64, dtype=np.float32).reshape(8, 8)


def settings(method="bicubic", scale=4, **more):
    return EngineSettings.of(Config(method=method, scale=scale, **more))


class Live:
    """A LiveUpsampler and what it reported, in that order."""

    def __init__(self, first, expected=None):
        self.swapped, self.failed, self.told = threading.Semaphore(0), threading.Semaphore(0), []
        self.upsampler = LiveUpsampler(
            first,
            expected_shape=lambda scale: expected,
            building=lambda _: self.told.append("building"),
            swapped=lambda _: (self.told.append("changed"), self.swapped.release()),
            failed=lambda *_: (self.told.append("failed"), self.failed.release()),
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        assert self.upsampler.stop(30)

    def __call__(self, rgb, depth, config):
        return self.upsampler(self.upsampler.engine, rgb, depth, config)

    def shape(self):
        settings = self.upsampler.engine.settings
        result = self(RGB, DEPTH, Config(method="bicubic"))
        assert result.depth.shape == (8 * settings.scale, 8 * settings.scale)
        assert result.method == settings.method
        return settings.method, settings.scale


def test_another_method_and_scale_are_built_aside_and_taken_between_frames():
    with Live(settings("bicubic", 4)) as live:
        assert live.shape() == ("bicubic", 4)
        live.upsampler.change(settings("guided_filter", 2))
        assert live.swapped.acquire(timeout=30)
        assert live.shape() == ("guided_filter", 2)
        assert live.told == ["building", "changed"]


def test_an_engine_is_compiled_for_what_is_expected_before_the_first_frame():
    with Live(settings("fdkn", 4, backend="torch_eager"), expected=(8, 8)) as live:
        assert live.upsampler.engine.upsampler.precision == "auto"  # nothing is compiled yet
        live.upsampler.look_ahead()
        wait_until(lambda: live.upsampler.engine.ready_for == (8, 8), "the engine")
        assert live.upsampler.engine.upsampler.precision == "f32"
        assert live.told == []  # it was no change


def test_what_fails_to_compile_is_not_tried_again_for_every_frame(monkeypatch):
    attempts = []

    def build(*_):
        attempts.append(live.upsampler.engine.is_compiling)
        raise BackendError("out of order")

    monkeypatch.setattr(OpenVino, "build", build)
    with Live(settings("fdkn", 4, backend="openvino"), expected=(8, 8)) as live:
        live.upsampler.look_ahead()
        assert live.failed.acquire(timeout=30)
        for _ in range(3):
            with pytest.raises(BackendError, match="out of order"):
                live(RGB, DEPTH, Config(method="bicubic"))
        assert attempts == [True] and not live.upsampler.engine.is_compiling
        with pytest.raises(BackendError, match="out of order"):  # another size is another matter
            live(RGB[:24], DEPTH[:6], Config(method="bicubic"))
        assert len(attempts) == 2
        monkeypatch.undo()
        live.upsampler.change(settings("fdkn", 4, backend="torch_eager"))
        assert live.swapped.acquire(timeout=30)
        assert live.shape() == ("fdkn", 4)


def test_threads_are_those_asked_for_in_whatever_thread_the_network_runs():
    before = torch.get_num_threads()
    with Live(settings("bicubic", 4)) as live:
        live.shape()
        live.upsampler.change(settings("fdkn", 4, backend="torch_eager", threads=before + 1))
        assert live.swapped.acquire(timeout=30)
        try:
            live.shape()
            assert torch.get_num_threads() == before + 1
        finally:
            torch.set_num_threads(before)


def test_what_cannot_be_built_leaves_the_old_one_serving_and_says_why(tmp_path):
    weights = tmp_path / "broken.safetensors"
    weights.write_bytes(b"not weights")
    with Live(settings("bicubic", 4)) as live:
        live.upsampler.change(settings("fdkn", 8, weights=str(weights)))
        assert live.failed.acquire(timeout=30)
        assert str(weights) in live.upsampler.failure
        assert live.shape() == ("bicubic", 4)
        live.upsampler.change(settings("bicubic", 4))
        assert live.swapped.acquire(timeout=30)
        assert live.upsampler.failure == ""


def test_the_first_settings_fail_in_the_caller():
    with pytest.raises(ValueError, match="nonesuch"):
        Live(settings("nonesuch"))


def test_depth_options_hold_from_the_next_frame_on():
    depth = DEPTH.copy()
    depth[2, 2] = np.nan
    with Live(settings("bicubic", 4)) as live:
        for fill_holes, max_depth in ((False, 9.0), (True, 9.0), (False, 1.5)):
            config = Config(method="bicubic", fill_holes=fill_holes, max_depth=max_depth)
            result = live(RGB, depth, config)
            assert bool(np.isnan(result.depth[9, 9])) is not fill_holes
            assert bool(np.isnan(result.depth[-1, -1])) is (max_depth < 2)


def test_clipping_and_consistency_hold_from_the_next_frame_on():
    depth = np.full_like(DEPTH, 4.0)
    depth[:, 3] = 0.3
    with Live(settings("bicubic", 4)) as live:
        for clip, consistent, overshoots in ((True, False, False), (False, False, True), (True, True, True)):
            config = Config(method="bicubic", clip_to_measured=clip, consistency=consistent)
            result = live(RGB, depth, config)
            assert bool(np.nanmax(result.depth) > 4.01) is overshoots


def test_iterations_hold_from_the_next_frame_on():
    with Live(settings("dada_free", 4)) as live:
        for asked, number in ((0, 120), (2, 2), (60, 60), (0, 120)):
            result = live(RGB, DEPTH, Config(method="dada_free", scale=4, iterations=asked))
            expected = Upsampler("dada_free", 4, iterations=number)(RGB, DEPTH).depth
            np.testing.assert_array_equal(result.depth, expected)


def test_iterations_that_wait_for_their_method_do_not_stop_the_one_that_serves():
    with Live(settings("bicubic", 4)) as live:
        config = Config(method="dada_free", scale=4, iterations=9)
        assert live(RGB, DEPTH, config).method == "bicubic"
        live.upsampler.change(settings("dada_free", 4))
        assert live.swapped.acquire(timeout=30)
        found = live(RGB, DEPTH, config).depth
        np.testing.assert_array_equal(found, Upsampler("dada_free", 4, iterations=9)(RGB, DEPTH).depth)


def test_statistics_are_complete_and_percentiles_are_of_recent_frames():
    statistics = Statistics(["rgb", "depth"])
    for i in range(1000):
        statistics.received("rgb")
        assert statistics.published({"decode": float(i)}, made_by="fdkn") is (i == 0)
    assert statistics.dropped("bad_size") == 1
    assert statistics.dropped("bad_size") == 2
    snapshot = statistics.snapshot()
    assert (snapshot.received, snapshot.published) == ({"rgb": 1000, "depth": 0}, 1000)
    assert snapshot.drops == {"bad_size": 2}
    p50, p95, p99 = snapshot.times_ms["decode"]
    assert 900 < p50 < p95 < p99 <= 999


def test_percentiles_begin_anew_with_the_first_frame_of_another_upsampler():
    """Also where a frame of the one before still goes out after the change."""
    statistics = Statistics(["rgb", "depth"])
    for made_by, stage, first in (("fdkn", "network", True), ("fdkn", "network", False), ("bicubic", "resize", True)):
        assert statistics.published({stage: 1.0}, made_by=made_by) is first
    snapshot = statistics.snapshot()
    assert snapshot.published == 3 and list(snapshot.times_ms) == ["resize"]


def test_a_log_is_throttled_by_key_and_says_what_it_held_back():
    lines, now = [], [0.0]
    log = ThrottledLog(lines.append, period_s=5.0, clock=lambda: now[0])
    for now[0] in (0.0, 1.0, 2.0, 5.0):
        log("a", "first")
    log("b", "second")
    assert lines == ["first", "first (2 more like this)", "second"]


def test_a_log_line_is_of_bounded_length_whatever_a_peer_sends():
    lines = []
    ThrottledLog(lines.append)("a", "x" * 10 * LONGEST_LINE)
    assert len(lines[0]) == LONGEST_LINE


def test_notices_hold_until_they_are_over_and_those_that_alternate_do_not_flood_the_log():
    lines, now = [], [0.0]
    notices = Notices(ThrottledLog(lines.append, period_s=5.0, clock=lambda: now[0]))
    for i in range(100):
        notices.set("frames", f"frame {i % 2} is wrong" if i % 3 else "")
    assert lines == ["frame 1 is wrong"] and notices.lines() == []
    notices.set("frames", "still wrong")
    assert notices.lines() == ["still wrong"] and len(lines) == 1
    now[0] = 6.0
    notices.set("frames", "wrong anew")
    assert lines[1].startswith("wrong anew (")
