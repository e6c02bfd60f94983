"""Data sets of RGB and depth or disparity pairs, as folders of files."""
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff", ".webp")
DEPTH_ENDINGS = (".png", ".npy", ".tif", ".tiff", ".pgm")
COLOUR_FOLDERS = ("rgb", "color", "colour", "image", "images", "guide")
DEPTH_FOLDERS = ("disparity", "depth", "depths", "gt")
# How the two files of a pair are told apart where both lie in one folder: NAME + one of these + ending.
COLOUR_MARKS = r"([._-]?(rgb|color|colour|output_color|image))$"
DEPTH_MARKS = r"([._-]?(hr_gt|gt|depth_m|depth|disparity|disp|output_depth))$"
MAX_PIXELS = 1 << 26


class DatasetError(ValueError):
    """A data set cannot be read; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class Pair:
    """One pair, loaded.

    Attributes:
        name: what the files are called, without marks and endings.
        rgb: (H, W, 3) uint8.
        depth: (H, W) float32 in `unit`; NaN where unknown.
        unit: "grey levels" (8 bit disparity as it is), or "cm".
    """

    name: str
    rgb: np.ndarray
    depth: np.ndarray
    unit: str


class PairFolder:
    """The pairs in a folder, sorted by name, loaded one at a time.

    Known layouts: `rgb/NAME.png` beside `disparity/NAME.png` or `depth/NAME.npy` (and the folders' other usual names);
    `NAME.color.jpg` beside `NAME.depth.png`, `NAME_RGB.jpg` beside `NAME_HR_gt.png`, `rgb.jpg` beside `depth_m.npy`.

    Known depths: 8-bit disparity, all of it valid; 16-bit millimetres with 0 for unknown; .npy of floating-point metres
    with NaN or 0 for unknown.

    Raises:
        DatasetError: no such folder, no pairs, or a file without its partner.
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

    def _in_folders(self) -> tuple[dict, dict] | None:
        folders = {entry.name.lower(): entry for entry in self.folder.iterdir() if entry.is_dir()}
        colour = next((folders[name] for name in COLOUR_FOLDERS if name in folders), None)
        depth = next((folders[name] for name in DEPTH_FOLDERS if name in folders), None)
        if colour is None or depth is None:
            return None
        return _named(colour, IMAGE_ENDINGS, COLOUR_MARKS), _named(depth, DEPTH_ENDINGS, DEPTH_MARKS)

    def _side_by_side(self) -> tuple[dict, dict]:
        return (
            _named(self.folder, IMAGE_ENDINGS, COLOUR_MARKS, must_match=True),
            _named(self.folder, DEPTH_ENDINGS, DEPTH_MARKS, must_match=True),
        )


def _named(folder: Path, endings: tuple[str, ...], marks: str, must_match: bool = False) -> dict[str, Path]:
    """Files by their names without mark and ending."""
    found = {}
    for path in folder.iterdir():
        if path.suffix.lower() not in endings or not path.is_file():
            continue
        mark = re.search(marks, path.stem, re.IGNORECASE)
        if mark:
            found[path.stem[: mark.start()] or folder.name] = path
        elif not must_match:
            found[path.stem] = path
    return found


def load_pair(name: str, colour: Path, depth: Path) -> Pair:
    """Read the two files of a pair.

    Raises:
        DatasetError: a file cannot be read, is of an unknown kind, or the two differ in size.
    """
    import cv2

    bgr = cv2.imread(str(colour), cv2.IMREAD_COLOR)
    if bgr is None:
        raise DatasetError(f"{colour} is not an image that can be read")
    values, unit = _read_depth(depth)
    if values.shape != bgr.shape[:2]:
        (height, width), (rows, columns) = values.shape, bgr.shape[:2]
        raise DatasetError(f"{depth} has {width} x {height} pixels, its RGB {colour} has {columns} x {rows}")
    return Pair(name, np.ascontiguousarray(bgr[..., ::-1]), values, unit)


def _read_depth(path: Path) -> tuple[np.ndarray, str]:
    import cv2

    if path.suffix.lower() == ".npy":
        try:
            stored = np.load(path, allow_pickle=False, mmap_mode="r")
        except (ValueError, OSError, EOFError) as error:
            raise DatasetError(f"{path} is not a readable .npy array: {error}") from None
    else:
        stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.ndim != 2 or not 0 < stored.size <= MAX_PIXELS:
        shape = None if stored is None else stored.shape
        raise DatasetError(f"{path} is not a single-channel depth image (shape {shape})")
    if stored.dtype == np.uint8:
        return stored.astype(np.float32), "grey levels"
    per_cm = {"u2": 0.1, "f2": 100.0, "f4": 100.0, "f8": 100.0}.get(stored.dtype.str[1:])
    if per_cm is None:
        raise DatasetError(f"{path} is {stored.dtype}: known are uint8 disparity, uint16 millimetres and float metres")
    depth = stored.astype(np.float32) * np.float32(per_cm)
    depth[~(np.isfinite(depth) & (depth > 0))] = np.nan
    return depth, "cm"
