"""Pairing by stamps: sequences as cameras, networks and looping bags make them."""

import random

import pytest
from make_messages import set_header
from message_filters import SimpleFilter
from sensor_msgs.msg import Image

from depth_sr_ros.core.result import FrameError
from depth_sr_ros.node.pairing import QUEUE, CheckFilter, Pairing, PairingFilter

MS = 1_000_000
START = 1_700_000_000_000 * MS


class Run:
    """Feeds a Pairing with (stream, stamp in ms) and checks the accounts after every message."""

    def __init__(self, tolerance_ms=20, offset_ms=0):
        self.pairing = Pairing(tolerance_ms * MS, offset_ms * MS)
        self.pairs = []

    def feed(self, *messages):
        for stream, stamp_ms in messages:
            add = self.pairing.add_rgb if stream == "rgb" else self.pairing.add_depth
            self.pairs += add(START + round(stamp_ms * MS), stamp_ms)
            self.check_accounts()
        return self

    def check_accounts(self):
        for account in self.pairing.counts().values():
            assert account["received"] == account["paired"] + sum(account["drops"].values()) + account["pending"]
            assert account["paired"] == len(self.pairs)
            assert account["pending"] <= QUEUE

    def drops(self):
        return {
            f"{stream}.{reason}": n
            for stream, account in self.pairing.counts().items()
            for reason, n in account["drops"].items()
        }


def stream(name, rate_hz, seconds, phase_ms=0.0):
    return [(name, phase_ms + 1000 * i / rate_hz) for i in range(round(rate_hz * seconds))]


def merged(*streams, delay_ms=None):
    """The messages of several streams in the order of their arrival: by stamp, each stream delayed."""
    delay_ms = delay_ms or {}
    return sorted((m for s in streams for m in s), key=lambda m: m[1] + delay_ms.get(m[0], 0))


@pytest.mark.parametrize("delay_ms", [{}, {"rgb": 50}, {"depth": 50}, {"rgb": 200}])
def test_equal_stamps_pair_at_once_whichever_comes_first(delay_ms):
    run = Run().feed(*merged(stream("rgb", 30, 2), stream("depth", 30, 2), delay_ms=delay_ms))
    assert run.pairs == [(t, t) for _, t in stream("depth", 30, 2)]
    assert run.drops() == {}


def test_colour_at_twice_the_rate_leaves_every_second_image_over():
    run = Run().feed(*merged(stream("rgb", 30, 2), stream("depth", 15, 2)))
    assert run.pairs == [(t, t) for _, t in stream("depth", 15, 2)]
    assert set(run.drops()) == {"rgb.unmatched"}


def test_depth_at_twice_the_rate_uses_each_colour_image_once():
    run = Run().feed(*merged(stream("rgb", 15, 2), stream("depth", 30, 2)))
    assert run.pairs == [(t, t) for _, t in stream("rgb", 15, 2)]
    assert set(run.drops()) <= {"depth.unmatched"}


def test_each_depth_image_gets_the_nearest_colour_image_under_jitter():
    rng = random.Random(0)
    rgb = [("rgb", t + rng.uniform(-4, 4)) for _, t in stream("rgb", 30, 10)]
    depth = [("depth", t + rng.uniform(-4, 4)) for _, t in stream("depth", 15, 10)]
    run = Run().feed(*merged(rgb, depth, delay_ms={"rgb": 15}))
    nearest = {t: min((r for _, r in rgb), key=lambda r: abs(r - t)) for _, t in depth}
    assert [(nearest[d], d) for _, d in run.pairs] == run.pairs
    assert len(run.pairs) >= len(depth) - 1


def test_a_steady_offset_within_the_tolerance_costs_no_frame_and_no_wait():
    run = Run().feed(*merged(stream("rgb", 30, 1, phase_ms=-9), stream("depth", 30, 1)))
    assert len(run.pairs) == 30
    before = len(run.pairs)
    run.feed(("rgb", 991), ("depth", 1000))
    assert len(run.pairs) == before + 1


def test_an_offset_beyond_the_tolerance_pairs_only_when_corrected():
    messages = merged(stream("rgb", 10, 2, phase_ms=-40), stream("depth", 10, 2))
    assert Run().feed(*messages).pairs == []
    assert len(Run(offset_ms=40).feed(*messages).pairs) == 20


def test_lost_images_cost_only_their_partners():
    rgb = [m for i, m in enumerate(stream("rgb", 30, 3)) if i % 7]
    depth = [m for i, m in enumerate(stream("depth", 30, 3)) if i % 5]
    run = Run().feed(*merged(rgb, depth))
    both = {t for _, t in rgb} & {t for _, t in depth}
    assert run.pairs == [(t, t) for t in sorted(both)]


def test_a_duplicate_is_dropped():
    run = Run().feed(("rgb", 0), ("rgb", 0), ("depth", 0), ("depth", 0), ("rgb", 33), ("depth", 33))
    assert run.pairs == [(0, 0), (33, 33)]
    assert run.drops() == {"rgb.duplicate": 1, "depth.duplicate": 1}


def test_a_straggler_is_dropped_and_resets_nothing():
    run = Run().feed(("rgb", 0), ("depth", 0), ("rgb", 33), ("rgb", 20), ("depth", 33))
    assert run.pairs == [(0, 0), (33, 33)]
    assert run.drops() == {"rgb.out_of_order": 1}


