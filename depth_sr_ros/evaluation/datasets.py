"""Data sets of RGB and depth or disparity pairs, as folders of files."""

import re
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from depth_sr_ros.files.depth_units import SATURATED
from depth_sr_ros.files.images import read_array, read_rgb

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff", ".webp")
DEPTH_ENDINGS = (".png", ".npy", ".tif", ".tiff", ".pgm")
# What the numbers of a type are in the unit of the errors, and that unit.
PER_UNIT = {"u1": (1.0, "grey levels"), "u2": (0.1, "cm"), **dict.fromkeys(("f2", "f4", "f8"), (100.0, "cm"))}
COLOUR_FOLDERS = ("rgb", "color", "colour", "image", "images", "guide")
DEPTH_FOLDERS = ("disparity", "depth", "depths", "gt")
# How the two files of a pair are told apart where both lie in one folder: NAME + one of these + ending.
COLOUR_MARKS = r"([._-]?(rgb|color|colour|output_color|image))$"
DEPTH_MARKS = r"([._-]?(hr_gt|gt|depth_m|depth|disparity|disp|output_depth))$"


class DatasetError(ValueError):
    """A data set cannot be read; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class Pair:
    """One pair, loaded.

    Attributes:
        name: what the files are called, without marks and endings.
        rgb: (H, W, 3) uint8.
        depth: (H, W) float32 in `unit`; NaN where invalid.
        unit: "grey levels" (8 bit disparity as it is), or "cm".
        file: where the depth came from, None where it is from no file.
    """

    name: str
    rgb: np.ndarray
    depth: np.ndarray
    unit: str
    file: Path | None = None


class PairFolder:
    """The pairs in a folder, sorted by name, loaded one at a time; `files` has their two paths by name.

    Known layouts: `rgb/NAME.png` beside `disparity/NAME.png` or `depth/NAME.npy` (and the folders' other usual names);
    `NAME.color.jpg` beside `NAME.depth.png`, `NAME_RGB.jpg` beside `NAME_HR_gt.png`, `rgb.jpg` beside `depth_m.npy`.
    In folders, files of the same name are partners, whatever the name; what is left is matched without such marks.

    Known depths: 8-bit disparity, all of it valid; 16-bit millimetres with 0 and 65535 for invalid; .npy of floating-point
    metres with NaN or 0 for invalid.

    Raises:
        DatasetError: no such folder, no pairs, a file without its partner or with two of them, two folders of a kind.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise DatasetError(f"no data set folder {self.folder}")
        colours, depths = self._in_folders() or self._side_by_side()
        if not colours and not depths:
            raise DatasetError(f"{self.folder} holds no RGB and depth pairs: see `depth-sr evaluate --help` for layouts")
        lonely = sorted(colours.keys() ^ depths.keys())
        if lonely:
            name = lonely[0]
            have = colours.get(name) or depths[name]
            missing = "depth" if name in colours else "RGB"
            raise DatasetError(
                f"{have} has no {missing} partner of the name {name} (files without one in {self.folder}: {len(lonely)}); "
                "see `depth-sr evaluate --help` for layouts"
            )
        self.files = {name: (colours[name], depths[name]) for name in sorted(colours)}

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[Pair]:
        for name, (colour, depth) in self.files.items():
            yield load_pair(name, colour, depth)

    def unit(self) -> str:
        """Return the unit of all known depths; what cannot be read has none.

        Raises:
            DatasetError: there are two units, or not one depth can be read.
        """
        example: dict[str, Path] = {}
        unreadable = None
        for _, depth in self.files.values():
            try:
                example.setdefault(PER_UNIT[read_depth(depth).dtype.str[1:]][1], depth)
            except (DatasetError, OSError) as error:
                unreadable = error
        if not example:
            raise DatasetError(f"no known depth in {self.folder} can be read; the last one: {unreadable}")
        if len(example) > 1:
            units = ", ".join(f"{path} is in {unit}" for unit, path in example.items())
            raise DatasetError(f"{units}: the depths of a data set must have one unit, for their errors to have a mean")
        return next(iter(example))

    def _in_folders(self) -> tuple[dict, dict] | None:
        folders = sorted(entry for entry in self.folder.iterdir() if entry.is_dir())
        colour, depth = (
            [folder for folder in folders if folder.name.lower() in known] for known in (COLOUR_FOLDERS, DEPTH_FOLDERS)
        )
        if not colour or not depth:
            return None
        for kind, found in (("RGB", colour), ("known depth", depth)):
            if len(found) > 1:
                raise DatasetError(f"both {found[0]} and {found[1]} may hold the {kind}: give one of them another name")
        colour, depth = _files(colour[0], IMAGE_ENDINGS), _files(depth[0], DEPTH_ENDINGS)
        same = {path.stem for path in colour} & {path.stem for path in depth}
        return self._by_name(colour, COLOUR_MARKS, same), self._by_name(depth, DEPTH_MARKS, same)

    def _side_by_side(self) -> tuple[dict, dict]:
        colour = [path for path in _files(self.folder, IMAGE_ENDINGS) if _mark(path, COLOUR_MARKS)]
        depth = [path for path in _files(self.folder, DEPTH_ENDINGS) if _mark(path, DEPTH_MARKS)]
        return self._by_name(colour, COLOUR_MARKS), self._by_name(depth, DEPTH_MARKS)

    def _by_name(self, paths: list[Path], marks: str, whole: Container[str] = ()) -> dict[str, Path]:
        """Files by their stems, without the mark where the stem is not among the `whole` ones."""
        found: dict[str, Path] = {}
        for path in paths:
            mark = None if path.stem in whole else _mark(path, marks)
            name = (path.stem[: mark.start()] if mark else path.stem) or self.folder.resolve().name
            if name in found:
                raise DatasetError(f"{found[name]} and {path} are both called {name}: move away what is not meant")
            found[name] = path
        return found


def _files(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in endings and path.is_file())


def _mark(path: Path, marks: str) -> re.Match | None:
    return re.search(marks, path.stem, re.IGNORECASE)


def labels(folders: Sequence[Path]) -> dict[str, Path]:
    """Name data sets by their folders: by the folder's own name, by as much of its path as differs where names agree.

    A folder that comes twice is taken once.
    """
    paths = list(dict.fromkeys(Path(folder).resolve() for folder in folders))
    parts = dict.fromkeys(paths, 1)
    while True:
        named = {path: "/".join(path.parts[-count:]) for path, count in parts.items()}
        taken = Counter(named.values())
        alike = [path for path in paths if taken[named[path]] > 1]
        if not alike:
            return {label: path for path, label in named.items()}
        for path in alike:
            parts[path] += 1


def load_pair(name: str, colour: Path, depth: Path) -> Pair:
    """Read the two files of a pair.

    Raises:
        DatasetError: a file is not what it should be, or the two differ in size.
        OSError: a file cannot be read.
    """
    try:
        rgb = read_rgb(colour)
    except ValueError as error:
        raise DatasetError(str(error)) from None
    stored = read_depth(depth)
    if stored.shape != rgb.shape[:2]:
        (height, width), (rows, columns) = stored.shape, rgb.shape[:2]
        raise DatasetError(f"{depth} has {width} x {height} pixels, its RGB {colour} has {columns} x {rows}")
    values, unit = in_unit(stored)
    return Pair(name, rgb, values, unit, depth)


def read_depth(path: Path) -> np.ndarray:
    """Read a known depth as it is stored: (H, W), one of the types of PER_UNIT.

    Raises:
        DatasetError: it is something else.
    """
    try:
        stored = read_array(path)
    except ValueError as error:
        raise DatasetError(str(error)) from None
    if stored.ndim != 2 or not stored.size:
        raise DatasetError(f"{path} is not a single-channel depth image (shape {stored.shape})")
    if stored.dtype.str[1:] not in PER_UNIT:
        raise DatasetError(f"{path} is {stored.dtype}: known are uint8 disparity, uint16 millimetres and float metres")
    return stored


def in_unit(stored: np.ndarray) -> tuple[np.ndarray, str]:
    """What `read_depth` returned -> (H, W) float32, NaN where invalid, and its unit."""
    factor, unit = PER_UNIT[stored.dtype.str[1:]]
    depth = stored.astype(np.float32) * np.float32(factor)
    if unit != "grey levels":  # of which zero is one like any other
        depth[~(np.isfinite(depth) & (depth > 0))] = np.nan
    if stored.dtype.kind == "u" and stored.dtype.itemsize == 2:
        depth[stored == SATURATED] = np.nan
    return depth, unit
