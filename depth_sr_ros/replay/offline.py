"""Replay frame by frame, as fast as it goes: accuracy alone counts, and every pair is used. The same figures each time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from depth_sr_ros.backends import BackendError
from depth_sr_ros.core.result import FrameError
from depth_sr_ros.core.upsampler import Upsampler
from depth_sr_ros.node.live_upsampler import EngineSettings, frame_options
from depth_sr_ros.replay.figures import Judge, MethodFigures
from depth_sr_ros.replay.lowered import Lowered
from depth_sr_ros.replay.pairs import Pair, Pairs
from depth_sr_ros.replay.pictures import Pictures
from depth_sr_ros.replay.recording import Recording
from depth_sr_ros.replay.variants import Variant


class _Trial:
    """One variant at work."""

    def __init__(self, variant: Variant) -> None:
        self._config = variant.config
        self._upsampler: Upsampler = EngineSettings.of(variant.config).build()
        self._judge = Judge(variant.config.scale)
        self.figures = MethodFigures(variant.label, variant.config.method, variant.config.scale)

    def __call__(self, pair: Pair, pictures: Pictures | None) -> None:
        """Upsample a pair and measure the result; what cannot be is counted."""
        options = frame_options(self._config, self._upsampler.is_iterative)
        try:
            self._upsampler.prepare(pair.grid.shape)
            result = self._upsampler(pair.rgb, pair.grid, options)
        except (FrameError, BackendError) as error:
            reason = error.reason if isinstance(error, FrameError) else "backend_error"
            self.figures.drops[reason] = self.figures.drops.get(reason, 0) + 1
            return
        ms = result.times_ms["total"]
        self.figures.frames.append(self._judge(pair.stamp_ns, result.depth, pair.grid, pair.reference, ms))
        self.figures.duration_s += ms / 1e3
        if pictures is not None:
            pictures.add(self.figures.label, pair, result.depth)


def replay_offline(
    recording: Recording,
    variants: Sequence[Variant],
    degradation: str,
    *,
    say: Callable[[str], None],
    progress: Callable[[], None],
    pictures: Pictures | None = None,
) -> list[MethodFigures]:
    """Put every pair of a recording through every variant, all of one scale.

    Args:
        recording: an open one.
        variants: what is compared; they pair and place the images alike.
        degradation: how depth is lowered first, see `lowering`; "none": not at all, and there is no reference.
        say: is told what was decided about the geometry.
        progress: called for each depth image.
        pictures: collects them, of some frames.

    Raises:
        RecordingError: the recording breaks off.
        ValueError, BackendError: a variant cannot be built.
    """
    config = variants[0].config
    trials = [_Trial(variant) for variant in variants]
    lowered = Lowered(recording, config.scale, degradation, config)
    pairs = Pairs(recording.topics, config.scale, config, degradation != "none", say)

    def events():
        for event in lowered:
            if event.kind == "depth_image":
                progress()
            yield event

    count = 0
    for pair in pairs.of(events()):
        count += 1
        wanted = pictures if pictures is not None and pictures.wants(count) else None
        for trial in trials:
            trial(pair, wanted)
    for trial in trials:
        trial.figures.inputs, trial.figures.pairs = pairs.inputs, count
        trial.figures.drops = pairs.drops | pairs.unpaired() | lowered.broken | trial.figures.drops
    return [trial.figures for trial in trials]
