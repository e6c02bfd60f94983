"""A short film of a scene, taken by a camera on a closed path: colour, measured depth, ground truth.

To cast the rays of one frame takes tenths of a second, so a sequence is made once and kept in the user's cache
directory.
"""

import hashlib
import math
import os
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from depth_sr_ros.system.threads import one_torch_thread

FOCAL = 0.82  # of the image's width: 63 degrees across, as a Kinect's colour camera
SWING = (0.07, 0.04, 0.10)  # metres that the camera moves to the right, down and ahead, at most
TURN = (0.02, 0.03)  # radians that it nods and turns, at most
BLUR, NOISE = 0.6, 2.0  # deviations of the colour camera's blur in pixels and of its noise in grey levels
KEPT = 4  # sequences in the cache


@dataclass(frozen=True)
class SequenceSettings:
    """What a sequence is made of.

    width, height: of the colour image in pixels, multiples of scale. seed: of the scene. noise: whether the
    sensors have any.
    """

    width: int = 640
    height: int = 480
    scale: int = 8
    seed: int = 14
    frames: int = 24
    noise: bool = True

    @property
    def focal(self) -> float:
        """Focal length in pixels of the colour image."""
        return FOCAL * self.width


@dataclass(frozen=True)
class Sequence:
    """N frames.

    rgb: (N, H, W, 3) uint8. depth: (N, H / scale, W / scale) uint16 millimetres, 0: no return. ground_truth: (N, H,
    W) float32 metres.
    """

    rgb: np.ndarray
    depth: np.ndarray
    ground_truth: np.ndarray


def load_or_make(settings: SequenceSettings, progress: Callable[[int, int], None], directory: Path | None = None) -> Sequence:
    """Return the sequence of these settings from the cache, or make it and put it there.

    Args:
        settings: of the sequence.
        progress: called with the frames made, 0 first, and the frames to make; not where it is in the
            cache.
        directory: the cache; the user's own where None. Where it cannot be written the sequence is made every
            time.

    Raises:
        ValueError: the size is no multiple of the scale.
    """
    path = (directory or _default_directory()) / f"{_key(settings)}.npz"
    sequence = _load(path)
    if sequence is None:
        sequence = make_sequence(settings, progress)
        _save(sequence, path)
    return sequence


def make_sequence(settings: SequenceSettings, progress: Callable[[int, int], None]) -> Sequence:
    """Cast a sequence's frames; see `load_or_make`."""
    if settings.width % settings.scale or settings.height % settings.scale:
        raise ValueError(f"{settings.width} x {settings.height} pixels are no multiple of scale {settings.scale}")
    import torch

    from depth_sr_ros.files.depth_units import to_uint16_mm
    from depth_sr_ros.synthetic.scenes import random_scene, render
    from depth_sr_ros.synthetic.sensors import IDEAL, TofSensor, measure

    scene = random_scene(torch.Generator().manual_seed(settings.seed))
    sensor = TofSensor() if settings.noise else IDEAL

    def frame(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        pose = camera_pose(number / settings.frames)
        rgb, ground_truth = (image[0] for image in render(scene, settings.height, settings.width, settings.focal, pose))
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + number)
        measured = measure(ground_truth[0], rgb, settings.scale, settings.focal, generator, sensor)
        picture = _expose(rgb.permute(1, 2, 0).numpy(), settings, number)
        return picture, to_uint16_mm(measured.numpy()), ground_truth[0].numpy()

    frames = []
    progress(0, settings.frames)
    with one_torch_thread(), ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            for made in pool.map(frame, range(settings.frames)):
                frames.append(made)
                progress(len(frames), settings.frames)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return Sequence(*(np.stack(images) for images in zip(*frames, strict=True)))


def camera_pose(phase: float):
    """Where the camera is at `phase`, 0 to 1: rotation (3, 3) camera -> world and position (3,), tensors.

    A closed path without a corner: phase 1 is phase 0.
    """
    import torch

    angle = 2 * math.pi * phase
    position = (math.sin(angle), math.sin(2 * angle), (1 - math.cos(angle)) / 2)
    nod, turn = TURN[0] * math.sin(angle + 1), -TURN[1] * math.sin(angle)  # turning back to what it passes
    about_x = torch.tensor([[1, 0, 0], [0, math.cos(nod), -math.sin(nod)], [0, math.sin(nod), math.cos(nod)]])
    about_y = torch.tensor([[math.cos(turn), 0, math.sin(turn)], [0, 1, 0], [-math.sin(turn), 0, math.cos(turn)]])
    return about_y @ about_x, torch.tensor(position) * torch.tensor(SWING)


def _expose(rgb: np.ndarray, settings: SequenceSettings, number: int) -> np.ndarray:
    """(H, W, 3) float32 in [0, 1] -> uint8, with a camera's blur and noise."""
    import cv2

    levels = 255 * rgb
    if settings.noise:
        levels = cv2.GaussianBlur(levels, (0, 0), BLUR)
        noise = np.random.default_rng((settings.seed, number)).normal(0, NOISE, levels.shape)
        np.add(levels, noise, out=levels, casting="same_kind")
    return levels.round().clip(0, 255).astype(np.uint8)


def _default_directory() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "depth_sr_ros" / "sequences"


def _key(settings: SequenceSettings) -> str:
    """Changes with the settings and with the code that makes scenes and measures them."""
    digest = hashlib.sha256(repr(settings).encode())
    for name in ("sequence", "scenes", "shapes", "textures", "sensors"):
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()[:24]


def _load(path: Path) -> Sequence | None:
    """None where there is none, or none that can be read."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return Sequence(**{field.name: arrays[field.name] for field in fields(Sequence)})
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _save(sequence: Sequence, path: Path) -> None:
    """Write it whole or not at all, and let go of the oldest."""
    partial = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            np.savez(file, **{field.name: getattr(sequence, field.name) for field in fields(Sequence)})
        partial.replace(path)
        for old in sorted(path.parent.glob("*.npz"), key=lambda entry: entry.stat().st_mtime)[:-KEPT]:
            old.unlink()
    except OSError:  # a cache that cannot be written is none
        with suppress(OSError):
            partial.unlink()
