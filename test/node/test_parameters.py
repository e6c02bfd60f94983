"""The table of parameters: what is declared, accepted and refused, in a node of this process."""

import dataclasses
import inspect
import math
import subprocess
import sys
from pathlib import Path

import pytest
import rclpy
import yaml
from rclpy.parameter import Parameter
from small_methods import save_small

from depth_sr_ros.core.options import FrameOptions
from depth_sr_ros.core.upsampler import Upsampler
from depth_sr_ros.methods import registry
from depth_sr_ros.methods.registry import known_methods
from depth_sr_ros.node import parameter_files
from depth_sr_ros.node.capabilities import Capabilities
from depth_sr_ros.node.config import MAX_TEXT, ROWS, Config, ParameterError, check
from depth_sr_ros.node.live_upsampler import frame_options
from depth_sr_ros.node.messages import OUTPUT_ENCODINGS
from depth_sr_ros.node.parameters import Parameters

ROOT = Path(__file__).parents[2]

BICUBIC = [Parameter("method", value="bicubic")]


@pytest.fixture(scope="module")
def capabilities():
    return Capabilities.find()


@pytest.fixture
def make(ros, capabilities):
    nodes = []

    def parameters(*overrides, able=capabilities):
        nodes.append(rclpy.create_node("test_parameters", parameter_overrides=[*BICUBIC, *overrides]))
        made = Parameters(nodes[-1])
        made.check_against(able)
        return nodes[-1], made

    yield parameters
    for node in nodes:
        node.destroy_node()


def test_files_that_repeat_the_table_are_those_that_it_writes():
    """`python -m depth_sr_ros.node.parameter_files` writes them."""
    assert (ROOT / "config" / "depth_sr.yaml").read_text() == parameter_files.as_yaml()
    assert (ROOT / "docs" / "parameters.md").read_text() == parameter_files.as_markdown()


def test_the_parameters_file_holds_exactly_the_defaults_and_nothing_that_ros_2_cannot_load():
    values = yaml.safe_load((ROOT / "config" / "depth_sr.yaml").read_text())["/**"]["ros__parameters"]
    assert {name: tuple(one) if type(one) is list else one for name, one in values.items()} == dataclasses.asdict(Config())
    assert all(value != "" and (type(value) is not float or math.isfinite(value)) for value in values.values())


def test_what_the_library_takes_too_has_its_defaults():
    config = Config()
    built = {name: one.default for name, one in inspect.signature(Upsampler).parameters.items() if name != "options"}
    assert {name: config.library(name) for name in built} == built
    assert frame_options(config, is_iterative=True) == FrameOptions()
    assert {field.name for field in dataclasses.fields(FrameOptions)} <= {*ROWS, "ensemble"}  # too slow for a stream
    assert Config(threads=2, max_depth=5.0).library("threads") == 2


def test_the_output_encodings_are_those_that_can_be_written():
    assert ROWS["output_encoding"].choices() == OUTPUT_ENCODINGS


def test_a_launch_file_gets_the_table_without_what_takes_time_to_import():
    heavy = "torch", "cv2", "numpy", "rclpy", "openvino", "numba"
    code = f"import sys; import depth_sr_ros.node.launch_arguments; print(sorted(set(sys.modules) & set({heavy})))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_every_parameter_says_what_it_is_and_what_is_valid(make):
    node, _ = make()
    for row in ROWS.values():
        described = node.describe_parameter(row.name)
        assert row.description in described.description and row.unit in described.description
        assert described.read_only is not row.live
        if row.choices:
            assert all(choice in described.additional_constraints for choice in row.choices())
        for limits in (*described.integer_range, *described.floating_point_range):
            assert (limits.from_value, limits.to_value) == (row.low, row.high)


def test_overrides_are_taken_at_the_start(make):
    _, parameters = make(Parameter("scale", value=4), Parameter("max_depth", value=5.0))
    assert (parameters.config().method, parameters.config().scale, parameters.config().max_depth) == ("bicubic", 4, 5.0)


def test_a_change_is_seen_in_the_next_config(make):
    node, parameters = make()
    (result,) = node.set_parameters([Parameter("sync_tolerance_ms", value=5.0)])
    assert result.successful, result.reason
    assert parameters.config().sync_tolerance_ms == 5.0


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("method", "nonesuch", known_methods()),
        ("backend", "abacus", ["auto", "openvino", "torch_eager"]),
        ("precision", "f8", ["auto", "f32", "bf16"]),
        ("output_encoding", "rgb8", ["32FC1", "16UC1"]),
        ("scale", 1, ["2", "32"]),
        ("scale", 33, ["2", "32"]),
        ("iterations", -1, ["0", "10000"]),
        ("iterations", 10_001, ["0", "10000"]),
        ("min_depth", -1.0, ["0"]),
        ("min_depth", math.nan, ["0"]),
        ("max_depth", math.inf, ["0"]),
        ("no_return", [0.5] * 17, ["16"]),
        ("depth_unit", 2.0, ["1"]),
        ("weights", "w" * (MAX_TEXT + 1), [str(MAX_TEXT)]),
        ("sync_tolerance_ms", -1.0, ["0", "1000"]),
        ("rgb_offset_ms", 5000.0, ["-1000", "1000"]),
        ("max_latency_ms", -5.0, ["0"]),
        ("threads", 2, []),
        ("rgb_transport", "compressed", []),
    ],
)
def test_a_wrong_value_is_refused_with_the_valid_ones_and_changes_nothing(make, name, value, told):
    node, parameters = make()
    before = parameters.config()
    (result,) = node.set_parameters([Parameter(name, value=value)])
    assert not result.successful
    assert all(word in result.reason for word in (name, *told)), result.reason
    assert parameters.config() == before


