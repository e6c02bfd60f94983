"""Training samples: a crop of a scene, degraded as real pairs are, with its low resolution."""
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from ..methods.layers import resize_bicubic
from .degrade import Degradation, chance, degrade_depth, degrade_guide, uniform
from .scene_pool import SIDE, ScenePool


class Samples(Dataset):
    """Sample i depends on the seed and on i alone, whatever worker makes it: runs can stop and go on.

    Each is a tuple of guide (3, crop, crop) in [0, 1], low-resolution depth (1, crop/scale, crop/scale) and true depth
    (1, crop, crop), both normalised by the truth's range.

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
        if chance(self.amount.disparity_chance, generator):
            truth = 1 / truth
        truth = degrade_depth(truth, self.amount, generator)
        truth = (truth - truth.min()) / (truth.max() - truth.min()).clamp(min=1e-6)
        guide = degrade_guide(guide, self.amount, generator)
        return guide, self._lowered(truth, generator), truth

    def _lowered(self, truth: Tensor, generator: torch.Generator) -> Tensor:
        if not chance(self.amount.sensor_chance, generator):
            size = self.crop // self.scale
            return resize_bicubic(truth, (size, size))
        low = F.avg_pool2d(truth, self.scale)
        return low + torch.randn(low.shape, generator=generator) * uniform(0, self.amount.sensor_noise, generator)
