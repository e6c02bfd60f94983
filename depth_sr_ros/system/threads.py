"""How many threads PyTorch shares its work out to."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Keep PyTorch from sharing out what takes a millisecond, or what others do beside it.

    Where the cores are busy, and on a robot they are, its threads wait for each other for tens of them.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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
