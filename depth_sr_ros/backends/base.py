"""What every backend is: it compiles a torch module for fixed shapes and checks it against eager torch."""

from __future__ import annotations

import hashlib
import inspect
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from depth_sr_ros.backends.engine_store import EngineStore, engines_directory

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    Finish = Callable[..., tuple[Tensor, ...]]  # of an engine's outputs

# Largest allowed ||engine - eager|| / ||eager|| of what is compared. A GPU may take TF32 (11 bits of a number) for
# f32; bf16 keeps 8 bits and errs by some 0.5 to 1 % over ten layers. What exceeds these is a wrong result.
TOLERANCE = {"f32": 5e-3, "bf16": 2e-2}


_log = logging.getLogger(__name__)


class BackendError(RuntimeError):
    """A backend is unknown, cannot run here, cannot compile a module, or computes something else."""


@dataclass(frozen=True)
class Engine:
    """A compiled module: call it with tensors shaped like the example inputs, get a tuple of CPU tensors.

    The outputs may be views of the engine's own memory: they hold until the next call. One caller at a time.

    backend, device ("cpu", "cuda"), precision ("f32", "bf16"): what runs it. error: the largest relative
    difference from eager torch on the example inputs, 0 for eager torch itself.
    """

    run: Callable[..., tuple[Tensor, ...]]
    backend: str
    device: str
    precision: str
    error: float

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Run the module. inputs: contiguous float32 CPU tensors."""
        return self.run(*inputs)


class Backend(ABC):
    """A runtime for torch modules. threads: how many it may use; None leaves the choice to the runtime."""

    name: ClassVar[str]

    def __init__(self, threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise ValueError(f"threads must be 1 or more, got {threads}")
        self.threads = threads

    @abstractmethod
    def unavailable(self) -> str | None:
        """Why it cannot run on this machine, in one line with the remedy; None where it can."""

    def require(self) -> None:
        """Raise BackendError with the reason where it cannot run on this machine."""
        if reason := self.unavailable():
            raise BackendError(f"backend {self.name!r} cannot be used: {reason}")

    @property
    def device(self) -> str:
        """Where it computes: "cpu" or "cuda"."""
        return "cpu"

    @abstractmethod
    def precisions(self) -> tuple[str, ...]:
        """The precisions that this machine can do, the one that "auto" takes first."""

    @abstractmethod
    def build(self, module: Module, example_inputs: tuple[Tensor, ...], precision: str) -> Callable[..., tuple[Tensor, ...]]:
        """Compile without checks; use `compile`. Raises BackendError where the runtime refuses."""

    def compile(
        self,
        module: Module,
        example_inputs: tuple[Tensor, ...],
        precision: str = "auto",
        finish: Finish | None = None,
    ) -> Engine:
        """Compile `module` for the shapes of `example_inputs` and check it with their values.

        module: in eval mode, without gradients; returns a tensor or a tuple of tensors. example_inputs:
        float32 CPU tensors that look like what will come (noise makes low precisions look worse than they
        are). finish: makes of the module's outputs what counts in the end, which is then what is compared; None
        compares the outputs.

        Raises BackendError: it cannot run here, does not do that precision, cannot compile the module, or the
        compiled module's results differ from eager torch by more than `TOLERANCE`.
        """
        self.require()
        if precision == "auto":
            precision = self.precisions()[0]
        elif precision not in self.precisions():
            choices = ", ".join(("auto", *self.precisions()))
            raise BackendError(f"backend {self.name!r} has no precision {precision!r} on this machine: choose from {choices}")
        facts = self._facts(module, example_inputs, precision)
        store = EngineStore(engines_directory() if facts else None)
        if (stored := store.load(facts)) is not None:
            try:
                return Engine(self.restore(stored.blob, precision), self.name, self.device, precision, stored.error)
            except BackendError as reason:
                _log.warning("engine %s is compiled again: %s", stored.path, reason)
                store.discard(facts)
        run = self.build(module, example_inputs, precision)
        error = self._error(run, module, example_inputs, finish)
        if not error <= TOLERANCE[precision]:  # also refuses NaN
            raise BackendError(
                f"backend {self.name!r} at {precision} differs from eager torch by {error:.2g} (relative), "
                f"more than {TOLERANCE[precision]:g}, for {type(module).__name__}: "
                "use another precision or backend"
            )
        if facts:
            store.save(facts, self.blob(run), error)
        return Engine(run, self.name, self.device, precision, error)

    def versions(self) -> dict[str, str]:
        """What of this machine and its libraries can change what is compiled; empty where engines are not stored."""
        return {}

    def blob(self, run: Callable[..., tuple[Tensor, ...]]) -> bytes:
        """What `build` returned, for the store. Only backends with `versions` have it."""
        raise NotImplementedError

    def restore(self, blob: bytes, precision: str) -> Callable[..., tuple[Tensor, ...]]:
        """The opposite of `blob`. Raises BackendError where the runtime refuses."""
        raise NotImplementedError

    def _facts(self, module: Module, example_inputs: tuple[Tensor, ...], precision: str) -> dict[str, str]:
        """All that can change an engine, for the store; empty where it is not to be stored."""
        identity, versions = getattr(module, "identity", None), self.versions()
        if identity is None or not versions:
            return {}
        *_, rows, columns = example_inputs[-1].shape
        return {
            "backend": self.name,
            "precision": precision,
            "threads": str(self.threads),
            "depth": f"{columns} x {rows}",
            "inputs": str([tuple(tensor.shape) for tensor in example_inputs]),
            "backend_code": hashlib.sha256(Path(inspect.getfile(type(self))).read_bytes()).hexdigest(),
            **versions,
            **identity(),
        }

    def _error(self, run: Callable, module: Module, example_inputs: tuple[Tensor, ...], finish: Finish | None) -> float:
        found, expected = run(*example_inputs), run_eager(module, example_inputs)
        if finish is not None:
            found, expected = finish(*found), finish(*expected)
        return relative_error(found, expected)


def run_eager(module: Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Call `module` without gradients; always a tuple."""
    import torch

    with torch.inference_mode():
        outputs = module(*inputs)
    return outputs if isinstance(outputs, tuple) else (outputs,)


def relative_error(found: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> float:
    """The largest ||found - expected|| / ||expected|| among pairs; infinite where shapes or counts differ."""
    import torch

    if [tuple(tensor.shape) for tensor in found] != [tuple(tensor.shape) for tensor in expected]:
        return float("inf")
    smallest = torch.finfo(torch.float32).tiny
    ratios = [float((a - b).norm() / b.norm().clamp_min(smallest)) for a, b in zip(found, expected, strict=True)]
    return float("nan") if any(ratio != ratio for ratio in ratios) else max(ratios)
