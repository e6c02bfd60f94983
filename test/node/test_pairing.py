"""Pairing by stamps: sequences as cameras, networks and looping bags make them."""

import random

import pytest
from make_messages import set_header
from message_filters import SimpleFilter
from sensor_msgs.msg import Image

from depth_sr_ros.core.result import FrameError
from depth_sr_ros.node.pairing import CheckFilter, Pairing, PairingFilter
from depth_sr_ros.node.sync_monitor import SyncSettings

MS = 1_000_000
START = 1_700_000_000_000 * MS


class Run:
    """Feeds a Pairing with (stream, stamp in ms[, arrival in ms]) and checks the accounts after every message."""

    def __init__(self, tolerance_ms=20, offset_ms=0, queue_ms=1000, by_arrival=False, **options):
        self.settings = SyncSettings(tolerance_ms * MS, offset_ms * MS, queue_ms * MS, by_arrival)
        self.now_ms = 0.0
        self.pairing = Pairing(self.settings, clock=lambda: round(self.now_ms * MS), **options)
        self.pairs = []
        self._arrival_ms = None

    def feed(self, *messages, size=0):
        for stream, stamp_ms, *arrival in messages:
            self._wait_for(*arrival)
            add = self.pairing.add_rgb if stream == "rgb" else self.pairing.add_depth
            self.pairs += add(START + round(stamp_ms * MS), stamp_ms, size)
            self.check_accounts()
        return self

    def _wait_for(self, arrival_ms=None):
        """Let time pass up to an arrival; a recording that begins anew does so at once."""
        if arrival_ms is not None:
            if self._arrival_ms is not None:
                self.now_ms += max(arrival_ms - self._arrival_ms, 0)
            self._arrival_ms = arrival_ms
        self.now_ms += 0.001

    def check_accounts(self):
        for account in self.pairing.counts().values():
            assert account["received"] == account["paired"] + sum(account["drops"].values()) + account["pending"]
            assert account["paired"] == len(self.pairs)

    def drops(self):
        return {
            f"{stream}.{reason}": n
            for stream, account in self.pairing.counts().items()
            for reason, n in account["drops"].items()
        }

    def pending(self):
        return sum(account["pending"] for account in self.pairing.counts().values())


def stream(name, rate_hz, seconds, phase_ms=0.0):
    return [(name, phase_ms + 1000 * i / rate_hz) for i in range(round(rate_hz * seconds))]


def merged(*streams, delay_ms=None):
    """The messages of several streams with their arrivals, in that order: each stream delayed."""
    delay_ms = delay_ms or {}
    arriving = [(name, stamp, stamp + delay_ms.get(name, 0)) for s in streams for name, stamp in s]
    return sorted(arriving, key=lambda message: message[2])


@pytest.mark.parametrize("delay_ms", [{}, {"rgb": 50}, {"depth": 50}, {"rgb": 200}])
def test_equal_stamps_pair_at_once_whichever_comes_first(delay_ms):
    run = Run().feed(*merged(stream("rgb", 30, 2), stream("depth", 30, 2), delay_ms=delay_ms))
    assert run.pairs == [(t, t) for _, t in stream("depth", 30, 2)]
    assert run.drops() == {}


def test_colour_at_twice_the_rate_leaves_every_second_image_over():
    run = Run().feed(*merged(stream("rgb", 30, 2), stream("depth", 15, 2)))
    assert run.pairs == [(t, t) for _, t in stream("depth", 15, 2)]
    assert set(run.drops()) <= {"rgb.surplus", "rgb.unmatched"} and run.drops()["rgb.surplus"] >= 25


def test_depth_at_twice_the_rate_uses_each_colour_image_once():
    run = Run().feed(*merged(stream("rgb", 15, 2), stream("depth", 30, 2)))
    assert run.pairs == [(t, t) for _, t in stream("rgb", 15, 2)]
    assert set(run.drops()) <= {"depth.surplus", "depth.unmatched"} and run.drops()["depth.surplus"] >= 25


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
    stamp = stream(name, 30, 4)[60][1]
    index = messages.index((name, stamp, stamp))
    messages[index] = (name, stamp + jump_ms, stamp)
    run = Run().feed(*messages)
    assert len(run.pairs) >= 118
    assert sum(run.drops().values()) <= 4


