"""Training samples: a crop of a scene, degraded as real pairs are, with its LR depth."""

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from depth_sr_ros.core.depth_image import fill_nearest
from depth_sr_ros.methods.layers import resize_bicubic
from depth_sr_ros.synthetic.sensors import TofSensor, measure
from depth_sr_ros.training.degradations import (
    Degradation,
    chance,
    changed,
    compress_range,
    degrade_depth,
    degrade_guide,
    frame_depth,
    frame_guide,
    frames,
    normal,
    seen,
    uniform,
)
from depth_sr_ros.training.scene_pool import SIDE, ScenePool

FOCAL = 1.2 * SIDE  # pixels; about that of the scenes, and only the angle of incidence depends on it


class Samples(Dataset):
    """Sample i depends on the seed and on i alone, whatever worker makes it: runs can stop and go on.

    Each is a tuple of guide (3, crop, crop) in [0, 1], LR depth (1, crop/scale, crop/scale) and ground truth
    (1, crop, crop), both normalised by the ground truth's range, or by the measurement's where a sensor measured, and then put
    into a part of it.

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
        return tuple(tensor[0] for tensor in make_samples(guide, ground_truth, self.scale, self.amount, generator))


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
    ground_truth = degrade_depth(torch.where(inverse, 1 / ground_truth, ground_truth), amount, generator)
    frame = frames(ground_truth, amount, generator) if amount.frame_chance else None
    if frame is not None:
        ground_truth = frame_depth(ground_truth, frame, generator)
    if amount.tof_chance and chance(amount.tof_chance, 1, generator):
        lr_depth = _measured(ground_truth, inverse, guide, scale, generator)
        lo, hi = lr_depth.amin((1, 2, 3), keepdim=True), lr_depth.amax((1, 2, 3), keepdim=True)  # of the measurement, as in use
        lr_depth, ground_truth = ((image - lo) / (hi - lo).clamp(min=1e-6) for image in (lr_depth, ground_truth))
    else:
        lo, hi = ground_truth.amin((1, 2, 3), keepdim=True), ground_truth.amax((1, 2, 3), keepdim=True)
        ground_truth = (ground_truth - lo) / (hi - lo).clamp(min=1e-6)
        lr_depth = None
    guide = degrade_guide(guide, amount, generator)
    if frame is not None:
        guide = frame_guide(guide, frame, generator)
    lr_depth = _lowered(ground_truth, scale, amount, generator) if lr_depth is None else lr_depth
    if amount.hole_chance and chance(amount.hole_chance, 1, generator):
        lr_depth = _filled(lr_depth, seen(lr_depth, amount, generator))
    return guide, *compress_range((lr_depth, ground_truth), amount, generator)


def _turned(guide: Tensor, ground_truth: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Half of the images as in a mirror, a quarter with rows for columns."""
    mirrored, transposed = (chance(share, len(guide), generator) for share in (0.5, 0.25))
    images = (changed(image, mirrored, lambda image: image.flip(3)) for image in (guide, ground_truth))
    return tuple(changed(image, transposed, lambda image: image.transpose(2, 3)) for image in images)


def _lowered(ground_truth: Tensor, scale: int, amount: Degradation, generator: torch.Generator) -> Tensor:
    """The LR depth of the benchmarks, or block means with noise."""
    height, width = ground_truth.shape[-2:]
    lr_depth = resize_bicubic(ground_truth, (height // scale, width // scale))

    def sensed(lr_depth: Tensor) -> Tensor:
        noise = normal(lr_depth.shape, generator) * uniform(0, amount.sensor_noise, len(lr_depth), generator)
        return F.avg_pool2d(ground_truth, scale) + noise

    return changed(lr_depth, chance(amount.sensor_chance, len(ground_truth), generator), sensed)


def _measured(ground_truth: Tensor, inverse: Tensor, rgb: Tensor, scale: int, generator: torch.Generator) -> Tensor:
    """What a time-of-flight camera makes of (1, 1, H, W) depth, holes filled as in use: (1, 1, h, w)."""
    depth = 1 / ground_truth if inverse else ground_truth
    lr_depth = measure(depth[0, 0].contiguous(), rgb[0], scale, FOCAL, generator, random_sensor(generator))[None, None]
    known = lr_depth.isfinite()
    if not known.any():
        return F.avg_pool2d(ground_truth, scale)
    lr_depth = _filled(lr_depth, known)
    return 1 / lr_depth if inverse else lr_depth


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


def random_sensor(generator: torch.Generator) -> TofSensor:
    """A camera out of the many that there are: how much it errs at edges and how noisy it is differ."""

    def between(low: float, high: float) -> float:
        return uniform(low, high, 1, generator).item()

    return TofSensor(
        noise=between(0, 0.005),
        noise_growth=between(0, 0.003),
        flying_share=between(0, 1),
        falloff=between(0, 2) if chance(0.3, 1, generator) else 0.0,
    )
