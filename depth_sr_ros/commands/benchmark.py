"""`depth-sr benchmark`: how long a frame takes, by method, backend, size and stage."""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from depth_sr_ros.commands.arguments import check_outputs, names, weights_by_method, weights_files

if TYPE_CHECKING:
    import numpy as np

    from depth_sr_ros.core.upsampler import Upsampler

PERCENTILES = (50, 95, 99)
HOLES = 0.03  # share of the depth pixels that are invalid, as with a real sensor


def add_parser(subparsers) -> None:
    """Register the command."""
    parser = subparsers.add_parser("benchmark", help="measure how long a frame takes, stage by stage")
    parser.add_argument(
        "--methods",
        nargs="+",
        default=["fdkn"],
        help="with spaces or commas between them, see `depth-sr methods` (default: fdkn)",
    )
    parser.add_argument("--backends", nargs="+", default=["auto"], help="see `depth-sr doctor` (default: auto)")
    parser.add_argument("--sizes", nargs="+", type=_size, default=[(80, 60)], help="of the depth image, e.g. 80x60 (default)")
    parser.add_argument("--scale", type=int, default=8, help="(default: %(default)s)")
    parser.add_argument("--precision", default="auto", help="auto, f32 or bf16 (default: %(default)s)")
    parser.add_argument("--weights", type=Path, help="a weights file in place of the package's")
    parser.add_argument("--threads", type=int, help="CPU threads of the network (default: the backend's choice)")
    parser.add_argument("--frames", type=_count, default=100, help="that are timed (default: %(default)s)")
    parser.add_argument("-o", "--output", type=Path, help="write figures, machine and versions here, as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Measure every combination, print a line each, and write them down."""
    from depth_sr_ros.core.frame_checks import check_shape
    from depth_sr_ros.core.upsampler import Upsampler
    from depth_sr_ros.system.system_info import system_info

    methods = names(arguments.methods)
    weights = weights_by_method(methods, arguments.weights)
    check_outputs({"--output": arguments.output}, weights_files(arguments.weights))

    def make(method: str, backend: str) -> Upsampler:
        return Upsampler(
            method,
            arguments.scale,
            backend=backend,
            precision=arguments.precision,
            weights=weights[method],
            threads=arguments.threads,
        )

    for method, backend in itertools.product(methods, arguments.backends):  # before minutes are spent on the first
        make(method, backend)
    for width, height in arguments.sizes:
        check_shape((height, width), arguments.scale)
    results = []
    for method, backend, size in itertools.product(methods, arguments.backends, arguments.sizes):
        result = measure(make(method, backend), size, arguments.frames)
        results.append(result)
        print(_line(result), flush=True)
    if arguments.output:
        filed = {"machine": system_info(), "measured": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "results": results}
        arguments.output.write_text(json.dumps(filed, indent=2) + "\n")


def measure(upsampler: Upsampler, size: tuple[int, int], frames: int) -> dict[str, object]:
    """Time `frames` frames of depth images of (width, height), one after the other.

    Returns what ran, the seconds that compiling and the first frame took, frames a second, and the
    milliseconds by stage and percentile.
    """
    rgb, depth = example_frame(size, upsampler.scale)
    start = time.perf_counter()
    upsampler(rgb, depth)
    ready = time.perf_counter()
    times = [upsampler(rgb, depth).times_ms for _ in range(frames)]
    elapsed = time.perf_counter() - ready
    return {
        "method": upsampler.method,
        "scale": upsampler.scale,
        "backend": upsampler.backend,
        "precision": upsampler.precision,
        "depth_size": list(size),
        "output_size": [upsampler.scale * n for n in size],
        "frames": frames,
        "first_frame_s": round(ready - start, 3),
        "frames_per_s": round(frames / elapsed, 2),
        "ms": stage_percentiles(times),
    }


def stage_percentiles(times_ms: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Milliseconds by stage of every frame -> {stage: {"p50": milliseconds, ...}}, stages in their order."""
    import numpy as np

    return {
        stage: {
            f"p{percentile}": round(float(value), 3)
            for percentile, value in zip(
                PERCENTILES, np.percentile([times[stage] for times in times_ms], PERCENTILES), strict=True
            )
        }
        for stage in times_ms[0]
    }


def example_frame(size: tuple[int, int], scale: int) -> tuple[np.ndarray, np.ndarray]:
    """A guide of noise (s*h, s*w, 3) uint8, and (h, w) uint16 depth with slopes and holes; size: (w, h)."""
    import numpy as np

    width, height = size
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[0:height, 0:width]
    depth = (1000 + 20 * rows + 10 * columns).astype(np.uint16)
    depth[random.random(depth.shape) < HOLES] = 0
    return random.integers(0, 256, (scale * height, scale * width, 3), np.uint8), depth


def _line(result: Mapping) -> str:
    """A result for people."""
    sizes = " -> ".join("x".join(map(str, result[name])) for name in ("depth_size", "output_size"))
    total = ", ".join(f"{name} {value:.1f}" for name, value in result["ms"]["total"].items())
    stages = ", ".join(f"{name} {times['p50']:.1f}" for name, times in result["ms"].items() if name != "total")
    return (
        f"{result['method']} on {result['backend']} {result['precision']}, {sizes}: {total} ms "
        f"({result['frames_per_s']:.1f}/s; {stages}); first frame {result['first_frame_s']:.1f} s"
    )


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = map(int, text.split("x"))
    except ValueError:
        width = height = 0
    if min(width, height) < 2:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: WIDTHxHEIGHT, for example 80x60")
    return width, height


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of frames: at least 1")
    return int(text)
