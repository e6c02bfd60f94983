"""Launch arguments become parameters of the right type, or are named."""

import pytest
from rigs import CAMERAS

from depth_sr_ros.node.config import check
from depth_sr_ros.node.launch_arguments import camera_preset, given, typed


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("[0, 65535]", tuple, [0.0, 65535.0]),
        ("8", int, 8),
        ("5", float, 5.0),
        ("true", bool, True),
        ("false", bool, False),
        ("{x", str, "{x"),
        ("8", str, "8"),
    ],
)
def test_a_value_has_the_parameters_type(text, kind, value):
    found = typed("scale", text, kind)
    assert found == value and type(found) is (list if kind is tuple else kind)


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("eight", int, "a whole number"),
        ("8.5", int, "a whole number"),
        ("", float, "a number"),
        ("1", bool, "true or false"),
        ("7", tuple, "a list of numbers"),
        ("{x", bool, "true or false"),
    ],
)
def test_another_value_is_named(text, kind, expected):
    with pytest.raises(ValueError, match=f"^scale is '{text}'; it must be {expected}$"):
        typed("scale", text, kind)


def test_only_what_was_given_becomes_a_parameter():
    texts = {"threads": "2", "max_depth": "5", "method": "", "use_sim_time": "true", "autostart": ""}
    assert given(texts) == {"threads": 2, "max_depth": 5.0, "use_sim_time": True}


@pytest.mark.parametrize("path", CAMERAS, ids=lambda path: path.stem)
def test_every_camera_that_comes_with_the_package_is_a_preset_of_valid_parameters(path):
    preset = camera_preset(path.stem, path.parent)
    assert set(preset.topics) == {"rgb_image", "rgb_info", "depth_image", "depth_info"}
    assert check(preset.parameters).scale == preset.parameters["scale"]
    assert camera_preset(str(path), path.parent) == preset


def test_a_camera_that_is_not_known_is_named_with_those_that_are():
    with pytest.raises(ValueError, match=r"'polaroid'; known cameras are azure_kinect, .*realsense_d435"):
        camera_preset("polaroid", CAMERAS[0].parent)
    assert camera_preset("", CAMERAS[0].parent).topics == {}


@pytest.mark.parametrize(
    "text, says",
    [
        ("parameters: {sharpness: 3}", "sharpness"),
        ("topics: {rgb: /a}", "rgb"),
        ("- 1", "no camera's"),
        ("a: [", "no camera's"),
    ],
)
def test_what_is_no_preset_is_refused(text, says, tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=says):
        camera_preset(str(path), tmp_path)


def test_a_scale_of_auto_is_0():
    assert given({"scale": "auto", "method": "", "backend": "auto"}) == {"scale": 0, "backend": "auto"}
