"""Batches that are made where the network is: a GPU degrades a batch in the time that a CPU takes for part of a sample."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from depth_sr_ros.training.degradations import Degradation
from depth_sr_ros.training.samples import make_samples, sample_seed
from depth_sr_ros.training.scene_pool import SIDE, ScenePool

BYTES_PER_SCENE = SIDE * SIDE * (3 + 4)
MEMORY_SHARE = 0.5  # of what is free on the GPU, for scenes at most
READ_AT_ONCE = 16  # scenes


def fits(scenes: int, amount: Degradation, free: int) -> bool:
    """Whether batches can be made on a GPU of so many free bytes: a sensor's pictures and holes are made on the CPU alone."""
    return (
        not (amount.tof_chance or amount.stereo_chance or amount.hole_chance)
        and scenes * BYTES_PER_SCENE <= MEMORY_SHARE * free
    )


class Scenes:
    """Scenes 0 to count - 1 of a pool in the memory of a device: colour (N, SIDE, SIDE, 3) uint8, depth (N, SIDE, SIDE) metres.

    Args:
        pool: what is not in it yet is rendered.
        count: how many.
        workers: processes that read and render.
        device: "cpu" or "cuda".
    """

    def __init__(self, pool: ScenePool, count: int, workers: int, device: torch.device) -> None:
        self.rgb = torch.empty(count, SIDE, SIDE, 3, dtype=torch.uint8, device=device)
        self.depth = torch.empty(count, SIDE, SIDE, device=device)
        scenes: Any = pool  # a Dataset in all but its class
        reader = DataLoader(scenes, READ_AT_ONCE, sampler=range(count), num_workers=workers, worker_init_fn=one_thread)
        with tqdm(total=count, unit="scene", desc="scenes") as bar:
            for rgb, depth in reader:
                area = slice(bar.n, bar.n + len(rgb))
                self.rgb[area], self.depth[area] = rgb.to(device), depth.to(device)
                bar.update(len(rgb))

    def crops(self, batch: int, side: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return random crops: guide (batch, 3, side, side) in [0, 1] and depth (batch, 1, side, side) in metres."""

        def draw(below: int) -> Tensor:
            return torch.randint(below, (batch, 1, 1), generator=generator, device=self.depth.device)

        line = torch.arange(side, device=self.depth.device)
        place = draw(len(self.depth)), draw(SIDE - side + 1) + line[:, None], draw(SIDE - side + 1) + line
        return self.rgb[place].permute(0, 3, 1, 2).float() / 255, self.depth[place][:, None]


class DeviceBatches:
    """Batches number `first` to `last` - 1; batch n depends on the seed and on n alone, and is of scale n, counted around.

    Args:
        scenes: what is cropped.
        scales, batch, crop, seed, amount: see `Samples` and `ScalesInTurn`.
        first, last: numbers of batches.
    """

    def __init__(
        self,
        scenes: Scenes,
        scales: Sequence[int],
        batch: int,
        crop: int,
        seed: int,
        amount: Degradation,
        first: int,
        last: int,
    ) -> None:
        self.scenes, self.scales, self.batch, self.crop, self.seed = scenes, scales, batch, crop, seed
        self.amount, self.first, self.last = amount, first, last

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        generator = torch.Generator(self.scenes.depth.device)
        for number in range(self.first, self.last):
            generator.manual_seed(sample_seed(self.seed, number))
            guide, depth = self.scenes.crops(self.batch, self.crop, generator)
            yield make_samples(guide, depth, self.scales[number % len(self.scales)], self.amount, generator)


def one_thread(worker: int) -> None:
    """Let a worker process use one core: there are as many workers as cores."""
    torch.set_num_threads(1)