def test_a_value_of_another_type_is_refused(make):
    """By rclpy itself, in its own words."""
    node, parameters = make()
    for name, value in (("fill_holes", "yes"), ("scale", 8.5), ("method", 3)):
        (result,) = node.set_parameters([Parameter(name, value=value)])
        assert not result.successful and result.reason
    assert parameters.config() == Config(method="bicubic")


def test_a_method_without_weights_for_a_scale_is_refused_with_what_there_is(make):
    node, parameters = make()
    result = node.set_parameters_atomically([Parameter("method", value="fdkn"), Parameter("scale", value=31)])
    assert not result.successful
    assert "bicubic" in result.reason and "x31" in result.reason
    assert parameters.config().method == "bicubic"


def test_whether_weights_exist_is_not_said(make, tmp_path):
    """Whoever sets a parameter may be at another machine; and no path that cannot be looked up ends the node."""
    node, parameters = make(Parameter("method", value="fdkn"))
    for path in (str(tmp_path), "/no/such/file", "/root/secret/file", f"/{'n' * 300}", "\x01"):
        assert node.set_parameters([Parameter("weights", value=path)])[0].successful
        assert parameters.config().weights == path


def test_weights_are_refused_where_the_method_takes_none(make):
    node, _ = make()
    (refused,) = node.set_parameters([Parameter("weights", value="/some/file")])
    assert not refused.successful and "'bicubic'" in refused.reason and "package" in refused.reason


def test_a_precision_that_no_backend_here_has_is_refused_with_those_that_they_have(make, capabilities):
    able = dataclasses.replace(capabilities, precisions={"torch_eager": ("f32",)}, unavailable={"openvino": "not installed"})
    node, _ = make(able=able)
    (refused,) = node.set_parameters([Parameter("precision", value="bf16")])
    assert not refused.successful and "auto, f32" in refused.reason and "torch_eager" in refused.reason
    (refused,) = node.set_parameters([Parameter("backend", value="openvino")])
    assert not refused.successful and "not installed" in refused.reason
    with pytest.raises(ParameterError, match="precision is 'bf16'"):
        make(Parameter("precision", value="bf16"), able=able)


def test_what_a_check_raises_is_a_refusal(make, capabilities):
    methods = dict(capabilities.methods)
    node, _ = make(able=dataclasses.replace(capabilities, methods=methods))
    methods.clear()
    (refused,) = node.set_parameters([Parameter("min_depth", value=1.0)])
    assert not refused.successful and "min_depth" in refused.reason and "KeyError" in refused.reason


def test_a_whole_number_is_taken_for_a_float(make):
    node, parameters = make(Parameter("max_depth", value=5))
    assert parameters.config().max_depth == 5.0 and type(parameters.config().max_depth) is float
    (result,) = node.set_parameters([Parameter("max_depth", value=7)])
    if hasattr(node, "add_pre_set_parameters_callback"):
        assert result.successful and node.get_parameter("max_depth").type_ == Parameter.Type.DOUBLE
    else:
        assert "DOUBLE" in result.reason
    _, parameters = make(Parameter("no_return", value=[0, 65535]))
    assert parameters.config().no_return == (0.0, 65535.0)


def test_weights_for_any_scale_are_accepted_at_any_scale(make, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "weights_directory", lambda: tmp_path)
    both = [Parameter("method", value="jiif"), Parameter("scale", value=5)]
    node, _ = make(able=Capabilities.find())
    assert "'jiif' has no weights for x5" in node.set_parameters_atomically(both).reason
    save_small(tmp_path / "jiif.safetensors", "jiif", None)
    node, parameters = make(able=Capabilities.find())
    assert node.set_parameters_atomically(both).successful
    assert node.set_parameters([Parameter("scale", value=32)])[0].successful
    assert (parameters.config().method, parameters.config().scale) == ("jiif", 32)


def test_iterations_are_refused_where_the_method_has_none_with_those_that_have(make):
    node, parameters = make()
    (refused,) = node.set_parameters([Parameter("iterations", value=50)])
    assert not refused.successful
    assert all(word in refused.reason for word in ("'bicubic'", "50", "dada, dada_free", "0"))
    both = [Parameter("method", value="dada_free"), Parameter("iterations", value=50)]
    assert node.set_parameters_atomically(both).successful
    assert node.set_parameters([Parameter("iterations", value=10_000)])[0].successful
    (back,) = node.set_parameters([Parameter("method", value="bicubic")])
    assert not back.successful and "iterations" in back.reason
    both = [Parameter("method", value="bicubic"), Parameter("iterations", value=0)]
    assert node.set_parameters_atomically(both).successful
    assert (parameters.config().method, parameters.config().iterations) == ("bicubic", 0)


def test_values_that_only_fit_together_are_accepted_together(make):
    node, parameters = make(Parameter("max_depth", value=2.0))
    assert not node.set_parameters([Parameter("min_depth", value=3.0)])[0].successful
    both = [Parameter("min_depth", value=3.0), Parameter("max_depth", value=4.0)]
    assert node.set_parameters_atomically(both).successful
    assert (parameters.config().min_depth, parameters.config().max_depth) == (3.0, 4.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("method", "nonesuch"), ("scale", 99), ("max_depth", "far"), ("no_return", "none"), ("backend", "abacus"), ("scale", "8")],
)
def test_a_wrong_value_at_the_start_is_one_clear_line(make, name, value):
    with pytest.raises(ParameterError) as caught:
        make(Parameter(name, value=value))
    assert "\n" not in str(caught.value)
    assert str(value) in str(caught.value) or name in str(caught.value)


def test_values_left_out_have_their_defaults():
    assert check({"method": "bicubic"}) == Config(method="bicubic")