def test_a_stream_that_only_sends_stamps_of_the_future_blocks_nothing_when_it_recovers():
    messages = merged(stream("rgb", 30, 1), stream("depth", 30, 1))
    run = Run().feed(*((name, t + 10_000 * (name == "rgb"), arrival) for name, t, arrival in messages))
    assert run.pairs == []
    run.feed(*merged(stream("rgb", 30, 2), stream("depth", 30, 2))[60:])
    assert len(run.pairs) == 30


@pytest.mark.parametrize("silent", ["rgb", "depth"])
def test_a_stream_that_falls_silent_fills_no_memory_and_pairs_on_when_it_returns(silent):
    other = "depth" if silent == "rgb" else "rgb"
    run = Run().feed(*merged(stream("rgb", 30, 1), stream("depth", 30, 1)))
    run.feed(*merged(stream(other, 30, 10, phase_ms=1000)))
    assert run.pending() <= 31
    run.feed(*merged(stream("rgb", 30, 1, phase_ms=12_000), stream("depth", 30, 1, phase_ms=12_000)))
    assert len(run.pairs) == 60


@pytest.mark.parametrize("late", ["rgb", "depth"])
@pytest.mark.parametrize(("rate_hz", "delay_ms"), [(30, 400), (90, 150), (15, 950), (5, 900)])
def test_a_stream_that_is_late_pairs_in_full(late, rate_hz, delay_ms):
    messages = merged(stream("rgb", rate_hz, 5), stream("depth", rate_hz, 5), delay_ms={late: delay_ms})
    run = Run().feed(*messages)
    assert run.pairs == [(t, t) for _, t in stream("depth", rate_hz, 5)]
    assert run.drops() == {} and run.pairing.advice() == ""


def test_a_stream_that_is_later_than_the_queue_is_told_of_with_the_queue_it_needs():
    run = Run().feed(*merged(stream("rgb", 30, 5), stream("depth", 30, 5), delay_ms={"rgb": 1430}))
    assert run.pairs == [] and set(run.drops()) == {"depth.expired", "rgb.unmatched"}
    assert run.pairing.advice() == "colour comes 1.4 s after depth of the same stamp: sync_queue_s:=1.6 would wait for it"
    run = Run(queue_ms=1600).feed(*merged(stream("rgb", 30, 5), stream("depth", 30, 5), delay_ms={"rgb": 1430}))
    assert len(run.pairs) == 150


def test_memory_is_bounded_in_bytes_and_the_oldest_goes_first():
    run = Run(max_bytes=10_000)
    run.feed(*stream("depth", 30, 1), size=1000)
    assert run.pending() == 10 and run.drops() == {"depth.queue_full": 20}
    run.feed(("rgb", 1000 * 29 / 30), size=9_500)  # its partner, the youngest, is still there
    assert run.pairs == [(1000 * 29 / 30,) * 2] and run.pending() == 0
    run.feed(("rgb", 2000), size=20_000)
    assert run.pending() == 0


def test_stamps_that_are_all_zero_are_told_of_and_pair_by_arrival():
    zeros = [(name, -START / MS, arrival) for name, _, arrival in merged(stream("rgb", 30, 2), stream("depth", 30, 2, 4))]
    run = Run().feed(*zeros)
    assert len(run.pairs) == 1
    assert run.pairing.advice() == "the stamps of rgb are all zero: sync:=arrival would pair the messages as they come"
    run = Run(by_arrival=True).feed(*zeros)
    assert len(run.pairs) >= 59 and run.pairing.advice() == ""


