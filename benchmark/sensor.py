"""Measure methods on what depth cameras would measure of generated scenes, whose ground truth is known.

    python benchmark/sensor.py --methods bicubic fdkn dada -o sensor.json

RMSE and MAE in metres, where the sensor saw something, mean over the scenes.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from depth_sr_ros import Upsampler
from depth_sr_ros.commands.arguments import add_degradation, check_has_folder, names
from depth_sr_ros.evaluation.metrics import rmse
from depth_sr_ros.synthetic.sensors import TofSensor, measure
from depth_sr_ros.synthetic.sequence import SequenceSettings, make_sequence
from depth_sr_ros.synthetic.stereo import StereoSensor, measure_stereo
from depth_sr_ros.system.system_info import system_info
from depth_sr_ros.training.reductions import block_median

SEEDS = (14, 9, 101, 102, 103)  # of the scenes; no training pool has them
SENSORS = {
    "default": TofSensor(),  # four of five edge pixels measure something between near and far
    "falloff 2": TofSensor(falloff=2.0),  # the foreground grows
    "no flying": TofSensor(flying_share=0.0),  # edge pixels take one side
    "structured light": StereoSensor(),  # a Kinect's, reduced by the median of each block
}


def frames(options):
    """Of each scene colour (H, W, 3) uint8, ground truth in float32 metres, and what each sensor measures of it, likewise."""
    for seed in SEEDS:
        settings = SequenceSettings(*options.size, options.scale, seed, frames=1)
        sequence = make_sequence(settings, lambda done, of: None)  # not by the cache, which is the demo's and holds fewer
        rgb, ground_truth = sequence.rgb[0], sequence.ground_truth[0]
        yield rgb, ground_truth, {name: seen(sensor, rgb, ground_truth, settings) for name, sensor in SENSORS.items()}


def seen(sensor, rgb, ground_truth, settings):
    """The LR depth that a sensor measures of a scene: (h, w) float32 metres, NaN where it sees nothing."""
    depth, generator = torch.from_numpy(ground_truth), torch.Generator().manual_seed(settings.seed)
    if isinstance(sensor, StereoSensor):
        return block_median(measure_stereo(depth, generator, sensor)[None, None], settings.scale)[0, 0].numpy()
    guide = torch.from_numpy(rgb).permute(2, 0, 1) / 255
    return measure(depth, guide, settings.scale, settings.focal, generator, sensor).numpy()


def errors(upsampler, scenes, sensor):
    """Mean RMSE and MAE over the scenes."""
    found = []
    for rgb, ground_truth, measured in scenes:
        difference = upsampler(rgb, measured[sensor]).depth - ground_truth
        found.append((rmse(difference), np.nanmean(np.abs(difference))))
    return dict(zip(("rmse_m", "mae_m"), np.mean(found, axis=0).round(4).tolist(), strict=True))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", default=["bicubic", "guided_filter", "fdkn", "dada"])
    parser.add_argument("--scale", type=int, default=8)
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("WIDTH", "HEIGHT"))
    add_degradation(parser, "sensor")
    parser.add_argument("--clip-to-measured", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("-o", "--output", type=Path, help="JSON file of all that was measured")
    return parser.parse_args()


def main():
    """Measure every method with every sensor, print a table, write."""
    options = parse()
    try:
        check_has_folder(options.output)
        upsamplers = {
            name: Upsampler(name, options.scale, degradation=options.degradation, clip_to_measured=options.clip_to_measured)
            for name in names(options.methods)
        }
    except ValueError as error:
        raise SystemExit(str(error)) from None
    print(f"{'RMSE, MAE (m)':<22}" + "".join(f"{name:>18}" for name in SENSORS))
    scenes, results = list(frames(options)), []
    for name, upsampler in upsamplers.items():
        rows = {sensor: errors(upsampler, scenes, sensor) for sensor in SENSORS}
        cells = (f"{row['rmse_m']:.3f}, {row['mae_m']:.3f}" for row in rows.values())
        print(f"{name:<22}" + "".join(f"{cell:>18}" for cell in cells), flush=True)
        results += [{"method": name, "sensor": sensor, **row} for sensor, row in rows.items()]
    figures = {
        "machine": system_info(),
        "scale": options.scale,
        "degradation": options.degradation,
        "clip_to_measured": options.clip_to_measured,
        "scenes": len(SEEDS),
        "results": results,
    }
    if options.output:
        options.output.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
