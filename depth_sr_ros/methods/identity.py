"""What a network is, in a few hashes: the same where and only where it computes the same."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from torch import nn

_OF_EVERY_MODULE = frozenset(vars(nn.Module()))


def identity(name: str, scale: int, module: nn.Module, but: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return what decides what a method's network computes, by the names of `depth-sr engines list`.

    Args:
        name, scale: of the method.
        module: the network; its tensors and settings are looked through.
        but: names of settings that have no say in it.
    """
    return {
        "method": name,
        "scale": str(scale),
        "weights": _weights(module),
        "settings": _settings(module, but),
        "code": _code(),
    }


def _weights(module: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _settings(module: nn.Module, but: frozenset[str]) -> str:
    """Of the numbers and words that the constructors were given, as far as the modules keep them."""
    kept = {
        f"{path}.{name}": repr(value)
        for path, part in module.named_modules()
        for name, value in {"": type(part).__qualname__, **vars(part)}.items()
        if name not in _OF_EVERY_MODULE and name not in but and _is_plain(value)
    }
    return hashlib.sha256(repr(sorted(kept.items())).encode()).hexdigest()


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list, set, frozenset)):
        return all(_is_plain(one) for one in value)
    if isinstance(value, dict):
        return all(_is_plain(one) for pair in value.items() for one in pair)
    return value is None or isinstance(value, (bool, int, float, str))


@lru_cache(maxsize=1)
def _code() -> str:
    """Of the files of this folder: what is changed there may change what is computed."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
