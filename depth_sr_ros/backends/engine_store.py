"""Engines on disk: what took seconds to compile is read in a fraction of one when the node starts again.

An engine is a file of its own: a line of JSON (what it was compiled of, its checksum, how far it was from eager torch), then
what the runtime wrote. Its name is the hash of what it was compiled of, so whatever can change the result leads to another
file. It is written under another name and moved, read only where size and checksum are right, and never unpickled. What is
damaged is removed and compiled again; a folder that cannot be written costs one warning.

The folder is `~/.cache/depth_sr_ros/engines` (XDG_CACHE_HOME is heeded); DEPTH_SR_ENGINES names another, or is empty for none.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "DEPTH_SR_ENGINES"
ENDING = ".engine"
MAX_HEADER = 1 << 16  # bytes
MAX_BYTES = 2 << 30  # of all engines; the ones that were not used for longest go first

_log = logging.getLogger(__name__)
_said = threading.Event()


@dataclass(frozen=True)
class StoredEngine:
    """An engine as it was read.

    Attributes:
        facts: what it was compiled of, and by what.
        error: relative difference from eager torch when it was compiled.
        blob: what the runtime wrote; empty in lists.
        path: its file.
        size: of the file, bytes.
        used: when it was last read or written, seconds since the epoch.
    """

    facts: Mapping[str, str]
    error: float
    blob: bytes
    path: Path
    size: int
    used: float


def engines_directory() -> Path | None:
    """Return the folder of the engines; None where there is to be none."""
    if (named := os.environ.get(VARIABLE)) is not None:
        return Path(named) if named else None
    with suppress(RuntimeError):  # there is no home
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "depth_sr_ros" / "engines"
    return None


class EngineStore:
    """The engines in a folder.

    Args:
        directory: of the engines; made when needed. None keeps and finds nothing.
    """

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory

    def load(self, facts: Mapping[str, str]) -> StoredEngine | None:
        """Return the engine of these facts; None where there is none, or a damaged one, which is then removed."""
        if self.directory is None:
            return None
        path = self._path(facts)
        try:
            found = _read(path)
            if dict(found.facts) != dict(facts):
                raise ValueError("it is of something else than its name says")
            os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            _log.warning("engine %s is damaged and compiled again: %s", path, error)
            self.discard(facts)
            return None
        return found

    def save(self, facts: Mapping[str, str], blob: bytes, error: float) -> None:
        """Keep an engine where that can be done; old ones go where there are too many."""
        if self.directory is None:
            return
        header = {"facts": dict(facts), "error": error, "sha256": hashlib.sha256(blob).hexdigest(), "bytes": len(blob)}
        partial = None
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.directory, suffix=".part", delete=False) as file:
                partial = Path(file.name)
                file.write(json.dumps(header).encode() + b"\n")
                file.write(blob)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._path(facts))
            self.prune(MAX_BYTES)
        except OSError as reason:
            if partial is not None:
                with suppress(OSError):
                    partial.unlink()
            if not _said.is_set():
                _said.set()
                _log.warning("engines cannot be kept in %s and are compiled at every start: %s", self.directory, reason)

    def discard(self, facts: Mapping[str, str]) -> None:
        """Remove the engine of these facts."""
        if self.directory is not None:
            with suppress(OSError):
                self._path(facts).unlink()

    def entries(self) -> Iterator[StoredEngine]:
        """Return the engines without their blobs, the one used last first; what cannot be read as one is left out."""
        for path in self._files():
            with suppress(OSError, ValueError):
                yield _read(path, with_blob=False)

    def prune(self, most_bytes: int = 0) -> list[Path]:
        """Remove engines until the rest has at most so many bytes, and what writers that were killed have left.

        Returns:
            What was removed.

        Raises:
            OSError: a file cannot be removed.
        """
        total, removed = 0, []
        for path in self._files():
            total += path.stat().st_size
            if total > most_bytes:
                path.unlink()
                removed.append(path)
        if self.directory is not None:
            for path in self.directory.glob("*.part"):
                if most_bytes == 0:
                    path.unlink(missing_ok=True)
                    removed.append(path)
        return removed

    def _files(self) -> list[Path]:
        if self.directory is None:
            return []
        return sorted(self.directory.glob(f"*{ENDING}"), key=lambda path: path.stat().st_mtime, reverse=True)

    def _path(self, facts: Mapping[str, str]) -> Path:
        assert self.directory is not None
        key = hashlib.sha256(json.dumps(dict(facts), sort_keys=True).encode()).hexdigest()
        return self.directory / f"{key[:40]}{ENDING}"


def _read(path: Path, with_blob: bool = True) -> StoredEngine:
    """Read an engine's file; ValueError where it is none, or not as it was written."""
    with path.open("rb") as file:
        about = os.fstat(file.fileno())
        line = file.readline(MAX_HEADER)
        try:
            header = json.loads(line)
            facts, error, checksum, size = (header[key] for key in ("facts", "error", "sha256", "bytes"))
            facts, error = {str(key): str(value) for key, value in facts.items()}, float(error)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as reason:
            raise ValueError(f"its header cannot be read: {type(reason).__name__}") from None
        if about.st_size != len(line) + size:
            raise ValueError(f"it has {about.st_size} bytes, not the {len(line)} + {size} that were written")
        blob = file.read() if with_blob else b""
    if with_blob and hashlib.sha256(blob).hexdigest() != checksum:
        raise ValueError("its checksum is another one")
    return StoredEngine(facts, error, blob, path, about.st_size, about.st_mtime)