@pytest.mark.parametrize("delay_ms", [{}, {"rgb": 40}, {"depth": 40}])
@pytest.mark.parametrize("seconds", [5, 0.5])
def test_a_looping_recording_pairs_as_much_in_every_loop(delay_ms, seconds):
    loop = merged(stream("rgb", 30, seconds), stream("depth", 15, seconds), delay_ms=delay_ms)
    run, per_loop = Run(), []
    for _ in range(5):
        before = len(run.pairs)
        run.feed(*loop)
        per_loop.append(len(run.pairs) - before)
    frames = len(stream("depth", 15, seconds))
    assert min(per_loop) >= frames - 1
    assert sum(per_loop) >= 5 * frames - 1


def test_loops_whose_streams_overlap_lose_at_most_what_overlaps():
    """The end of one stream's old loop arrives after the beginning of the other's new one."""
    rgb, depth = stream("rgb", 30, 2), stream("depth", 30, 2)
    run = Run().feed(*merged(rgb, depth)[:-3])
    late = merged(rgb, depth)[-3:]
    run.feed(*rgb[:1], *late, *depth[:1], *merged(rgb[1:], depth[1:]))
    assert len(run.pairs) >= 2 * 60 - 4


@pytest.mark.parametrize("name", ["rgb", "depth"])
@pytest.mark.parametrize("jump_ms", [3_600_000, -3_600_000, 500, -500])
def test_one_stamp_from_another_time_costs_about_one_frame(name, jump_ms):
    messages = merged(stream("rgb", 30, 4), stream("depth", 30, 4))
    index = messages.index((name, stream(name, 30, 4)[60][1]))
    messages[index] = (name, messages[index][1] + jump_ms)
    run = Run().feed(*messages)
    assert len(run.pairs) >= 118
    assert sum(run.drops().values()) <= 4


def test_a_stream_that_only_sends_stamps_of_the_future_blocks_nothing_when_it_recovers():
    wrong = [("rgb", t + 10_000) for _, t in stream("rgb", 30, 1)]
    run = Run().feed(*merged(wrong, stream("depth", 30, 1)))
    assert run.pairs == []
    run.feed(*merged(stream("rgb", 30, 2), stream("depth", 30, 2))[60:])
    assert len(run.pairs) == 30


@pytest.mark.parametrize("silent", ["rgb", "depth"])
def test_a_stream_that_falls_silent_fills_no_memory_and_pairs_on_when_it_returns(silent):
    other = "depth" if silent == "rgb" else "rgb"
    run = Run().feed(*merged(stream("rgb", 30, 1), stream("depth", 30, 1)))
    run.feed(*[(other, 1000 + t) for _, t in stream(other, 30, 10)])
    run.feed(*[(s, 12_000 + t) for s, t in merged(stream("rgb", 30, 1), stream("depth", 30, 1))])
    assert len(run.pairs) == 60


def test_accounts_hold_for_arbitrary_stamps():
    rng = random.Random(1)
    run = Run()
    for _ in range(5000):
        run.feed((rng.choice(("rgb", "depth")), rng.choice((rng.uniform(0, 300), rng.uniform(0, 20_000)))))


def test_a_change_of_tolerance_holds_from_the_next_message_on():
    run = Run(tolerance_ms=5).feed(("rgb", 0), ("depth", 10), ("rgb", 100), ("depth", 110), ("rgb", 200))
    assert run.pairs == []
    run.pairing.tolerance_ns = 20 * MS
    run.feed(("depth", 210), ("rgb", 300), ("depth", 310), ("rgb", 400))
    assert (200, 210) in run.pairs


def message(stamp_ms):
    return set_header(Image(), START + stamp_ms * MS)


def test_the_filter_speaks_the_protocol_and_survives_a_callback_that_raises():
    rgb, depth = SimpleFilter(), SimpleFilter()
    paired = PairingFilter(Pairing(20 * MS), rgb, depth)
    seen = []

    def callback(first, second, extra):
        seen.append((first, second, extra))
        if len(seen) == 1:
            raise RuntimeError("a callback of the user's")

    paired.registerCallback(callback, "extra")
    messages = [(message(t), message(t)) for t in (0, 33)]
    rgb.signalMessage(messages[0][0])
    with pytest.raises(RuntimeError):
        depth.signalMessage(messages[0][1])
    rgb.signalMessage(messages[1][0])
    depth.signalMessage(messages[1][1])
    assert seen == [(*pair, "extra") for pair in messages]


def test_callbacks_may_call_back_into_the_pairing():
    rgb, depth = SimpleFilter(), SimpleFilter()
    pairing = Pairing(20 * MS)
    paired = PairingFilter(pairing, rgb, depth)
    counts = []
    paired.registerCallback(lambda *_: counts.append(pairing.counts()["rgb"]["paired"]))
    rgb.signalMessage(message(0))
    depth.signalMessage(message(0))
    assert counts == [1]


def test_the_check_filter_passes_the_good_on_and_hands_over_the_reason_of_the_bad():
    def check(m):
        if m == "bad":
            raise FrameError("bad_size", "too bad")

    source, passed, refused = SimpleFilter(), [], []
    CheckFilter(source, check, refused.append).registerCallback(passed.append)
    for m in ("good", "bad", "good"):
        source.signalMessage(m)
    assert passed == ["good", "good"]
    assert [error.reason for error in refused] == ["bad_size"]
