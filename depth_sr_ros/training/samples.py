"""Training samples: a crop of a scene, degraded as real pairs are, with its LR depth."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from depth_sr_ros.core.depth_image import fill_nearest
from depth_sr_ros.methods.layers import resize_bicubic
from depth_sr_ros.synthetic.fields import normal, uniform
from depth_sr_ros.synthetic.sensors import TofSensor, measure
from depth_sr_ros.synthetic.stereo import StereoSensor, grown_foreground, measure_stereo
from depth_sr_ros.training.degradations import (
    REDUCTIONS,
    Degradation,
    chance,
    changed,
    compress_range,
    degrade_depth,
    degrade_guide,
    frame_depth,
    frame_guide,
    frames,
    seen,
)
from depth_sr_ros.training.reductions import block_mean, block_median, decimated
from depth_sr_ros.training.scene_pool import SIDE, ScenePool

FOCAL = 1.2 * SIDE  # pixels; about that of the scenes, and only the angle of incidence depends on it
REDUCED_BY = (block_median, block_mean, decimated), (0.4, 0.3, 0.3)  # what a stereo camera's depth is reduced by, and how often


class Samples(Dataset):
    """Sample i depends on the seed and on i alone, whatever worker makes it: runs can stop and go on.

    Each is a tuple of guide (3, crop, crop) in [0, 1], LR depth (1, crop/scale, crop/scale) and ground truth
    (1, crop, crop), both normalised by the ground truth's range, or by the measurement's where a sensor measured, and then put
    into a part of it. Where a stereo camera sees nothing the ground truth is NaN; its foreground is as large as the camera's.

    Args:
        scale: between the two resolutions.
        crop: side in pixels, a multiple of `scale`, at most `SIDE`.
        seed: of scenes and degradations.
        scenes: how many different scenes the pool has.
        length: how many samples there are in all.
        amount: how strongly samples are degraded.
        directory: of the scene pool; None: the user's cache.
    """

    def __init__(
        self,
        scale: int,
        crop: int,
        seed: int,
        scenes: int,
        length: int,
        amount: Degradation = Degradation(),
        directory: Path | None = None,
    ) -> None:
        if crop % scale or not scale <= crop <= SIDE:
            raise ValueError(f"crop {crop} is not a multiple of scale {scale} between {scale} and {SIDE}")
        self.scale, self.crop, self.seed, self.scenes, self.length = scale, crop, seed, scenes, length
        self.amount = amount
        self.pool = ScenePool(seed, directory)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        if not 0 <= index < self.length:
            raise IndexError(f"sample {index} of {self.length}")
        generator = torch.Generator().manual_seed(sample_seed(self.seed, index))
        number = int(torch.randint(self.scenes, (), generator=generator))
        rgb, depth = self.pool[number]
        top, left = (int(torch.randint(SIDE - self.crop + 1, (), generator=generator)) for _ in range(2))
        area = slice(top, top + self.crop), slice(left, left + self.crop)
        guide = torch.from_numpy(rgb[area]).permute(2, 0, 1)[None].float() / 255
        ground_truth = torch.from_numpy(depth[area].copy())[None, None]
        samples = make_samples(guide, ground_truth, self.scale, self.amount, generator)
        return samples[0][0], samples[1][0], samples[2][0]


def sample_seed(seed: int, number: int) -> int:
    """The generator's seed for sample or batch `number` of a run."""
    return seed * 1_000_000_007 + number


