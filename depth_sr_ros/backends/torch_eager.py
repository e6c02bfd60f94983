"""PyTorch as it is: runs everywhere and everything, and is what the other backends are compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from depth_sr_ros.backends.base import Backend, run_eager

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from depth_sr_ros.backends.base import Finish


class TorchEager(Backend):
    """Eager PyTorch in float32, on CUDA where there is a GPU.

    `threads` sets PyTorch's number of threads, which is a thread's own: every call sets it anew for the thread it is in.
    """

    name = "torch_eager"

    def unavailable(self) -> str | None:
        """PyTorch is a dependency of the package: nothing works without it."""
        try:
            import torch  # noqa: F401
        except ImportError as error:
            return f"PyTorch cannot be imported ({error}): pip install torch"
        return None

    @property
    def device(self) -> str:
        """`cuda` where PyTorch sees a GPU."""
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"

    def precisions(self) -> tuple[str, ...]:
        """float32 alone."""
        return ("f32",)

    def build(self, module: Module, example_inputs: tuple[Tensor, ...], precision: str) -> Callable[..., tuple[Tensor, ...]]:
        """Nothing to compile; on a GPU the module is copied there."""
        import copy

        import torch

        if self.device == "cpu":

            def run_here(*inputs: Tensor) -> tuple[Tensor, ...]:
                if self.threads is not None and torch.get_num_threads() != self.threads:
                    torch.set_num_threads(self.threads)
                return run_eager(module, inputs)

            return run_here
        moved = copy.deepcopy(module).to(self.device)

        def run(*inputs: Tensor) -> tuple[Tensor, ...]:
            outputs = run_eager(moved, tuple(tensor.to(self.device) for tensor in inputs))
            return tuple(tensor.cpu() for tensor in outputs)

        return run

    def _error(self, run: Callable, module: Module, example_inputs: tuple[Tensor, ...], finish: Finish | None) -> float:
        # On the CPU it is the reference: a slow network need not run twice to equal itself.
        return 0.0 if self.device == "cpu" else super()._error(run, module, example_inputs, finish)
