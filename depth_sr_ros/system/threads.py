"""How many threads PyTorch shares its work out to.

PyTorch's number is a thread's own, but a thread that asks for the first time is given the one that was set last, whoever set
it. So who enters a guard while another thread is inside must not take the guard's number for its own.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_inside = 0  # threads within `one_torch_thread`
_outside_number = 1  # PyTorch's number when the first of them entered
_here = threading.local()


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Keep PyTorch from sharing out what takes a millisecond, or what others do beside it.

    Where the cores are busy, and on a robot they are, its threads wait for each other for tens of them. May be entered again
    within itself, and by several threads at once: each has its own number back afterwards.
    """
    global _inside, _outside_number
    import torch

    if getattr(_here, "depth", 0):
        _here.depth += 1
        try:
            yield
        finally:
            _here.depth -= 1
        return
    with _lock:
        number = torch.get_num_threads()
        if _inside == 0:
            _outside_number = number
        elif number == 1:
            number = _outside_number
        _inside += 1
        torch.set_num_threads(1)
    _here.depth = 1
    try:
        yield
    finally:
        _here.depth = 0
        with _lock:
            _inside -= 1
            torch.set_num_threads(number)


@contextmanager
def torch_threads_kept() -> Iterator[None]:
    """Give PyTorch its number of threads back: a parallel loop of numba on OpenMP leaves its own behind, for both."""
    import torch

    before = torch.get_num_threads()
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)
