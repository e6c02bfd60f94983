"""Arguments that several commands take, read in one way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def names(words: Sequence[str]) -> list[str]:
    """Names with commas or spaces between them -> each of them once, in their order.

    Raises ValueError where there is none.
    """
    found = list(dict.fromkeys(name for word in words for name in word.replace(",", " ").split()))
    if not found:
        raise ValueError(f"{' '.join(words)!r} holds no name: give names with commas or spaces between them")
    return found


def check_has_folder(path: Path | None) -> None:
    """Raise ValueError where a file that is to be written could not be: ahead of the work, not after it."""
    if path is not None and not path.parent.is_dir():
        raise ValueError(f"cannot write {path}: there is no folder {path.parent}")
