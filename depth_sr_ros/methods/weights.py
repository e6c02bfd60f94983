"""Weights files: safetensors, each with a manifest of the same name in JSON beside it. No pickle is ever loaded."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from depth_sr_ros.methods.errors import MethodError, MissingWeights

DEGRADATIONS = ("sensor", "exact")  # what LR depth weights are for: a sensor's, or an exact reduction of the ground truth
KINDS: dict[str, tuple[type | tuple[type, ...], str]] = {  # of a manifest's fields, and how to say so
    "method": (str, "a string"), "scale": ((int, type(None)), "a whole number or null"), "sha256": (str, "a string"),
    "config": (dict, "an object"), "recipe": (str, "a string"), "data": (str, "a string"), "trained": (str, "a string"),
    "accuracy": (dict, "an object"), "licence": (str, "a string"), "degradation": (str, "a string"),
}  # fmt: skip
MANIFEST_LIMIT = 1 << 20  # bytes; a manifest is about a kilobyte
WEIGHTS_LIMIT = 1 << 30  # bytes; the papers' largest network has half of that


@dataclass(frozen=True)
class Manifest:
    """What one weights file holds and where it comes from.

    Attributes:
        method, scale: what it is for; None (null in the file) is any scale.
        config: keyword arguments of the method's constructor, besides the scale.
        sha256: of the safetensors file, in hex.
        recipe: the training recipe's name; `data`: what it learnt from; `trained`: how long, on what.
        accuracy: what was measured, by data set.
        licence: of the weights.
        degradation: what LR depth they are for, one of `DEGRADATIONS`.
    """

    method: str
    scale: int | None
    sha256: str
    config: dict[str, Any] = field(default_factory=dict)
    recipe: str = ""
    data: str = ""
    trained: str = ""
    accuracy: dict[str, Any] = field(default_factory=dict)
    licence: str = "Apache-2.0"
    degradation: str = "exact"


def at_scale(scale: int | None) -> str:
    """Say what scale weights are for: "x8", or "at any scale"."""
    return "at any scale" if scale is None else f"x{scale}"


def sha256_of(path: Path) -> str:
    """Return the file's SHA-256 in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read_manifest(path: Path) -> Manifest:
    """Read the manifest beside the weights file `path`.

    Raises:
        MethodError: it is missing, too large, not JSON, or lacks a field or has one of the wrong kind.
    """
    manifest = path.with_suffix(".json")
    content = _read(manifest, MANIFEST_LIMIT, f"manifest {manifest}", f"weights {path} have no manifest: {manifest} is missing")
    try:
        known = Manifest(**json.loads(content.decode("utf-8")))
    except (ValueError, TypeError, RecursionError) as error:
        raise MethodError(f"manifest {manifest} cannot be read: {error}") from None
    for name, (kinds, wanted) in KINDS.items():
        value = getattr(known, name)
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise MethodError(f"manifest {manifest}: {name} is {value!r:.60}, it must be {wanted}")
    if known.degradation not in DEGRADATIONS:
        raise MethodError(
            f"manifest {manifest}: degradation is {known.degradation!r:.60}, it must be {' or '.join(DEGRADATIONS)}"
        )
    return known


def is_file(path: Path) -> bool:
    """Whether there is such a file; a name that is too long, or a folder that may not be looked into, is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def _read(path: Path, limit: int, what: str, missing: str) -> bytes:
    """Return a file's bytes as they are at one moment, `limit` at most. Raises MethodError."""
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError:
        raise MethodError(missing) from None
    except OSError as error:
        raise MethodError(f"{what} cannot be read: {error.strerror}") from None
    if len(content) > limit:
        raise MethodError(f"{what} is larger than {limit} bytes: it cannot be one")
    return content


def load_weights(path: Path, method: str, scale: int | None) -> tuple[Manifest, dict]:
    """Load a weights file that is checked against its manifest and against what is asked for.

    Args:
        path: the file.
        method, scale: what it shall be for; weights for any scale do for each one, None asks for such.

    Returns:
        The manifest and the state dict, float32 tensors on the CPU.

    Raises:
        MissingWeights: there is no such file.
        MethodError: wrong method, wrong scale, wrong hash, not a safetensors file, tensors quantised wrongly, or numbers in it
            that are none.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    from depth_sr_ros.methods.quantisation import dequantise

    if not is_file(path):
        raise MissingWeights(f"no weights file {path}")
    manifest = read_manifest(path)
    if manifest.method != method or manifest.scale not in (None, scale):
        raise MethodError(
            f"weights {path} are for {manifest.method} {at_scale(manifest.scale)}, not for {method} {at_scale(scale)}"
        )
    content = _read(path, WEIGHTS_LIMIT, f"weights file {path}", f"no weights file {path}")
    found = hashlib.sha256(content).hexdigest()  # of the very bytes that are used: the file may be written to meanwhile
    if found != manifest.sha256:
        raise MethodError(f"weights {path} have sha256 {found}, the manifest says {manifest.sha256}: file is damaged")
    try:
        state = dequantise(load(content))
    except SafetensorError as error:
        raise MethodError(f"weights {path} are not a readable safetensors file: {error}") from None
    except MethodError as error:
        raise MethodError(f"weights {path}: {error}") from None
    for name, tensor in state.items():
        if not tensor.isfinite().all():
            raise MethodError(f"weights {path}: tensor {name} holds NaN or infinity: what was trained went wrong")
    return manifest, state


def save_weights(path: Path, state: dict, manifest: Manifest) -> Manifest:
    """Write weights and manifest; return the manifest with the hash filled in."""
    from dataclasses import replace

    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}, path)
    path.chmod(0o644)  # safetensors writes for the owner alone; weights are there to be shared
    manifest = replace(manifest, sha256=sha256_of(path))
    path.with_suffix(".json").write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")
    return manifest
