"""Replay through the very node, over real transport, in recorded time: rate and latency count, and so does what is dropped."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from depth_sr_ros.node.messages import decode_depth
from depth_sr_ros.replay.figures import Judge, MethodFigures
from depth_sr_ros.replay.lowered import Lowered
from depth_sr_ros.replay.node_process import running_node
from depth_sr_ros.replay.pairs import Pairs
from depth_sr_ros.replay.pictures import Pictures
from depth_sr_ros.replay.player import RESULT, Answers, Player
from depth_sr_ros.replay.prepared import read_bag, stamp_of, write_prepared
from depth_sr_ros.replay.recording import IMAGE, Recording
from depth_sr_ros.replay.variants import Variant


def replay_live(
    recording: Recording,
    variants: Sequence[Variant],
    degradation: str,
    rate: float,
    *,
    say: Callable[[str], None],
    progress: Callable[[], None],
    pictures: Pictures | None = None,
    bag_out: Path | None = None,
) -> list[MethodFigures]:
    """Play a recording to a node of each variant in turn.

    Args:
        recording: an open one.
        variants: what is compared, all of one scale.
        degradation: how depth is lowered first, see `lowering`; "none": not at all, and there is no reference.
        rate: how much faster than recorded it is played; above 0.
        say: is told what was decided about the geometry.
        progress: called for each depth image that is played.
        pictures: collects them, of some frames.
        bag_out: a new folder; gets each variant's depth images and camera_info as a recording.

    Raises:
        RecordingError: the recording breaks off.
        NodeError: a node cannot start, or does not answer.
    """
    config = variants[0].config
    with tempfile.TemporaryDirectory(prefix="depth_sr_replay_") as folder:
        prepared = Path(folder) / "prepared"
        write_prepared(prepared, recording, Lowered(recording, config.scale, degradation, config), lambda: None)
        answers = []
        for variant in variants:
            say(f"starting a node with {variant.label}")
            path = (bag_out or Path(folder)) / variant.label.replace(" ", "_")
            path.parent.mkdir(parents=True, exist_ok=True)
            answers.append(_play(prepared, path, variant, rate, progress))
        return _judge(recording, variants, degradation, answers, say, pictures)


def _play(prepared: Path, path: Path, variant: Variant, rate: float, progress: Callable[[], None]) -> Answers:
    namespace = f"/replay_{os.getpid()}"
    with running_node(namespace, variant.given) as node, Player(namespace, path) as player:
        player.warm_up(prepared, node)
        cpu_s, start_s = node.cpu_s(), time.monotonic()
        player.play(prepared, rate, node, progress)
        answers = player.answers()
        answers.cpu_percent = 100 * (node.cpu_s() - cpu_s) / (time.monotonic() - start_s)
        answers.peak_memory_mb = node.peak_memory_mb()
    return answers


def _judge(
    recording: Recording,
    variants: Sequence[Variant],
    degradation: str,
    answers: Sequence[Answers],
    say: Callable[[str], None],
    pictures: Pictures | None,
) -> list[MethodFigures]:
    """Measure what was answered; the recording is gone through once more for what it is measured against."""
    config = variants[0].config
    lowered = Lowered(recording, config.scale, degradation, config)
    pairs = Pairs(recording.topics, config.scale, config, degradation != "none", say)
    figures = [
        MethodFigures(
            variant.label,
            variant.config.method,
            variant.config.scale,
            drops=answer.drops,
            duration_s=answer.duration_s,
            cpu_percent=answer.cpu_percent,
            peak_memory_mb=answer.peak_memory_mb,
        )
        for variant, answer in zip(variants, answers, strict=True)
    ]
    judges = [Judge(config.scale) for _ in variants]
    results = [_Results(answer.path, recording) for answer in answers]
    count = 0
    for pair in pairs.of(lowered):
        count += 1
        wanted = pictures if pictures is not None and pictures.wants(count) else None
        for figure, judge, result, answer in zip(figures, judges, results, answers, strict=True):
            depth = result.at(pair.stamp_ns)
            if depth is None:
                continue
            figure.frames.append(judge(pair.stamp_ns, depth, pair.grid, pair.reference, answer.latency_ms[pair.stamp_ns]))
            if wanted is not None:
                wanted.add(figure.label, pair, depth)
    for figure in figures:
        figure.inputs, figure.pairs = pairs.inputs, count
    return figures


class _Results:
    """The depth images that a node answered, read in the order of their stamps, one at a time."""

    def __init__(self, path: Path, recording: Recording) -> None:
        self._messages = (message for message in read_bag(path) if message[0] == RESULT)
        self._recording = recording
        self._next: tuple[int, bytes] | None = None

    def at(self, stamp_ns: int) -> np.ndarray | None:
        """(H, W) float32 metres of the result with that stamp; None where the node gave none. Stamps must ascend."""
        while self._next is None or self._next[0] < stamp_ns:
            message = next(self._messages, None)
            if message is None:
                return None
            self._next = stamp_of(message[3]), message[3]
        if self._next[0] != stamp_ns:
            return None
        return np.asarray(decode_depth(self._recording.deserialize(self._next[1], IMAGE)), np.float32)
