"""Training samples: a crop of a scene, degraded as real pairs are, with its low resolution."""
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from ..depth_image import fill_holes
from ..methods.layers import resize_bicubic
from ..simulation.sensor import TofSensor, measure
from .degrade import Degradation, chance, compress_range, degrade_depth, degrade_guide, seen, uniform
from .scene_pool import SIDE, ScenePool

FOCAL = 1.2 * SIDE  # pixels; about that of the scenes, and only the angle of incidence depends on it


class Samples(Dataset):
    """Sample i depends on the seed and on i alone, whatever worker makes it: runs can stop and go on.

    Each is a tuple of guide (3, crop, crop) in [0, 1], low-resolution depth (1, crop/scale, crop/scale) and true depth
    (1, crop, crop), both normalised by the truth's range, or by the measurement's where a sensor measured, and then put
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
        self, scale: int, crop: int, seed: int, scenes: int, length: int,
        amount: Degradation = Degradation(), directory: Path | None = None,
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
        generator = torch.Generator().manual_seed(self.seed * 1_000_000_007 + index)
        number = int(torch.randint(self.scenes, (), generator=generator))
        rgb, depth = self.pool[number]
        top, left = (int(torch.randint(SIDE - self.crop + 1, (), generator=generator)) for _ in range(2))
        area = slice(top, top + self.crop), slice(left, left + self.crop)
        guide = torch.from_numpy(rgb[area]).permute(2, 0, 1).float() / 255
        truth = torch.from_numpy(depth[area].copy())[None]
        if chance(0.5, generator):
            guide, truth = guide.flip(2), truth.flip(2)
        if chance(0.25, generator):
            guide, truth = guide.transpose(1, 2), truth.transpose(1, 2)
        inverse = chance(self.amount.disparity_chance, generator)
        truth = degrade_depth(1 / truth if inverse else truth, self.amount, generator)
        if self.amount.tof_chance and chance(self.amount.tof_chance, generator):
            low = self._measured(truth, inverse, guide, generator)
            lo, hi = low.min(), low.max()  # of the measurement, as in use
            low, truth = ((image - lo) / (hi - lo).clamp(min=1e-6) for image in (low, truth))
        else:
            truth = (truth - truth.min()) / (truth.max() - truth.min()).clamp(min=1e-6)
            low = None
        guide = degrade_guide(guide, self.amount, generator)
        low = self._lowered(truth, generator) if low is None else low
        if self.amount.hole_chance and chance(self.amount.hole_chance, generator):
            low = _filled(low, seen(low, self.amount, generator))
        return guide, *compress_range((low, truth), self.amount, generator)

    def _lowered(self, truth: Tensor, generator: torch.Generator) -> Tensor:
        """The low resolution of the benchmarks, or block means with noise."""
        if not chance(self.amount.sensor_chance, generator):
            size = self.crop // self.scale
            return resize_bicubic(truth, (size, size))
        low = F.avg_pool2d(truth, self.scale)
        return low + torch.randn(low.shape, generator=generator) * uniform(0, self.amount.sensor_noise, generator)

    def _measured(self, truth: Tensor, inverse: bool, rgb: Tensor, generator: torch.Generator) -> Tensor:
        """What a time-of-flight camera makes of (1, H, W) depth, holes filled as in use: (1, h, w)."""
        depth = 1 / truth if inverse else truth
        low = measure(depth[0].contiguous(), rgb, self.scale, FOCAL, generator, random_sensor(generator))[None]
        known = low.isfinite()
        if not known.any():
            return F.avg_pool2d(truth, self.scale)
        low = _filled(low, known)
        return 1 / low if inverse else low


def _filled(low: Tensor, known: Tensor) -> Tensor:
    """Fill what is unknown of (1, h, w) as the node does."""
    return torch.from_numpy(fill_holes(low[0].numpy(), known[0].numpy()))[None]


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
    return TofSensor(
        noise=uniform(0, 0.005, generator),
        noise_growth=uniform(0, 0.003, generator),
        flying_share=uniform(0, 1, generator),
        falloff=uniform(0, 2, generator) if chance(0.3, generator) else 0.0,
    )
