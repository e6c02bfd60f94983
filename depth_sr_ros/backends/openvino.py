"""OpenVINO on the CPU: about twice as fast as eager PyTorch, more with bf16 where the CPU has it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from depth_sr_ros.backends.base import Backend, BackendError

if TYPE_CHECKING:
    from openvino import CompiledModel, ConstOutput, Model
    from torch import Tensor
    from torch.nn import Module


class OpenVino(Backend):
    """Static shapes, tuned for the latency of one frame.

    The export and the conversion take seconds; the store keeps what comes of them, and reading that takes tenths.
    """

    name = "openvino"

    def unavailable(self) -> str | None:
        """Not installed, or without its CPU plugin."""
        try:
            if "CPU" not in _core().available_devices:
                return "OpenVINO finds no CPU plugin: pip install --force-reinstall openvino"
        except ModuleNotFoundError:
            return "not installed: pip install openvino"
        except (ImportError, RuntimeError) as error:
            return f"OpenVINO does not start ({_first_line(error)}): pip install --force-reinstall openvino"
        return None

    def precisions(self) -> tuple[str, ...]:
        """bf16 where the CPU computes in it natively (AVX512-BF16, AMX); float32 everywhere."""
        native = "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        return ("bf16", "f32") if native else ("f32",)

    def build(self, module: Module, example_inputs: tuple[Tensor, ...], precision: str) -> Callable[..., tuple[Tensor, ...]]:
        """Export with torch.export, convert, compile. Inputs and outputs are shared, not copied."""
        import torch

        core = _core()
        import openvino

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # torch.export's, about its own internals
                model = openvino.convert_model(torch.export.export(module, example_inputs, strict=False))
            if precision == "bf16" and getattr(module, "half_outputs", False):
                model = _with_bf16_outputs(model)
            return _Run(core.compile_model(model, "CPU", self._options(precision)))
        except Exception as error:  # both libraries raise whatever their parts raise
            raise BackendError(f"openvino cannot compile {type(module).__name__}: {_first_line(error)}") from error

    def versions(self) -> dict[str, str]:
        """OpenVINO's build, PyTorch's version, ours and the CPU."""
        from importlib.metadata import version

        from depth_sr_ros import __version__
        from depth_sr_ros.system.system_info import cores, cpu_flags, cpu_model

        core = _core()
        build = core.get_versions("CPU")["CPU"].build_number
        cpu = f"{cpu_model()}, {cores()} cores, {' '.join(cpu_flags())}"
        return {"openvino": build, "torch": version("torch"), "depth_sr_ros": __version__, "cpu": cpu}

    def blob(self, run: Callable[..., tuple[Tensor, ...]]) -> bytes:
        """OpenVINO's own format."""
        assert isinstance(run, _Run)
        return run.compiled.export_model().getvalue()

    def restore(self, blob: bytes, precision: str) -> Callable[..., tuple[Tensor, ...]]:
        """The opposite of `blob`."""
        try:
            return _Run(_core().import_model(blob, "CPU", self._options(precision)))
        except Exception as error:
            raise BackendError(f"openvino cannot read the engine: {_first_line(error)}") from error

    def _options(self, precision: str) -> dict[str, str | int]:
        options: dict[str, str | int] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
        if self.threads is not None:
            options["INFERENCE_NUM_THREADS"] = self.threads
        return options


class _Run:
    """A compiled model that takes and gives tensors, which share its memory."""

    def __init__(self, compiled: CompiledModel) -> None:
        self.compiled = compiled

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        arrays = [tensor.numpy() for tensor in inputs]
        outputs = self.compiled(arrays, share_inputs=True, share_outputs=True)
        return tuple(_tensor(output, array) for output, array in outputs.items())


def _with_bf16_outputs(model: Model) -> Model:
    """Give the outputs as they are computed, in place of copies in float32."""
    import openvino
    from openvino.preprocess import PrePostProcessor

    processor = PrePostProcessor(model)
    for number in range(len(model.outputs)):
        processor.output(number).tensor().set_element_type(openvino.Type.bf16)
    return processor.build()


def _tensor(output: ConstOutput, array: np.ndarray) -> Tensor:
    """Share an output with PyTorch. NumPy has no bfloat16: OpenVINO gives its bits, and calls them float16."""
    import torch

    is_bf16 = output.element_type.get_type_name() == "bf16"
    return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16) if is_bf16 else torch.from_numpy(array)


@lru_cache(maxsize=1)
def _core():
    """One core a process: it loads the plugin and reads the CPU's properties once.

    OpenVINO's Python package reports its use to its makers when it is imported and when it converts, from a
    fork of this process. A robot's node should do neither; without the telemetry package OpenVINO does not
    either.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None: it is not to be had
    import openvino

    return openvino.Core()


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
