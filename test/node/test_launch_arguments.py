"""Launch arguments become parameters of the right type, or are named."""

import pytest

from depth_sr_ros.node.launch_arguments import given, typed


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
