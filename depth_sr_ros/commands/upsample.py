"""`depth-sr upsample`: one pair of images."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from depth_sr_ros.commands.arguments import check_outputs, weights_by_method, weights_files

if TYPE_CHECKING:
    import numpy as np

    from depth_sr_ros.core.result import DepthResult


def add_parser(subparsers) -> None:
    """Register the command."""
    parser = subparsers.add_parser("upsample", help="upsample a depth image with the colour image that belongs to it")
    parser.add_argument("--rgb", type=Path, required=True, help="colour image, seeing what the depth image sees")
    parser.add_argument("--depth", type=Path, required=True, help="16-bit PNG (millimetres, 0 invalid) or .npy (metres)")
    parser.add_argument("-o", "--output", type=Path, required=True, help="result: .png (millimetres) or .npy (metres)")
    parser.add_argument("--method", default="fdkn", help="see `depth-sr methods` (default: %(default)s)")
    parser.add_argument("--scale", type=int, default=8, help="output pixels per depth pixel, per axis (default: %(default)s)")
    parser.add_argument("--backend", default="auto", help="see `depth-sr doctor` (default: %(default)s)")
    parser.add_argument("--precision", default="auto", help="auto, f32 or bf16 (default: %(default)s)")
    parser.add_argument("--weights", type=Path, help="a weights file in place of the package's")
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
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Read, upsample, write, say what came out."""
    from depth_sr_ros.core.upsampler import Upsampler
    from depth_sr_ros.files.images import check_depth_output, check_rgb_output, read_depth, read_rgb, write_depth, write_rgb

    weights = weights_by_method([arguments.method], arguments.weights)[arguments.method]
    check_depth_output(arguments.output)
    if arguments.preview:
        check_rgb_output(arguments.preview)
    check_outputs(
        {"--output": arguments.output, "--preview": arguments.preview},
        {"--rgb": arguments.rgb, "--depth": arguments.depth, **weights_files(weights)},
    )
    rgb, depth = read_rgb(arguments.rgb), read_depth(arguments.depth)
    depth_options = {name: getattr(arguments, name) for name in ("fill_holes", "min_depth", "max_depth")}
    upsampler = Upsampler(
        arguments.method,
        arguments.scale,
        backend=arguments.backend,
        precision=arguments.precision,
        weights=weights,
        clip_to_measured=arguments.clip_to_measured,
        consistency=arguments.consistency,
        ensemble=arguments.ensemble,
        iterations=arguments.iterations,
        **depth_options,
    )
    _warn_of_another_size(rgb.shape[:2], depth.shape, arguments.scale)
    result = upsampler(rgb, depth)
    filed = write_depth(arguments.output, result.depth)
    _warn_of_lost_depth(arguments.output, int((result.valid & ~filed).sum()))
    engine = f"{result.method} x{upsampler.scale} on {result.backend} {upsampler.precision}"
    milliseconds = result.times_ms["total"] - result.times_ms["prepare"]
    print(f"{arguments.output}: {_describe(result.depth, result.valid & filed)}; {engine}, {milliseconds:.0f} ms")
    if arguments.preview:
        bicubic = Upsampler("bicubic", arguments.scale, clip_to_measured=False, **depth_options)(rgb, depth)
        limits = arguments.min_depth, arguments.max_depth
        write_rgb(arguments.preview, _preview(rgb, depth, limits, bicubic, result))


def _warn_of_another_size(rgb_shape: tuple[int, int], depth_shape: tuple[int, int], scale: int) -> None:
    """Say that the colour image has to be resized, before the sizes may be refused, and what they suggest instead."""
    (rgb_height, rgb_width), (height, width) = rgb_shape, depth_shape
    if rgb_shape == (scale * height, scale * width):
        return
    fitting = rgb_width // max(width, 1)
    if rgb_width <= width:
        advice = "a depth image as large as the colour image has nothing to gain from it: give an LR one"
    elif rgb_shape == (fitting * height, fitting * width):
        advice = f"their sizes would fit --scale {fitting}"
    else:
        advice = "scale times the depth image"
    sizes = f"from {rgb_width} x {rgb_height} to {scale * width} x {scale * height}"
    print(f"depth-sr: the colour image is resized {sizes}; {advice}", file=sys.stderr)


def _warn_of_lost_depth(path: Path, pixels: int) -> None:
    if pixels:
        lost = f"{pixels} known pixels are beyond the 65.535 m of a 16-bit PNG, or nearer than its millimetre"
        print(f"depth-sr: {lost}, and stand as invalid in {path}: a .npy file would hold them", file=sys.stderr)


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
    from depth_sr_ros.files.depth_units import from_uint16_mm
    from depth_sr_ros.files.previews import colour_depth, contact_sheet

    metres = from_uint16_mm(depth) if depth.dtype == np.uint16 else depth
    metres = np.where(valid_mask(metres, *limits), metres, np.nan)
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
