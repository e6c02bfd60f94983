"""Arrays in .npy and .npz files, whose headers are not believed before the limits have been looked at."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from depth_sr_ros.files.limits import MAX_BYTES, MAX_PIXELS

ENDINGS = (".npy", ".npz")
DEPTH_NAME = "depth"  # of the array in a .npz file that has several
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read(path: Path) -> np.ndarray:
    """What a .npy file holds, or the only array of a .npz file or the one named "depth".

    Raises:
        ValueError: it is neither, damaged, too large, or of Python objects.
        OSError: it cannot be read.
    """
    try:
        if path.suffix.lower() == ".npz":
            return _read_archive(path)
        with path.open("rb") as file:
            return _read_array(file, path.stat().st_size)
    except OSError:
        raise
    except Exception as error:  # zipfile, zlib and numpy's parser of headers raise what they like
        raise ValueError(f"{path} is not a readable {path.suffix} file: {error}") from None


def encode(path: Path, array: np.ndarray) -> bytes:
    """The content of a file of that name with an array in it."""
    content = io.BytesIO()
    if path.suffix.lower() == ".npz":
        np.savez_compressed(content, allow_pickle=False, **{DEPTH_NAME: array})
    else:
        np.save(content, array)
    return content.getvalue()


def _read_archive(path: Path) -> np.ndarray:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        name = f"{DEPTH_NAME}.npy" if f"{DEPTH_NAME}.npy" in names else names[0] if len(names) == 1 else None
        if name is None:
            found = ", ".join(n.removesuffix(".npy") for n in names[:10])
            raise ValueError(f"it holds {found or 'no array'}; expected is one array, or one named {DEPTH_NAME!r}")
        with archive.open(name) as file:
            return _read_array(file, archive.getinfo(name).file_size)


def _read_array(file: IO[bytes], size: int) -> np.ndarray:
    """The array of a file of `size` bytes, checked against what its header says."""
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"it is of version {version}")
    shape, fortran, dtype = _HEADERS[version](file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are not read")
    count = math.prod(shape)
    if count > MAX_PIXELS:
        raise ValueError(f"it says it is {' x '.join(map(str, reversed(shape)))}: at most {MAX_PIXELS} pixels are read")
    wanted = count * dtype.itemsize
    if wanted > MAX_BYTES:
        raise ValueError(f"it says it has {wanted} bytes of data: at most {MAX_BYTES} are read")
    if size - file.tell() < wanted:
        raise ValueError(f"it has {size - file.tell()} bytes of data, its header says {wanted}")
    array = np.frombuffer(file.read(wanted), dtype)
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)
