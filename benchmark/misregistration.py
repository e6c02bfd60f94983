"""Measure methods when the guide is some pixels off: generated scenes, whose ground truth is known.

    python benchmark/misregistration.py --methods bicubic joint_bilateral fdkn -o misregistration.json

RMSE in metres where a simulated structured-light camera saw something, mean over the scenes and over guides shifted to each of
the four sides.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from sensor import SEEDS, seen

from depth_sr_ros import Upsampler
from depth_sr_ros.commands.arguments import add_degradation, check_has_folder, names
from depth_sr_ros.evaluation.metrics import rmse
from depth_sr_ros.synthetic.sequence import SequenceSettings, make_sequence
from depth_sr_ros.synthetic.stereo import StereoSensor
from depth_sr_ros.system.system_info import system_info

SHIFTS = (0, 1, 2, 4, 8)  # pixels


def frames(options):
    """Of each scene colour (H, W, 3) uint8, ground truth and what the sensor measures, float32 metres."""
    for seed in SEEDS[: options.scenes]:
        settings = SequenceSettings(*options.size, options.scale, seed, frames=1)
        sequence = make_sequence(settings, lambda done, of: None)
        rgb, ground_truth = sequence.rgb[0], sequence.ground_truth[0]
        yield rgb, ground_truth, seen(StereoSensor(), rgb, ground_truth, settings)


def shifted(image, rows, columns):
    """(H, W, 3) moved down and right by so many pixels; the border is repeated."""
    height, width = image.shape[:2]
    row, column = (np.clip(np.arange(side) - by, 0, side - 1) for side, by in ((height, rows), (width, columns)))
    return image[row[:, None], column]


def curve(upsampler, scenes):
    """RMSE at each of the shifts."""
    found = []
    for shift in SHIFTS:
        ways = [(0, 0)] if shift == 0 else [(shift, 0), (-shift, 0), (0, shift), (0, -shift)]
        errors = [rmse(upsampler(shifted(rgb, *way), lr).depth - truth) for rgb, truth, lr in scenes for way in ways]
        found.append(round(float(np.mean(errors)), 4))
    return found


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", default=["bicubic", "joint_bilateral", "fdkn"])
    parser.add_argument("--scale", type=int, default=8)
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--scenes", type=int, choices=range(1, len(SEEDS) + 1), default=len(SEEDS), help="how many")
    add_degradation(parser, "sensor")
    parser.add_argument("-o", "--output", type=Path, help="JSON file of all that was measured")
    return parser.parse_args()


def main():
    """Measure every method at every shift, print a table, write."""
    options = parse()
    try:
        check_has_folder(options.output)
        upsamplers = {name: Upsampler(name, options.scale, degradation=options.degradation) for name in names(options.methods)}
    except ValueError as error:
        raise SystemExit(str(error)) from None
    print(f"{'RMSE (m), guide off by':<26}" + "".join(f"{f'{shift} px':>10}" for shift in SHIFTS))
    scenes, results = list(frames(options)), {}
    for name, upsampler in upsamplers.items():
        results[name] = curve(upsampler, scenes)
        print(f"{name:<26}" + "".join(f"{error:>10.4f}" for error in results[name]), flush=True)
    figures = {
        "machine": system_info(),
        "scale": options.scale,
        "degradation": options.degradation,
        "scenes": len(scenes),
        "shifts_px": SHIFTS,
        "rmse_m": results,
    }
    if options.output:
        options.output.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
