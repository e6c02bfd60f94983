"""numba's just-in-time compiler, as every loop of the package is compiled.

A node must not stop because of what numba keeps on disk, or because two threads run parallel loops at once:

- Compiled code is kept beside the source or in the user's cache. Where neither can be written, or what lies there is damaged,
  a loop is compiled anew in this process, and that is said once.
- numba's `workqueue` threads abort the process when two threads use them together. Where there are no others (no OpenMP, no
  TBB), parallel loops take turns.

Decorating imports numba, which takes a second: do it in what is called when a loop is first needed.
"""

from __future__ import annotations

import importlib
import logging
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from functools import lru_cache, wraps
from typing import Any

from depth_sr_ros.system.threads import torch_threads_kept

_log = logging.getLogger(__name__)
_turns = threading.Lock()
_said = threading.Event()


def compiled(*, parallel: bool = False, **options: Any) -> Callable[[Callable], Callable]:
    """Compile a function by numba when it is first called, without the GIL.

    Args:
        parallel: share `numba.prange` out to threads; such a function cannot be called by another compiled one.
        **options: of `numba.njit`: fastmath, inline, error_model and so on.

    Returns:
        A decorator.
    """

    def decorate(function: Callable) -> Callable:
        loop = _cached_njit(function, parallel=parallel, **options)
        return _in_parallel(loop) if parallel else loop

    return decorate


@lru_cache(maxsize=1)
def threading_layer() -> str:
    """Return what numba's parallel loops run on: what the user chose, else "tbb", "omp", or "workqueue" without either."""
    import numba

    chosen = numba.config.THREADING_LAYER  # type: ignore[attr-defined]  # from NUMBA_THREADING_LAYER
    if chosen in ("tbb", "omp", "workqueue"):
        return chosen
    for layer, module in (("tbb", "tbbpool"), ("omp", "omppool")):
        try:
            importlib.import_module(f"numba.np.ufunc.{module}")
        except ImportError:
            continue
        numba.config.THREADING_LAYER = "threadsafe"  # type: ignore[attr-defined]
        return layer
    return "workqueue"


def _in_parallel(loop: Callable) -> Callable:
    turn = _turns if threading_layer() == "workqueue" else nullcontext()

    @wraps(loop)
    def run(*arguments: Any) -> Any:
        # OpenMP's number of threads is one for numba and PyTorch, and numba leaves its own behind.
        with turn, torch_threads_kept() if "torch" in sys.modules else nullcontext():
            return loop(*arguments)

    return run


def _cached_njit(function: Callable, **options: Any) -> Any:
    import numba

    try:
        loop = numba.njit(nogil=True, cache=True, **options)(function)
    except RuntimeError as error:  # there is no folder that can be written
        _warn_once(str(error))
        return numba.njit(nogil=True, **options)(function)
    loop._cache = _ForgivingCache(loop._cache)
    return loop


class _ForgivingCache:
    """numba's cache of one function, except that what fails in it costs a compilation, not the call."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def load_overload(self, signature: Any, context: Any) -> Any:
        """Return the kept code, or None where there is none that can be read."""
        try:
            return self._cache.load_overload(signature, context)
        except Exception as error:  # noqa: BLE001  a damaged file makes unpickling raise whatever it likes
            _warn_once(f"{self._cache.cache_path}: {type(error).__name__}: {error}")
            self._forget()
            return None

    def save_overload(self, signature: Any, code: Any) -> None:
        """Keep the code where that can be done."""
        try:
            self._cache.save_overload(signature, code)
        except Exception as error:  # noqa: BLE001  the disk is full or read-only, or the index is damaged
            _warn_once(f"{self._cache.cache_path}: {type(error).__name__}: {error}")

    def _forget(self) -> None:
        try:
            self._cache.flush()
        except OSError:
            self._cache.disable()


def _warn_once(reason: str) -> None:
    if not _said.is_set():
        _said.set()
        _log.warning("compiled loops cannot be kept or read; they are compiled anew in this process: %s", reason)
