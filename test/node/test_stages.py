"""The list of stages that a frame passes."""

import time

import pytest

from depth_sr_ros.core.result import FrameError
from depth_sr_ros.node.config import Config
from depth_sr_ros.node.stages import Frame, Pipeline, Stage


class Output:
    """As much of a publisher as stages know."""

    def __init__(self, listeners):
        self.listeners = listeners

    def get_subscription_count(self):
        return self.listeners


class Note(Stage):
    """Notes its name in the frame's outgoing messages."""

    def __init__(self, name, *listeners):
        self.name, self.outputs = name, [Output(count) for count in listeners]

    def __call__(self, frame):
        frame.outgoing.append((None, self.name))


class Refuse(Stage):
    name = "refuse"

    def __call__(self, frame):
        raise FrameError("bad_depth", "no")


def frame():
    return Frame(None, None, Config(), None, time.monotonic())


def test_stages_run_in_their_order_and_are_timed_and_outputs_only_while_somebody_listens():
    passed = frame()
    pipeline = Pipeline([Note("decode"), Note("encode", 0, 1), Note("cloud", 0)])
    pipeline(passed)
    assert [name for _, name in passed.outgoing] == ["decode", "encode"]
    assert set(passed.times_ms) == {"decode", "encode"} and min(passed.times_ms.values()) >= 0


@pytest.mark.parametrize(("listeners", "wanted"), [((), False), ((0, 0), False), ((0, 1), True)])
def test_frames_are_wanted_while_somebody_listens_to_any_output(listeners, wanted):
    assert Pipeline([Note("decode"), Note("encode", *listeners), Note("cloud", 0)]).is_listened_to() is wanted


def test_a_stage_that_refuses_a_frame_ends_its_way():
    passed = frame()
    with pytest.raises(FrameError):
        Pipeline([Note("decode"), Refuse(), Note("encode", 1)])(passed)
    assert [name for _, name in passed.outgoing] == ["decode"]
