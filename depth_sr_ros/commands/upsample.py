"""`depth-sr upsample`: a pair of images, or the pairs of two folders."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from depth_sr_ros.commands.arguments import add_degradation, check_outputs, weights_by_method, weights_files
from depth_sr_ros.commands.rig_arguments import Cameras, add_rig, cameras_of

if TYPE_CHECKING:
    import numpy as np

    from depth_sr_ros.core.result import DepthResult
    from depth_sr_ros.core.upsampler import Upsampler
    from depth_sr_ros.core.working_grid import Rig


def add_parser(subparsers) -> None:
    """Register the command."""
    parser = subparsers.add_parser("upsample", help="upsample a depth image with the colour image that belongs to it")
    parser.add_argument("--rgb", type=Path, required=True, help="colour image, whose size and view the result has; or a folder")
    parser.add_argument(
        "--depth",
        type=Path,
        required=True,
        help="16-bit PNG or TIFF (0 invalid), or metres in a TIFF, EXR, .npy or .npz; or a folder of them, whose files are "
        "matched with those of --rgb by name or number",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        help="result: .png (16 bits) or .tiff, .exr, .npy, .npz (metres); or a folder",
    )
    parser.add_argument("--format", default=".png", help="ending of results in a folder (default: %(default)s)")
    parser.add_argument(
        "--depth-unit",
        type=float,
        default=0.001,
        metavar="METRES",
        help="of a count of 16-bit depth, in and out: 0.0002 for TUM's files (default: %(default)g)",
    )
    parser.add_argument(
        "--no-return",
        type=float,
        nargs="*",
        default=[65535.0],
        metavar="VALUE",
        help="values of depth files, as they stand there, that mean no return, beside 0 and NaN (default: 65535)",
    )
    parser.add_argument("--method", default="fdkn", help="see `depth-sr methods` (default: %(default)s)")
    parser.add_argument("--scale", type=int, default=8, help="colour pixels per depth pixel, per axis (default: %(default)s)")
    parser.add_argument("--backend", default="auto", help="see `depth-sr doctor` (default: %(default)s)")
    parser.add_argument("--precision", default="auto", help="auto, f32 or bf16 (default: %(default)s)")
    parser.add_argument("--weights", type=Path, help="a weights file in place of the package's")
    add_degradation(parser, "sensor")
    parser.add_argument("--iterations", type=int, help="steps of a method that iterates, as dada (default: the method's own)")
    parser.add_argument("--fill-holes", action="store_true", help="guess the depth where the sensor saw nothing")
    parser.add_argument(
        "--clip-to-measured",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="give no depth nearer or farther than what was measured around it; not with --consistency (default: yes)",
    )
    parser.add_argument(
        "--consistency",
        action="store_true",
        help="data consistency: make the result reduce exactly to the input: helps with an exact sensor only",
    )
    parser.add_argument("--ensemble", action="store_true", help="take the mean over four flips, in four times the time")
    parser.add_argument("--min-depth", type=float, default=0.0, help="metres; nearer depth is invalid (default: %(default)g)")
    parser.add_argument(
        "--max-depth",
        type=float,
        default=float("inf"),
        help="metres; further depth is invalid (default: %(default)g)",
    )
    parser.add_argument("--preview", type=Path, help="write a picture of guide, input, bicubic and result here")
    add_rig(parser)
    parser.set_defaults(run=run)


@dataclass(frozen=True)
class _Job:
    """A pair of files and what is to be written of it."""

    rgb: Path
    depth: Path
    output: Path
    preview: Path | None


class _Notes:
    """Lines for the user on stderr, each said once however many pairs it is true of."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, line: str) -> None:
        if line and line not in self._said:
            self._said.add(line)
            print(f"depth-sr: {line}", file=sys.stderr)


@dataclass(frozen=True)
class _Tools:
    """What every pair is taken through."""

    cameras: Cameras
    upsampler: Upsampler
    bicubic: Upsampler | None
    notes: _Notes


def run(arguments: argparse.Namespace) -> int:
    """Upsample a pair, or all pairs of two folders; return 1 where some pairs of a folder could not be."""
    from depth_sr_ros.core.upsampler import Upsampler
    from depth_sr_ros.files.depth_units import check_unit

    check_unit(arguments.depth_unit)
    weights = weights_by_method([arguments.method], arguments.weights)[arguments.method]
    cameras = cameras_of(arguments)
    jobs = _jobs(arguments)
    _check_outputs(jobs, weights)
    options = {name: getattr(arguments, name) for name in ("fill_holes", "min_depth", "max_depth")}
    upsampler = Upsampler(
        arguments.method,
        arguments.scale,
        backend=arguments.backend,
        precision=arguments.precision,
        weights=weights,
        degradation=arguments.degradation,
        clip_to_measured=arguments.clip_to_measured,
        consistency=arguments.consistency,
        ensemble=arguments.ensemble,
        iterations=arguments.iterations,
        **options,
    )
    bicubic = Upsampler("bicubic", arguments.scale, clip_to_measured=False, **options) if arguments.preview else None
    tools = _Tools(cameras, upsampler, bicubic, _Notes())
    if not arguments.depth.is_dir():
        print(_upsample(jobs[0], arguments, tools))
        return 0
    return _upsample_all(jobs, lambda job: _upsample(job, arguments, tools))


