"""Engines on disk: read where they are what they should be, compiled again where they are not."""

import logging
import os

import pytest
import torch
from small_methods import small_config

from depth_sr_ros.backends import BackendError, engine_store, make_backend
from depth_sr_ros.backends.engine_store import EngineStore
from depth_sr_ros.commands.main import main
from depth_sr_ros.methods.base import Predictor
from depth_sr_ros.methods.registry import method_class

FACTS = {"method": "fdkn", "scale": "8", "precision": "f32"}


def network(seed=0, scale=4, **config):
    torch.manual_seed(seed)
    method = method_class("fdkn")(scale, **{**small_config("fdkn"), **config})
    return Predictor(method.eval().requires_grad_(False)).eval()


def inputs(height=3, width=4, scale=4):
    generator = torch.Generator().manual_seed(1)
    guide = torch.rand(1, 3, scale * height, scale * width, generator=generator)
    return guide, torch.rand(1, 1, height, width, generator=generator)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The store's folder for one test."""
    monkeypatch.setenv(engine_store.VARIABLE, str(tmp_path / "engines"))
    monkeypatch.setattr(engine_store._said, "is_set", lambda: False)
    return tmp_path / "engines"


@pytest.fixture
def converted(monkeypatch):
    """The modules that OpenVINO converts: none where an engine is read."""
    openvino = pytest.importorskip("openvino")
    convert, found = openvino.convert_model, []

    def counted(exported, **options):
        found.append(exported)
        return convert(exported, **options)

    monkeypatch.setattr(openvino, "convert_model", counted)
    return found


def compiled(module=None, precision="f32", threads=None, tensors=None):
    return make_backend("openvino", threads).compile(module or network(), tensors or inputs(), precision)


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip([t.clone() for t in one(*inputs())], other(*inputs()), strict=True))


@pytest.mark.parametrize("precision", make_backend("openvino").precisions())
def test_an_engine_is_read_where_it_was_compiled_before(folder, converted, precision):
    first = compiled(precision=precision)
    again = compiled(precision=precision)
    assert len(converted) == 1 and len(list(folder.iterdir())) == 1
    assert same(first, again)
    assert (again.backend, again.precision, again.error) == ("openvino", precision, first.error)


def test_what_can_change_the_result_leads_to_another_engine(folder, converted, monkeypatch):
    compiled()
    others = [
        {"module": network(seed=1)},
        {"module": network(widths=[4, 5, 7])},
        {"tensors": inputs(4, 4)},
        {"threads": 1},
        {"module": network(scale=2), "tensors": inputs(scale=2)},
    ]
    for number, other in enumerate(others, start=2):
        compiled(**other)
        assert len(converted) == number, other
    for name in ("depth_sr_ros.__version__", "depth_sr_ros.system.system_info.cpu_model"):
        with monkeypatch.context() as patch:
            patch.setattr(name, "9.9" if "version" in name else lambda: "another CPU")
            compiled()
    assert len(converted) == len(list(folder.iterdir())) == len(others) + 3
    compiled()
    assert len(converted) == len(others) + 3


def test_settings_that_no_tensor_shows_are_part_of_what_a_network_is():
    def identity(module=Predictor, iterations=None, **config):
        torch.manual_seed(0)
        method = method_class("dada")(4, **{**small_config("dada"), **config})
        if iterations is not None:
            method.iterations = iterations
        return (module(method) if module else method).identity()

    assert identity() == identity()
    assert identity(adjustment="bicubic") != identity()
    assert identity(iterations=7) == identity()  # they come after what is compiled
    assert identity(None, iterations=7) != identity(None)


@pytest.mark.parametrize("how", ["empty", "truncated", "longer", "flipped", "header", "not json", "deep", "of another"])
def test_a_damaged_engine_is_compiled_again(folder, converted, how, caplog):
    good = compiled()
    (path,) = folder.iterdir()
    data = path.read_bytes()
    middle = len(data) // 2
    path.write_bytes({
        "empty": b"",
        "truncated": data[:middle],
        "longer": data + b"x",
        "flipped": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
        "header": data[: data.index(b"facts")] + b"fakts" + data[data.index(b"facts") + 5 :],
        "not json": b"\x80" + data,
        "deep": b"[" * 60_000 + b"\n" + data,
        "of another": data.replace(b'"threads": "None"', b'"threads": "Many"', 1),
    }[how])  # fmt: skip
    again = compiled()
    assert len(converted) == 2 and same(good, again)
    assert "damaged" in caplog.text and str(path) in caplog.text
    compiled()
    assert len(converted) == 2 and path.read_bytes()[:20] == data[:20]


def test_an_engine_that_the_runtime_refuses_is_compiled_again(folder, converted, monkeypatch, caplog):
    good, backend = compiled(), make_backend("openvino")

    def refuse(blob, precision):
        raise BackendError("of another build")

    monkeypatch.setattr(backend, "restore", refuse)
    again = backend.compile(network(), inputs(), "f32")
    assert len(converted) == 2 and same(good, again) and "of another build" in caplog.text


@pytest.mark.parametrize("where", ["/dev/null/engines", ""])
def test_engines_that_cannot_be_kept_cost_a_warning_at_most(folder, converted, monkeypatch, where, caplog):
    monkeypatch.setenv(engine_store.VARIABLE, where)
    first, again = compiled(), compiled()
    assert len(converted) == 2 and same(first, again)
    assert ("cannot be kept" in caplog.text) is bool(where)


def test_a_module_that_does_not_say_what_it_is_is_not_kept(folder):
    compiled(torch.nn.Conv2d(3, 2, 1).eval().requires_grad_(False), tensors=(torch.rand(1, 3, 4, 4),))
    assert not folder.exists()


def test_the_engines_used_last_stay(tmp_path):
    store = EngineStore(tmp_path)
    facts = [{**FACTS, "scale": str(scale)} for scale in range(5)]
    for number, one in enumerate(facts):
        store.save(one, bytes(1000), 0.0)
        os.utime(store._path(one), (number, number))
    assert store.load(facts[0]).blob == bytes(1000)  # used again
    (tmp_path / "killed.part").write_bytes(b"half")
    assert len(store.prune(2500)) == 3
    assert [one.facts["scale"] for one in store.entries()] == ["0", "4"]
    assert len(store.prune()) == 3 and list(tmp_path.iterdir()) == []


def test_writers_that_meet_do_no_harm(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    store = EngineStore(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store.save(FACTS, bytes([number]) * 100_000, 0.0), range(40)))
    blob = store.load(FACTS).blob
    assert len(blob) == 100_000 and len(set(blob)) == 1 and len(list(tmp_path.iterdir())) == 1


def test_the_command_lists_and_prunes(folder, capsys, caplog):
    caplog.set_level(logging.ERROR)
    EngineStore(folder).save({**FACTS, "backend": "openvino", "depth": "80 x 60"}, bytes(3_000_000), 0.0)
    (folder / "other.engine").write_bytes(b"no engine")
    assert main(["engines", "list"]) == 0
    said = capsys.readouterr().out
    assert "fdkn          x8     80 x 60     openvino" in said and "3.0" in said and str(folder) in said
    assert main(["engines", "prune", "--most-mb", "-1"]) == 2
    assert main(["engines", "prune"]) == 0 and list(folder.iterdir()) == []
    assert "2 removed" in capsys.readouterr().out
