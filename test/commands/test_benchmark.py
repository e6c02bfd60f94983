"""`depth-sr benchmark`, `benchmark/sensor.py` and `misregistration.py`: what they measure and write down."""

import json
import os

import numpy as np
import pytest
from benchmark_script import run_script
from small_methods import save_small

from depth_sr_ros.commands.benchmark import example_frame, stage_percentiles
from depth_sr_ros.commands.main import main
from depth_sr_ros.system.system_info import cpu_flags, cpu_model, system_info


def test_names_are_checked_before_anything_is_measured(tmp_path, capsys):
    path = tmp_path / "latency.json"
    options = ["--methods", "bicubic,bicubc", "--backends", "torch_eager", "--sizes", "20x15", "--frames", "1"]
    assert main(["benchmark", *options, "-o", str(path)]) == 2
    said = capsys.readouterr()
    assert "bicubc" in said.err and not said.out and not path.exists()


def test_every_combination_is_measured_and_filed(tmp_path, capsys):
    path = tmp_path / "latency.json"
    options = [
        "--methods",
        "bicubic",
        "--backends",
        "torch_eager",
        "--sizes",
        "20x15",
        "16x12",
        "--frames",
        "3",
    ]
    assert main(["benchmark", *options, "--scale", "4", "-o", str(path)]) == 0
    filed = json.loads(path.read_text())
    assert filed["machine"] == system_info()
    assert [result["output_size"] for result in filed["results"]] == [[80, 60], [64, 48]]
    for result in filed["results"]:
        assert (result["method"], result["backend"], result["scale"], result["frames"]) == (
            "bicubic",
            "torch_eager",
            4,
            3,
        )
        assert {"fill", "network", "finish", "total"} <= result["ms"].keys()
        total = result["ms"]["total"]
        assert 0 < total["p50"] <= total["p95"] <= total["p99"]
        assert result["frames_per_s"] > 0 and result["first_frame_s"] > 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 2 and "20x15 -> 80x60" in printed[0]