def test_a_change_to_arrival_holds_from_the_next_message_on():
    run = Run().feed(*merged(stream("rgb", 30, 1), stream("depth", 30, 1, phase_ms=3_600_000)))
    assert run.pairs == []
    run.pairing.configure(SyncSettings(by_arrival=True))
    run.feed(
        *((name, t % 3_600_000, 1000 + t % 3_600_000) for name, t, _ in merged(stream("rgb", 30, 1), stream("depth", 30, 1)))
    )
    assert len(run.pairs) >= 28


def advised(rgb_phase_ms, depth_phase_ms=0.0, rate_hz=10, jitter_ms=0.0, **options):
    rng = random.Random(0)
    rgb = [(name, t + rng.uniform(-jitter_ms, jitter_ms)) for name, t in stream("rgb", rate_hz, 4)]
    messages = merged(rgb, stream("depth", rate_hz, 4))
    phases = {"rgb": rgb_phase_ms, "depth": depth_phase_ms}
    run = Run(**options).feed(*((name, t + phases[name], arrival) for name, t, arrival in messages))
    assert run.pairs == []
    return run.pairing.advice()


@pytest.mark.parametrize(
    ("advice", "options"),
    [
        (
            "depth is stamped 40 ms after the nearest colour image: rgb_offset_ms:=40 or sync_tolerance_ms:=50",
            {"rgb_phase_ms": -40},
        ),
        (
            "depth is stamped 40 ms before the nearest colour image: rgb_offset_ms:=-40 or sync_tolerance_ms:=50",
            {"rgb_phase_ms": 40},
        ),
        ("rgb_offset_ms:=-30 or", {"rgb_phase_ms": 30, "offset_ms": 10}),
        ("nearest colour image: sync_tolerance_ms:=", {"rgb_phase_ms": 50, "jitter_ms": 25, "tolerance_ms": 1}),
        (
            "depth is stamped 3600 s after colour, as by another clock: sync:=arrival",
            {"rgb_phase_ms": 0, "depth_phase_ms": 3_600_000},
        ),
        ("depth is stamped 10000 s before colour, as by another clock: sync:=arrival", {"rgb_phase_ms": 10_000_000}),
    ],
)
def test_what_keeps_streams_from_pairing_is_told_with_its_size_and_the_way_out(advice, options):
    assert advice in advised(**options)


def test_advice_that_is_followed_pairs():
    messages = merged(stream("rgb", 10, 4, phase_ms=-40), stream("depth", 10, 4))
    for settings in ({"offset_ms": 40}, {"tolerance_ms": 50}):
        run = Run(**settings).feed(*messages)
        assert len(run.pairs) >= 39 and run.pairing.advice() == ""


def test_rates_that_differ_are_no_reason_for_advice():
    run = Run().feed(*merged(stream("rgb", 5, 10), stream("depth", 30, 10)))
    assert len(run.pairs) == 50 and run.pairing.advice() == ""
    assert run.drops().get("depth.surplus", 0) >= 220 and run.drops().get("depth.unmatched", 0) <= 15


def test_accounts_hold_for_arbitrary_stamps():
    rng = random.Random(1)
    run = Run()
    for _ in range(5000):
        run.feed((rng.choice(("rgb", "depth")), rng.choice((rng.uniform(0, 300), rng.uniform(0, 20_000)))))


def test_a_change_of_tolerance_holds_from_the_next_message_on():
    run = Run(tolerance_ms=5).feed(("rgb", 0), ("depth", 10), ("rgb", 100), ("depth", 110), ("rgb", 200))
    assert run.pairs == []
    run.pairing.configure(SyncSettings(20 * MS))
    run.feed(("depth", 210), ("rgb", 300), ("depth", 310), ("rgb", 400))
    assert (200, 210) in run.pairs


def message(stamp_ms):
    return set_header(Image(), START + stamp_ms * MS)


def test_the_filter_speaks_the_protocol_and_survives_a_callback_that_raises():
    rgb, depth = SimpleFilter(), SimpleFilter()
    paired = PairingFilter(Pairing(SyncSettings()), rgb, depth)
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
    pairing = Pairing(SyncSettings())
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
