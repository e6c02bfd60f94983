"""Runtimes for the networks: one file each, found by name. A new backend is one file and one line here."""

from __future__ import annotations

import importlib

from .base import Backend, BackendError, Engine

__all__ = ["Backend", "BackendError", "Engine", "candidates", "known_backends", "select_backend"]

# Fastest first among those that compute on the same device; a GPU comes before a CPU.
_CLASSES = {
    "openvino": "OpenVino",
    "torch_eager": "TorchEager",
}


def known_backends() -> list[str]:
    """The names of all backends, whether they can run here or not, sorted."""
    return sorted(_CLASSES)


def make_backend(name: str, threads: int | None = None) -> Backend:
    """A backend by its name, usable here or not. Raises BackendError for an unknown one, with the known ones."""
    if name not in _CLASSES:
        raise BackendError(f"unknown backend {name!r}: known backends are auto, {', '.join(known_backends())}")
    module = importlib.import_module(f".{name}", __package__)
    return getattr(module, _CLASSES[name])(threads)


def candidates(name: str = "auto", threads: int | None = None) -> list[Backend]:
    """The backends to try in turn: for "auto" all that can run here, best first; else the one asked for.

    Raises BackendError: unknown, or it cannot run here and why.
    """
    if name != "auto":
        backend = make_backend(name, threads)
        if reason := backend.unavailable():
            raise BackendError(f"backend {name!r} cannot be used: {reason}")
        return [backend]
    every = [make_backend(known, threads) for known in _CLASSES]
    usable = [backend for backend in every if backend.unavailable() is None]
    if not usable:
        reasons = "; ".join(f"{backend.name}: {backend.unavailable()}" for backend in every)
        raise BackendError(f"no backend can be used here ({reasons})")
    return sorted(usable, key=lambda backend: backend.device == "cpu")


def select_backend(name: str = "auto", threads: int | None = None) -> Backend:
    """The best backend that can run here ("auto"), or the one asked for.

    Raises BackendError: unknown, or it cannot run here and why.
    """
    return candidates(name, threads)[0]
