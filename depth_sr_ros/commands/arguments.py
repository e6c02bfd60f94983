"""Arguments that several commands take, read in one way."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path


def names(words: Sequence[str]) -> list[str]:
    """Names with commas or spaces between them -> each of them once, in their order.

    Raises ValueError where there is none.
    """
    found = list(dict.fromkeys(name for word in words for name in word.replace(",", " ").split()))
    if not found:
        raise ValueError(f"{' '.join(words)!r} holds no name: give names with commas or spaces between them")
    return found


def weights_by_method(methods: Sequence[str], weights: Path | None) -> dict[str, Path | None]:
    """The weights file that was named, for those of the methods that have learned something; None for the others.

    Raises UnknownMethod, and ValueError where a file is named that none of the methods would read.
    """
    from depth_sr_ros.methods.registry import method_class

    given = {method: weights if method_class(method).learned else None for method in methods}
    if weights is not None and not any(given.values()):
        raise ValueError(f"--weights {weights} would not be read: {', '.join(methods)} learned nothing")
    return given


def weights_files(weights: Path | None) -> dict[str, Path]:
    """What is read where a weights file is named: it and its manifest, as `check_outputs` takes them."""
    return {} if weights is None else {"--weights": weights, "the manifest": weights.with_suffix(".json")}


def check_has_folder(path: Path | None) -> None:
    """Raise ValueError where a file that is to be written could not be: ahead of the work, not after it."""
    if path is None:
        return
    if not path.parent.is_dir():
        raise ValueError(f"cannot write {path}: there is no folder {path.parent}")
    target = path.resolve()
    if target.is_dir():
        raise ValueError(f"cannot write {path}: it is a folder, and must be the name of a file")
    if target.exists() and not target.is_file():
        return  # a pipe or a device, which a trial would be seen by
    is_new = not target.exists()
    try:
        target.open("ab").close()  # only a trial knows read-only disks, /proc, names that are too long
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror}") from None
    if is_new:
        target.unlink()


def check_outputs(outputs: Mapping[str, Path | None], inputs: Mapping[str, Path | None]) -> None:
    """Raise ValueError where a file could not be written, or would overwrite another one: ahead of the work.

    outputs, inputs: files by what they are to the user, "--json" say; None for those that were not asked for.
    """
    taken = {name: path for name, path in inputs.items() if path is not None}
    for name, path in outputs.items():
        if path is None:
            continue
        check_has_folder(path)
        for other, before in taken.items():
            if _is_same_file(path, before):
                raise ValueError(f"{name} {path} would overwrite {other}: name another file")
        taken[name] = path


def _is_same_file(path: Path, other: Path) -> bool:
    """Whether two names lead to one file, there already or not; devices, as /dev/null, may be written to twice."""
    if path.exists() and other.exists():
        return path.is_file() and path.samefile(other)
    return path.resolve() == other.resolve()


def add_degradation(parser: argparse.ArgumentParser, default: str) -> None:
    """Let the user choose which of the package's weights are taken."""
    parser.add_argument(
        "--degradation",
        choices=("sensor", "exact"),
        default=default,
        help="which of the package's weights: for what sensors measure, where there are such, or for exact reductions "
        "(default: %(default)s)",
    )
