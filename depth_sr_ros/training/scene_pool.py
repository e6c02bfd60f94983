"""A pool of generated scenes on disk: on a CPU a scene costs more than a training step, so each is used many times."""

import os
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from depth_sr_ros.synthetic.scenes import TEXTURES, Furnishing, random_scene, render
from depth_sr_ros.synthetic.textures import texture_bank

SIDE = 320  # pixels; training crops are smaller
SCENES = 1_000_000  # of one seed at most: the generator's seed of more would be that of another pool's
SCENES_PER_BANK = 8  # textures are the dearer half of a scene
UNREADABLE = (FileNotFoundError, EOFError, ValueError, KeyError, zipfile.BadZipFile)  # no file, or a part of one
LARGE = Furnishing(largest=0.5, spread=(0.65, 0.55))
FURNISHINGS = (Furnishing(), LARGE, replace(LARGE, thin=0.35))  # of scenes in turn: see docs/experiments.md
VERSION = 2  # of the scenes: raise it when they change, so that no stale pool is read


def default_directory() -> Path:
    """Return the user's cache folder for scenes."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "depth_sr_ros" / f"scenes-{VERSION}"


class ScenePool:
    """Scenes by number; scene n of a seed is always the same picture.

    Args:
        seed: of the whole pool; validation uses another one than training.
        directory: where rendered scenes are kept as .npz; made when needed.
    """

    def __init__(self, seed: int, directory: Path | None = None) -> None:
        self.seed = seed
        self.directory = (directory or default_directory()) / str(seed)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return scene `number`: colour (SIDE, SIDE, 3) uint8 and depth (SIDE, SIDE) float32 metres."""
        path = self.directory / f"{number:06d}.npz"
        try:
            return _read(path)
        except UNREADABLE:
            self._render(number, path)
            return _read(path)

    def _render(self, number: int, path: Path) -> None:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        furnishing = FURNISHINGS[number % len(FURNISHINGS)]
        scene = random_scene(generator, bank=self._bank(number // SCENES_PER_BANK), furnishing=furnishing)
        focal = SIDE * (0.8 + 0.8 * torch.rand((), generator=generator).item())
        rgb, depth = render(scene, SIDE, SIDE, focal)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Several workers may write the same scene at once: each writes its own file, the last rename wins.
        partial = path.with_name(f"{path.stem}.{os.getpid()}.part")
        with partial.open("wb") as file:
            np.savez(
                file,
                rgb=(rgb[0].permute(1, 2, 0) * 255).round().byte().numpy(),
                depth=depth[0, 0].numpy(),
            )
        partial.replace(path)

    def _bank(self, number: int) -> torch.Tensor:
        path = self.directory / f"bank{number:06d}.npy"
        try:
            return torch.from_numpy(np.load(path, allow_pickle=False)).float() / 255
        except UNREADABLE:
            bank = texture_bank(TEXTURES, torch.Generator().manual_seed(self.seed * 7_000_003 + number))
        bank = (bank * 255).round().byte()
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.stem}.{os.getpid()}.part")
        with partial.open("wb") as file:
            np.save(file, bank.numpy())
        partial.replace(path)
        return bank.float() / 255  # as it is read again: a scene does not depend on who made its textures


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(path, allow_pickle=False) as scene:
        return scene["rgb"], scene["depth"]