def make_samples(
    guide: Tensor, ground_truth: Tensor, scale: int, amount: Degradation, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Make samples, as `Samples` describes them, of crops of scenes.

    Args:
        guide: (B, 3, H, W) in [0, 1], on any device; where a sensor measures or holes are made, one image on the CPU.
        ground_truth: (B, 1, H, W) metres.
        scale: between the two resolutions.
        amount: how strongly samples are degraded.
        generator: of that device.

    Returns:
        Guide (B, 3, H, W), LR depth (B, 1, H/scale, W/scale) and ground truth (B, 1, H, W).
    """
    guide, ground_truth = _turned(guide, ground_truth, generator)
    inverse = chance(amount.disparity_chance, len(guide), generator)
    sensor = _drawn_sensor(amount, generator)
    depth = torch.where(inverse, 1 / ground_truth, ground_truth)
    ground_truth = depth if isinstance(sensor, StereoSensor) else degrade_depth(depth, amount, generator)
    frame = frames(ground_truth, amount, generator) if amount.frame_chance else None
    if frame is not None:
        ground_truth = frame_depth(ground_truth, frame, generator)
    if sensor is None:
        ground_truth = _normalised(ground_truth, ground_truth)
        lr_depth = _lowered(ground_truth, scale, amount, generator)
    else:
        lr_depth, ground_truth = _measured(ground_truth, inverse, guide, scale, sensor, generator)
        lr_depth, ground_truth = _normalised(lr_depth, lr_depth), _normalised(ground_truth, lr_depth)
    guide = degrade_guide(guide, amount, generator, _nearness(depth, inverse) if amount.parallax else None)
    if frame is not None:
        guide = frame_guide(guide, frame, generator)
    if amount.hole_chance and chance(amount.hole_chance, 1, generator):
        lr_depth = _filled(lr_depth, seen(lr_depth, amount, generator))
    lr_depth, ground_truth = compress_range((lr_depth, ground_truth), amount, generator)
    return guide, lr_depth, ground_truth


def _normalised(depth: Tensor, by: Tensor) -> Tensor:
    """Map depth (B, 1, ...) so that the range of `by`, of which a measurement's is the one known in use, is [0, 1]."""
    lo, hi = by.amin((1, 2, 3), keepdim=True), by.amax((1, 2, 3), keepdim=True)
    return (depth - lo) / (hi - lo).clamp(min=1e-6)


def _nearness(depth: Tensor, inverse: Tensor) -> Tensor:
    """Inverse depth of (B, 1, H, W) depth, or inverse depth where `inverse`, from 0 to 1."""
    disparity = torch.where(inverse, depth, 1 / depth)
    return _normalised(disparity, disparity)


def _turned(guide: Tensor, ground_truth: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Half of the images as in a mirror, a quarter with rows for columns."""
    mirrored, transposed = (chance(share, len(guide), generator) for share in (0.5, 0.25))
    guide, ground_truth = (changed(image, mirrored, lambda image: image.flip(3)) for image in (guide, ground_truth))
    guide, ground_truth = (changed(image, transposed, lambda image: image.transpose(2, 3)) for image in (guide, ground_truth))
    return guide, ground_truth


def _lowered(ground_truth: Tensor, scale: int, amount: Degradation, generator: torch.Generator) -> Tensor:
    """The LR depth of the benchmarks, or what sensors and drivers make of each block, with noise."""
    batch, _, height, width = ground_truth.shape
    lr_depth = resize_bicubic(ground_truth, (height // scale, width // scale))
    drawn, bound = uniform(0, 1, batch, generator), 0.0
    for reduce, entry in zip((block_mean, block_median, decimated), REDUCTIONS):

        def sensed(lr_depth: Tensor, reduce: Callable[[Tensor, int], Tensor] = reduce) -> Tensor:
            noise = normal(lr_depth.shape, generator) * uniform(0, amount.sensor_noise, batch, generator)
            return reduce(ground_truth, scale) + noise

        share = getattr(amount, entry)
        lr_depth = changed(lr_depth, (drawn >= bound) & (drawn < bound + share), sensed)
        bound += share
    return lr_depth


def _drawn_sensor(amount: Degradation, generator: torch.Generator) -> TofSensor | StereoSensor | None:
    """Draw what measures a sample; None: nothing does, its LR depth is a reduction of the ground truth."""
    for share, make in ((amount.tof_chance, random_tof), (amount.stereo_chance, random_stereo)):
        if share and chance(share, 1, generator):
            return make(generator)
    return None


def _measured(
    depth: Tensor, inverse: Tensor, rgb: Tensor, scale: int, sensor: TofSensor | StereoSensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """What a sensor makes of (1, 1, H, W) depth, or inverse depth where `inverse`: LR depth, holes filled, and ground truth."""
    metres = (1 / depth if inverse else depth)[0, 0].contiguous()
    if isinstance(sensor, TofSensor):
        lr_depth = measure(metres, rgb[0], scale, FOCAL, generator, sensor)[None, None]
    else:
        seen_depth = measure_stereo(metres, generator, sensor)
        number = int(torch.multinomial(torch.tensor(REDUCED_BY[1]), 1, generator=generator))
        lr_depth = REDUCED_BY[0][number](seen_depth[None, None], scale)
        metres = torch.where(seen_depth.isnan(), torch.nan, grown_foreground(metres, sensor.fattening))
    known = lr_depth.isfinite()
    lr_depth = _filled(lr_depth, known) if known.any() else block_mean(depth if not inverse else 1 / depth, scale)
    ground_truth = metres[None, None]
    return (1 / lr_depth, 1 / ground_truth) if inverse else (lr_depth, ground_truth)


def _filled(lr_depth: Tensor, known: Tensor) -> Tensor:
    """Fill what is invalid of (1, 1, h, w) as the node does."""
    return torch.from_numpy(fill_nearest(lr_depth[0, 0].numpy(), known[0, 0].numpy()))[None, None]


class ScalesInTurn(Dataset):
    """Samples whose scale changes with every batch: batch n is of the scale at n, counted around, so it has one size.

    Args:
        samples: as many for each scale.
        batch: samples a batch.
    """

    def __init__(self, samples: Sequence[Samples], batch: int) -> None:
        self.samples, self.batch = samples, batch

    def __len__(self) -> int:
        return len(self.samples[0])

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        return self.samples[index // self.batch % len(self.samples)][index]


def random_tof(generator: torch.Generator) -> TofSensor:
    """A time-of-flight camera out of the many that there are: how much it errs at edges and how noisy it is differ."""
    return TofSensor(
        noise=_between(0, 0.005, generator),
        noise_growth=_between(0, 0.003, generator),
        flying_share=_between(0, 1, generator),
        falloff=_between(0, 2, generator) if chance(0.3, 1, generator) else 0.0,
    )


def random_stereo(generator: torch.Generator) -> StereoSensor:
    """A structured-light or stereo camera out of the many that there are, with its driver's smoothing."""
    side = 1 if chance(0.5, 1, generator) else -1
    return StereoSensor(
        focal_baseline=side * _between(25, 60, generator),
        fattening=int(_between(0, 3, generator)),
        ragged=_between(0.2, 1.2, generator),
        step=2 ** -_between(3, 5, generator) if chance(0.6, 1, generator) else 0.0,
        noise=_between(0, 0.1, generator),
        smoothing=_between(0.4, 2, generator) if chance(0.4, 1, generator) else 0.0,
        lost_share=_between(0, 0.08, generator),
        max_range=_between(4, 12, generator),
    )


def _between(low: float, high: float, generator: torch.Generator) -> float:
    return uniform(low, high, 1, generator).item()
