"""YAML from outside."""

import pytest

from depth_sr_ros.files.yaml_text import load_yaml

WRONG = (
    "a: !!timestamp x", "!!bool x", "!!int ''", "!!float ''", "!!binary \u00e4", "!!omap x",
    "!!python/object/apply:os.getcwd []", "2024-99-99", "{", "a: b: c", "? [a]\n: 1", "*nothing", "\x00",
    "[" * 20_000 + "]" * 20_000, "a\n---\nb",
)  # fmt: skip


@pytest.mark.parametrize("text", WRONG, ids=lambda text: repr(text[:20]))
def test_whatever_is_wrong_is_a_value_error_in_one_line(text):
    with pytest.raises(ValueError, match="^.+$"):
        load_yaml(text)


def test_plain_values_and_the_first_of_several_documents():
    assert load_yaml("a: [1, 2.5, yes, text]") == {"a": [1, 2.5, True, "text"]}
    assert load_yaml("") is None
    assert load_yaml("a: 1\n---\nb: 2\n---\n", first=True) == {"a": 1}