@pytest.mark.parametrize("methods", [["bicubic", "guided_filter"], ["bicubic,guided_filter"]])
def test_methods_may_be_named_with_spaces_or_commas(methods, capsys):
    assert main(["benchmark", "--methods", *methods, "--sizes", "8x6", "--frames", "1", "--scale", "2"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["bicubic", "guided_filter"]


def test_percentiles_are_by_stage():
    times = [{"fill": float(i), "total": 10.0 + i} for i in range(101)]
    assert stage_percentiles(times) == {
        "fill": {"p50": 50.0, "p95": 95.0, "p99": 99.0},
        "total": {"p50": 60.0, "p95": 105.0, "p99": 109.0},
    }


def test_the_example_frame_has_holes_as_a_sensors_has():
    rgb, depth = example_frame((80, 60), 8)
    assert (rgb.shape, rgb.dtype) == ((480, 640, 3), np.uint8)
    assert (depth.shape, depth.dtype) == ((60, 80), np.uint16)
    assert 0.01 < (depth == 0).mean() < 0.06


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--methods", "sharper"], "sharper"),
        (["--methods", ","], "holds no name"),
        (["--methods", "bicubic", "--backends", "abacus"], "abacus"),
        (["--methods", "bicubic", "-o", "/nowhere/at/all.json"], "no folder /nowhere/at"),
        (["--methods", "bicubic", "-o", "."], "cannot write .: it is a folder"),
        (["--methods", "bicubic", "-o", "/proc/figures.json"], "cannot write /proc/figures.json"),
        (["--methods", "bicubic", "--sizes", "8x6", "100000x100000"], "100000 x 100000 pixels at x8 is 800000 x 800000"),
        (["--methods", "bicubic", "--weights", "fdkn_x8.safetensors"], "would not be read: bicubic learned nothing"),
        (["--methods", "bicubic", "--backends", "torch_eager", "--precision", "f8"], "no precision 'f8'"),
    ],
)
def test_wrong_wishes_are_answered_in_one_line(options, message, capsys):
    assert main(["benchmark", *options]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_weights_are_checked_with_every_method_before_anything_is_measured(tmp_path, capsys):
    path = tmp_path / "jiif.safetensors"
    save_small(path, "jiif", None)
    before = path.with_suffix(".json").read_bytes()
    options = ["--methods", "jiif", "dada", "--weights", str(path), "--sizes", "8x6", "--frames", "1"]
    assert main(["benchmark", *options]) == 2
    said = capsys.readouterr()
    assert "are for jiif at any scale, not for dada x8" in said.err and not said.out
    options[1:3] = ["jiif", "bicubic"]  # which has learned nothing, and needs no weights
    assert main(["benchmark", *options, "-o", str(path.with_suffix(".json"))]) == 2
    assert "would overwrite the manifest" in capsys.readouterr().err
    assert path.with_suffix(".json").read_bytes() == before
    assert main(["benchmark", *options]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize("options", [["--sizes", "large"], ["--sizes", "0x4"], ["--frames", "0"]])
def test_what_cannot_be_read_is_refused(options, capsys):
    with pytest.raises(SystemExit):
        main(["benchmark", *options])
    assert options[1] in capsys.readouterr().err


def test_the_processor_is_read_as_linux_describes_it(tmp_path):
    x86, arm = tmp_path / "x86", tmp_path / "arm"
    x86.write_text("processor : 0\nmodel name : Some CPU @ 3 GHz\nflags : fpu avx2 avx512_bf16\n")
    arm.write_text("processor : 0\nFeatures : fp asimd i8mm\n")
    assert cpu_model(x86) == "Some CPU @ 3 GHz" and cpu_flags(x86) == ["avx2", "avx512_bf16"]
    assert cpu_flags(arm) == ["asimd", "i8mm"] and cpu_model(arm)
    assert cpu_flags(tmp_path / "none") == []


def run_sensor(*options):
    return run_script("sensor.py", *options, environment=os.environ)


def test_methods_are_measured_on_what_sensors_see(tmp_path):
    path = tmp_path / "sensor.json"
    options = ["--methods", "bicubic", "guided_filter", "--scale", "4", "--size", "64", "48", "-o", str(path)]
    done = run_sensor(*options)
    assert done.returncode == 0, done.stderr
    filed = json.loads(path.read_text())
    assert filed["machine"] == system_info() and filed["clip_to_measured"] is True and filed["scenes"] == 5
    found = {(row["method"], row["sensor"]): row for row in filed["results"]}
    assert len(found) == 2 * 4 and filed["degradation"] == "sensor"
    for row in found.values():
        assert 0 < row["mae_m"] < row["rmse_m"] < 3
    assert len({row["rmse_m"] for row in found.values()}) == len(found)  # no sensor and no method is another
    assert f"{found['bicubic', 'default']['rmse_m']:.3f}" in done.stdout


def test_methods_are_measured_with_guides_that_are_off(tmp_path):
    """What looks at no guide is the same with all of them; what does is worse with one far off."""
    path = tmp_path / "curve.json"
    options = ["--methods", "bicubic,joint_bilateral", "--scale", "4", "--size", "96", "64", "--scenes", "1", "-o", str(path)]
    done = run_script("misregistration.py", *options, environment=os.environ)
    assert done.returncode == 0, done.stderr
    filed = json.loads(path.read_text())
    assert filed["shifts_px"] == [0, 1, 2, 4, 8]
    bicubic, guided = filed["rmse_m"]["bicubic"], filed["rmse_m"]["joint_bilateral"]
    assert len(bicubic) == len(guided) == 5 and len(set(bicubic)) == 1
    assert guided[0] < guided[-1] and guided[0] < bicubic[0]
    assert f"{guided[-1]:.4f}" in done.stdout


def test_a_method_that_is_none_is_named_in_one_line():
    done = run_sensor("--methods", "sharper")
    assert done.returncode == 1 and "sharper" in done.stderr and "fdkn" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_cannot_be_written_is_found_before_anything_is_measured(tmp_path):
    done = run_sensor("-o", str(tmp_path / "none" / "sensor.json"))
    assert done.returncode == 1 and "there is no folder" in done.stderr and not done.stdout
