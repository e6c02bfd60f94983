"""Backends: that engines compute what eager torch computes, and that what cannot run says why."""

import subprocess
import sys
import threading

import pytest
import torch

from depth_sr_ros import backends
from depth_sr_ros.backends import (
    Backend,
    BackendError,
    candidates,
    known_backends,
    make_backend,
    select_backend,
)


class TwoInTwoOut(torch.nn.Module):
    """Convolutions of two inputs with two outputs, as a method of two stages has."""

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.second = torch.nn.Conv2d(1, 8, 3, padding=1)

    def forward(self, guide, depth):
        guide, depth = torch.relu(self.first(guide)), torch.relu(self.second(depth))
        return guide * depth.repeat_interleave(2, -1).repeat_interleave(2, -2), depth


class OneOut(TwoInTwoOut):
    """The same with a bare tensor for a result."""

    def forward(self, guide, depth):
        return super().forward(guide, depth)[0]


@pytest.fixture
def module():
    torch.manual_seed(0)
    return TwoInTwoOut().eval().requires_grad_(False)


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(1)
    return torch.rand(1, 3, 24, 32, generator=generator), torch.rand(1, 1, 12, 16, generator=generator)


ENGINES = [(backend.name, precision) for backend in candidates("auto") for precision in backend.precisions()]


@pytest.mark.parametrize("name, precision", ENGINES)
def test_an_engine_computes_what_eager_torch_computes(name, precision, module, inputs):
    engine = make_backend(name).compile(module, inputs, precision)
    assert (engine.backend, engine.precision) == (name, precision)
    other = tuple(1 - tensor for tensor in inputs)  # not what it was compiled with
    tolerance = 1e-5 if precision == "f32" else 2e-2
    for found, expected in zip(engine(*other), module(*other), strict=True):
        torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name, precision", ENGINES)
def test_a_module_with_one_result_gives_a_tuple_of_one(name, precision, inputs):
    single = OneOut().eval().requires_grad_(False)
    engine = make_backend(name).compile(single, inputs, precision)
    (found,) = engine(*inputs)
    assert found.shape == (1, 8, 24, 32)


@pytest.mark.parametrize("name, precision", ENGINES)
def test_one_thread_is_enough(name, precision, module, inputs):
    before = torch.get_num_threads()
    try:
        engine = make_backend(name, threads=1).compile(module, inputs, precision)
        assert engine(*inputs)[1].shape == (1, 8, 12, 16)
    finally:
        torch.set_num_threads(before)


def test_eager_pytorch_has_its_threads_in_whatever_thread_it_is_called(inputs):
    """An engine is built in one thread and serves in another; PyTorch's number of threads is a thread's own."""
    seen = []

    class Asking(torch.nn.Module):
        def forward(self, guide, depth):
            seen.append(torch.get_num_threads())
            return depth

    before = torch.get_num_threads()
    try:
        engine = make_backend("torch_eager", threads=2).compile(Asking().eval(), inputs, "f32")

        def serve():
            torch.set_num_threads(3)
            engine(*inputs)

        serving = threading.Thread(target=serve)
        serving.start()
        serving.join()
        assert seen[-1] == 2
    finally:
        torch.set_num_threads(before)


class Spoilt(Backend):
    """A runtime that errs by a factor."""

    name = "spoilt"
    factor = 1.0

    def unavailable(self):
        return None

    def precisions(self):
        return ("f32",)

    def build(self, module, example_inputs, precision):
        return lambda *inputs: tuple(self.factor * tensor for tensor in module(*inputs))


@pytest.mark.parametrize("factor", [1.01, float("nan"), float("inf"), 0.0])
def test_an_engine_that_computes_something_else_is_refused(factor, module, inputs):
    backend = Spoilt()
    backend.factor = factor
    with pytest.raises(BackendError, match="differs from eager torch"):
        backend.compile(module, inputs)


def test_an_engine_with_another_number_of_outputs_is_refused(module, inputs):
    backend = Spoilt()
    backend.build = lambda *_: lambda *tensors: module(*tensors)[:1]
    with pytest.raises(BackendError, match="differs from eager torch by inf"):
        backend.compile(module, inputs)


def test_the_error_of_an_engine_is_known(module, inputs):
    backend = Spoilt()
    backend.factor = 1.0005
    assert backend.compile(module, inputs).error == pytest.approx(5e-4, rel=0.01)


def test_what_openvino_cannot_convert_is_said_in_one_line(inputs):
    pytest.importorskip("openvino")

    class DataDependent(torch.nn.Module):
        def forward(self, guide, depth):
            return guide if float(depth.sum()) > 0 else depth

    with pytest.raises(BackendError, match="openvino cannot compile DataDependent: .") as caught:
        make_backend("openvino").compile(DataDependent(), inputs, "f32")
    assert "\n" not in str(caught.value)


def test_an_unknown_backend_is_answered_with_the_known_ones():
    with pytest.raises(BackendError, match=f"'tenserrt'.*auto, {', '.join(known_backends())}"):
        select_backend("tenserrt")


def test_an_unknown_precision_is_answered_with_the_known_ones(module, inputs):
    with pytest.raises(BackendError, match="no precision 'int3'.*choose from auto, f32"):
        select_backend("torch_eager").compile(module, inputs, "int3")


def test_no_threads_are_refused():
    with pytest.raises(ValueError, match="got 0"):
        select_backend("auto", threads=0)


def test_auto_takes_one_that_can_run():
    assert select_backend("auto").unavailable() is None
    assert "torch_eager" in [backend.name for backend in candidates("auto")]


def run_without_openvino(code: str) -> str:
    """Run `code` in a Python where OpenVINO cannot be imported; return its last line."""
    hide = "import sys; sys.modules['openvino'] = None\nfrom depth_sr_ros.backends import *\n"
    done = subprocess.run([sys.executable, "-c", hide + code], capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


def test_without_openvino_auto_takes_torch():
    assert run_without_openvino("print(select_backend('auto').name)") == "torch_eager"


def test_without_openvino_asking_for_it_names_the_package_to_install():
    line = run_without_openvino("try: select_backend('openvino')\nexcept BackendError as error: print(error)")
    assert line == "backend 'openvino' cannot be used: not installed: pip install openvino"


def test_importing_the_backends_imports_no_runtime():
    code = "import sys, depth_sr_ros.backends; print([n for n in ('torch', 'openvino') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_openvino_is_kept_from_reporting_home():
    pytest.importorskip("openvino")
    code = (
        "import sys; from depth_sr_ros.backends import select_backend; select_backend('openvino')\n"
        "from openvino.tools.ovc import telemetry_utils; print(telemetry_utils.tm.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("telemetry_stub")


def test_every_backend_is_listed_under_its_own_name():
    for name in backends.known_backends():
        assert make_backend(name).name == name
