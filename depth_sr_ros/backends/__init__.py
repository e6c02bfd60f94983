"""Runtimes for the networks: one file each, found by name. A new backend is one file and one line here."""

from __future__ import annotations

import importlib

from depth_sr_ros.backends.base import Backend, BackendError, Engine

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
    """A backend by its name, usable here or not.

    Raises BackendError for an unknown one, with the known ones.
    """
    if name not in _CLASSES:
        raise BackendError(f"unknown backend {name!r}: known backends are auto, {', '.join(known_backends())}")
    module = importlib.import_module(f".{name}", __package__)
    return getattr(module, _CLASSES[name])(threads)


def candidates(name: str = "auto", threads: int | None = None, precision: str = "auto") -> list[Backend]:
    """The backends to try in turn: the one asked for, or all that can run here, best first.

    Raises BackendError: unknown, or it cannot run here and why, or not at that precision.
    """
    usable = _usable() if name == "auto" else [name]
    backends = [make_backend(one, threads) for one in usable]
    for backend in backends:
        backend.require()
    able = [backend for backend in backends if precision in ("auto", *backend.precisions())]
    if not able:
        choices = sorted({choice for backend in backends for choice in backend.precisions()})
        names = " or ".join(usable)
        raise BackendError(f"no precision {precision!r} on {names} on this machine: choose from auto, {', '.join(choices)}")
    return sorted(able, key=lambda backend: backend.device == "cpu")


def _usable() -> list[str]:
    reasons = {name: make_backend(name).unavailable() for name in _CLASSES}
    usable = [name for name, reason in reasons.items() if reason is None]
    if not usable:
        raise BackendError("no backend can be used here: " + "; ".join(f"{n}: {why}" for n, why in reasons.items()))
    return usable


def select_backend(name: str = "auto", threads: int | None = None) -> Backend:
    """The best backend that can run here ("auto"), or the one asked for.

    Raises BackendError: unknown, or it cannot run here and why.
    """
    return candidates(name, threads)[0]