def _jobs(arguments: argparse.Namespace) -> list[_Job]:
    """The pair that was named, or the pairs of the folders; folders for results are made."""
    from depth_sr_ros.files.pairs import match_pairs

    folders = [name for name in ("rgb", "depth") if getattr(arguments, name).is_dir()]
    if not folders:
        return [_Job(arguments.rgb, arguments.depth, arguments.output, arguments.preview)]
    if len(folders) == 1:
        raise ValueError(f"--{folders[0]} {getattr(arguments, folders[0])} is a folder: then --rgb and --depth must both be")
    for folder in filter(None, (arguments.output, arguments.preview)):
        folder.mkdir(exist_ok=True)
    return [
        _Job(
            rgb,
            depth,
            arguments.output / f"{depth.stem}{arguments.format}",
            arguments.preview / f"{depth.stem}.png" if arguments.preview else None,
        )
        for rgb, depth in match_pairs(arguments.rgb, arguments.depth)
    ]


def _check_outputs(jobs: Sequence[_Job], weights: Path | None) -> None:
    from depth_sr_ros.files.images import check_depth_output, check_rgb_output

    for job in jobs:
        check_depth_output(job.output)
        if job.preview:
            check_rgb_output(job.preview)
        inputs = {"--rgb": job.rgb, "--depth": job.depth, **weights_files(weights)}
        check_outputs({"--output": job.output, "--preview": job.preview}, inputs)


def _upsample_all(jobs: Sequence[_Job], upsample: Callable[[_Job], str]) -> int:
    """Upsample pair by pair under a progress bar; a bad one costs a line, and the exit status."""
    from tqdm import tqdm

    failed = 0
    for job in tqdm(jobs, unit="pair", disable=None):  # where stderr is no terminal, no bar
        try:
            upsample(job)
        except (ValueError, OSError) as error:
            failed += 1
            tqdm.write(f"depth-sr: {job.depth.name}: {' '.join(str(error).split())}", file=sys.stderr)
    print(f"{len(jobs) - failed} of {len(jobs)} pairs upsampled into {jobs[0].output.parent}")
    return 1 if failed else 0


def _upsample(job: _Job, arguments: argparse.Namespace, tools: _Tools) -> str:
    """Read, upsample, write; return what came out in a line."""
    from depth_sr_ros.files.depth_units import to_metres, unit_doubt
    from depth_sr_ros.files.images import orientation, read_depth, read_rgb, write_depth, write_rgb

    rgb, counts = read_rgb(job.rgb), read_depth(job.depth)
    if (turned := orientation(job.rgb)) > 1:
        tools.notes(f"colour has EXIF orientation {turned}, which is not applied: its pixels are taken as they are stored")
    tools.notes(unit_doubt(counts, arguments.depth_unit, arguments.no_return))
    rig = tools.cameras.rig(rgb.shape[:2], counts.shape)
    tools.notes(_another_grid(rig, rgb.shape[:2], counts.shape))
    depth = rig.bring(to_metres(counts, arguments.depth_unit, arguments.no_return))
    result = tools.upsampler(rgb, depth)
    filed = write_depth(job.output, result.depth, arguments.depth_unit)
    tools.notes(_lost_depth(job.output, int((result.valid & ~filed).sum()), arguments.depth_unit))
    if tools.bicubic is not None and job.preview is not None:
        limits = arguments.min_depth, arguments.max_depth
        write_rgb(job.preview, _preview(rgb, depth, limits, tools.bicubic(rgb, depth), result))
    engine = f"{result.method} x{arguments.scale} on {result.backend} {tools.upsampler.precision}"
    milliseconds = result.times_ms["total"] - result.times_ms["prepare"]
    return f"{job.output}: {_describe(result.depth, result.valid & filed)}; {engine}, {milliseconds:.0f} ms"


def _another_grid(rig: Rig, rgb_shape: tuple[int, int], depth_shape: tuple[int, int]) -> str:
    """What has to be done to the depth image, and the scale that would take it as it is, if there is one."""
    from depth_sr_ros.core.working_grid import grid_shape

    if rig.way == "as it is":
        return ""
    fitting = round(rgb_shape[1] / depth_shape[1])
    fits = rig.way != "projected" and fitting > 1 and grid_shape(rgb_shape, fitting) == depth_shape
    return f"depth is {rig.way}: {rig.reason}{f'; --scale {fitting} would take it as it is' if fits else ''}"


def _lost_depth(path: Path, pixels: int, unit: float) -> str:
    if not pixels:
        return ""
    lost = f"{pixels} known pixels are beyond the {65534 * unit:g} m of a 16-bit PNG of {unit:g} m, or nearer than one count"
    return f"{lost}, and stand as invalid in {path}: a .npy file would hold them"


def _describe(depth: np.ndarray, filed: np.ndarray) -> str:
    """What a file holds of a depth."""
    height, width = depth.shape
    known = depth[filed]
    if not known.size:
        return f"{width} x {height}, nothing known"
    return f"{width} x {height}, {filed.mean():.1%} known, {known.min():.3f} to {known.max():.3f} m"


def _preview(
    rgb: np.ndarray,
    depth: np.ndarray,
    limits: tuple[float, float],
    bicubic: DepthResult,
    result: DepthResult,
) -> np.ndarray:
    """Guide, input within its limits, bicubic and result, the three depths in the colours of one range."""
    import cv2
    import numpy as np

    from depth_sr_ros.core.depth_image import valid_mask
    from depth_sr_ros.files.previews import colour_depth, contact_sheet

    metres = np.where(valid_mask(depth, *limits), depth, np.nan)
    near, far = np.nanpercentile(metres, (1, 99))
    height, width = result.depth.shape
    pictures = {"guide": cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)}
    for title, image in {
        "input": metres,
        "bicubic": bicubic.depth,
        f"result: {result.method}": result.depth,
    }.items():
        pictures[title] = colour_depth(image, near, far)
    return contact_sheet(pictures, columns=2)
