"""The table of parameters: what is declared, accepted and refused, in a node of this process."""

import dataclasses
import math
from pathlib import Path

import pytest
import rclpy
import yaml
from rclpy.parameter import Parameter
from small_weights import save_small

from depth_sr_ros.methods import registry
from depth_sr_ros.methods.registry import known_methods
from depth_sr_ros.node.config import ROWS, Config, ParameterError, Parameters, check

BICUBIC = [Parameter("method", value="bicubic")]


@pytest.fixture
def make(ros):
    nodes = []

    def parameters(*overrides):
        nodes.append(rclpy.create_node("test_parameters", parameter_overrides=[*BICUBIC, *overrides]))
        return nodes[-1], Parameters(nodes[-1])

    yield parameters
    for node in nodes:
        node.destroy_node()


def test_the_parameters_file_holds_exactly_the_defaults():
    file = Path(__file__).parents[2] / "config" / "depth_sr.yaml"
    assert yaml.safe_load(file.read_text())["/**"]["ros__parameters"] == dataclasses.asdict(Config())


def test_every_parameter_says_what_it_is_and_what_is_valid(make):
    node, _ = make()
    for field in ROWS:
        described = node.describe_parameter(field.name)
        assert described.description
        if field.metadata["choices"]:
            assert all(choice in described.additional_constraints for choice in field.metadata["choices"]())
        assert described.read_only == (field.name in ("threads", "rgb_transport", "depth_transport"))


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
        ("max_depth", 0.0, ["min_depth"]),
        ("sync_tolerance_ms", -1.0, ["0", "1000"]),
        ("rgb_offset_ms", 5000.0, ["-1000", "1000"]),
        ("max_latency_ms", -5.0, ["0"]),
        ("fill_holes", "yes", []),
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


def test_a_method_without_weights_for_a_scale_is_refused_with_what_there_is(make):
    node, parameters = make()
    result = node.set_parameters_atomically([Parameter("method", value="fdkn"), Parameter("scale", value=31)])
    assert not result.successful
    assert "bicubic" in result.reason and "x31" in result.reason
    result = node.set_parameters_atomically([Parameter("method", value="fdkn"), Parameter("weights", value="/no")])
    assert not result.successful and "/no" in result.reason
    assert parameters.config().method == "bicubic"


def test_weights_for_any_scale_are_accepted_at_any_scale(make, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "weights_directory", lambda: tmp_path)
    node, parameters = make()
    both = [Parameter("method", value="jiif"), Parameter("scale", value=5)]
    assert "'jiif' has no weights for x5" in node.set_parameters_atomically(both).reason
    save_small(tmp_path / "jiif.safetensors", "jiif", None)
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
    ("name", "value"), [("method", "nonesuch"), ("scale", 99), ("max_depth", 5), ("backend", "abacus"), ("scale", "8")]
)
def test_a_wrong_value_at_the_start_is_one_clear_line(make, name, value):
    with pytest.raises(ParameterError) as caught:
        make(Parameter(name, value=value))
    assert "\n" not in str(caught.value)
    assert str(value) in str(caught.value) or name in str(caught.value)


def test_values_left_out_have_their_defaults():
    assert check({"method": "bicubic"}) == Config(method="bicubic")
