"""Colour and depth images of two folders, matched."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

from depth_sr_ros.files.images import DEPTH_ENDINGS

RGB_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
NAMED = 5  # files that an error names


def match_pairs(rgb_folder: Path, depth_folder: Path) -> list[tuple[Path, Path]]:
    """(colour, depth) files of two folders, in the order of the depth images' numbers.

    Partners have the same stem; or else the same numbers in it, as frame-07.color.jpg and frame-07.depth.png have; or else,
    where there are as many of both, the same place in the order of their numbers, as stamps have.

    Raises:
        ValueError: a folder has no images, or one without a partner.
        OSError: a folder cannot be read.
    """
    if rgb_folder.samefile(depth_folder):
        raise ValueError(f"{rgb_folder} is the folder of both colour and depth images: two folders are needed")
    colours, depths = _images(rgb_folder, RGB_ENDINGS), _images(depth_folder, DEPTH_ENDINGS)
    for key in (_stem, _numbers):
        by_key = _unique(colours, key)
        if by_key and all(key(depth) in by_key for depth in depths) and _unique(depths, key):
            return [(by_key[key(depth)], depth) for depth in depths]
    if len(colours) == len(depths):
        return list(zip(colours, depths))
    taken = {key(colour) for colour in colours for key in (_stem, _numbers)} - {()}
    lonely = [depth.name for depth in depths if not taken & {_stem(depth), _numbers(depth)}]
    more = f" and {len(lonely) - NAMED} more" if len(lonely) > NAMED else ""
    raise ValueError(
        f"{rgb_folder} has {len(colours)} images, {depth_folder} {len(depths)}; without a colour image of their name or "
        f"number: {', '.join(lonely[:NAMED]) or 'none, but some have two'}{more}"
    )


def _images(folder: Path, endings: Sequence[str]) -> list[Path]:
    found = [path for path in folder.iterdir() if path.suffix.lower() in endings and not path.name.startswith(".")]
    if not found:
        raise ValueError(f"{folder} has no images ({', '.join(endings)})")
    return sorted(found, key=lambda path: (_numbers(path), path.name))


def _stem(path: Path) -> str:
    return path.stem


def _numbers(path: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", path.stem))


def _unique(paths: Sequence[Path], key: Callable[[Path], Hashable]) -> dict[Hashable, Path]:
    """The paths by key; nothing where two have the same."""
    by_key = {key(path): path for path in paths}
    return by_key if len(by_key) == len(paths) else {}
