"""Measure what far or saturated depth does to the rest of the image.

    python benchmark/far_depth.py --methods fdkn ahmf dada -o far_depth.json

In generated scenes a share of the LR depth, from one pixel to half of the image, is set to a far depth. Printed is the RMSE
elsewhere over that without anything far: 1.00 is a near part that takes no notice. The second table has the RMSE of the far
part where it is a scene too, seen at FAR_FACTOR times its distance, over that of the same part as it was, times FAR_FACTOR.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import torch

from depth_sr_ros import Upsampler
from depth_sr_ros.commands.arguments import check_has_folder, names
from depth_sr_ros.evaluation.metrics import rmse
from depth_sr_ros.synthetic.sensors import IDEAL, measure
from depth_sr_ros.synthetic.sequence import SequenceSettings, make_sequence
from depth_sr_ros.system.system_info import system_info

SEEDS = (14, 9, 101)  # of the scenes; no training pool has them
SHARES = (0.0, 0.01, 0.05, 0.25, 0.5)  # of the pixels that are far; 0 is one pixel
DEPTHS_M = (65.535, 1000.0)
FAR_FACTOR = 15.0
APART = 4  # LR pixels from the nearest far one, from which on a pixel counts as elsewhere


def scenes(options):
    """Of each scene colour (H, W, 3) uint8, ground truth and LR depth, float32 metres."""
    for seed in SEEDS:
        settings = SequenceSettings(*options.size, options.scale, seed, frames=1)
        sequence = make_sequence(settings, lambda done, of: None)
        rgb, ground_truth = sequence.rgb[0], sequence.ground_truth[0]
        seen = torch.from_numpy(ground_truth), torch.from_numpy(rgb).permute(2, 0, 1) / 255, options.scale, settings.focal
        yield rgb, ground_truth, measure(*seen, torch.Generator().manual_seed(seed), IDEAL).numpy()


def far_pixels(shape, share):
    """(h, w) bool: one pixel in the middle, or a strip at the right."""
    far = np.zeros(shape, bool)
    if share:
        far[:, shape[1] - max(1, round(share * shape[1])) :] = True
    else:
        far[shape[0] // 2, shape[1] // 2] = True
    return far


def apart_from(pixels, scale):
    """Pixels of the result that are `APART` from any of these."""
    around = cv2.dilate(pixels.view(np.uint8), np.ones((2 * APART + 1,) * 2, np.uint8))
    return (around == 0).repeat(scale, 0).repeat(scale, 1)


def near_ratio(upsampler, scene, share, depth_m):
    """RMSE away from far pixels, with them over without."""
    rgb, ground_truth, measured = scene
    far = far_pixels(measured.shape, share)
    elsewhere = apart_from(far, upsampler.scale)
    found = (upsampler(rgb, np.where(far, np.float32(depth_m), measured)), upsampler(rgb, measured))
    spoilt, clean = (rmse((result.depth - ground_truth)[elsewhere]) for result in found)
    return spoilt / clean


def far_ratio(upsampler, scene, share):
    """RMSE within a far scene over that of the same scene near by, times its factor."""
    rgb, ground_truth, measured = scene
    far = far_pixels(measured.shape, share)
    within = apart_from(~far, upsampler.scale)
    result = upsampler(rgb, np.where(far, np.float32(FAR_FACTOR) * measured, measured)).depth
    error = rmse((result - np.float32(FAR_FACTOR) * ground_truth)[within])
    return error / (FAR_FACTOR * rmse((upsampler(rgb, measured).depth - ground_truth)[within]))


def measured_of(upsampler, all_scenes):
    """Mean ratios over the scenes, as rows of the JSON report."""
    for share in SHARES:
        for depth_m in DEPTHS_M:
            ratios = [near_ratio(upsampler, scene, share, depth_m) for scene in all_scenes]
            yield {"part": "near", "share": share, "far_m": depth_m, "ratio": float(np.mean(ratios))}
        if share >= 0.25:
            ratios = [far_ratio(upsampler, scene, share) for scene in all_scenes]
            yield {"part": "far", "share": share, "far_m": None, "ratio": float(np.mean(ratios))}


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", default=["fdkn", "dkn", "ahmf", "dada", "jiif", "naima"])
    parser.add_argument("--scale", type=int, default=8)
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("-o", "--output", type=Path, help="JSON file of all that was measured")
    return parser.parse_args()


def main():
    """Measure every method, print, write."""
    options = parse()
    try:
        check_has_folder(options.output)
        upsamplers = {name: Upsampler(name, options.scale) for name in names(options.methods)}
    except ValueError as error:
        raise SystemExit(str(error)) from None
    all_scenes, results = list(scenes(options)), []
    for name, upsampler in upsamplers.items():
        for row in measured_of(upsampler, all_scenes):
            results.append({"method": name, **row})
            share = f"{row['share']:.0%}" if row["share"] else "one pixel"
            what = "far part" if row["far_m"] is None else f"near part beside {row['far_m']:g} m"
            print(f"{name:<8}{share:>10}  {what:<28}{row['ratio']:6.3f}", flush=True)
    figures = {"machine": system_info(), "scale": options.scale, "scenes": len(SEEDS), "results": results}
    if options.output:
        options.output.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
