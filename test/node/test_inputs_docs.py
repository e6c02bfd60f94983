"""docs/inputs.md names what the code reads and counts."""

from pathlib import Path

from depth_sr_ros.files.depth_units import KNOWN_UNITS
from depth_sr_ros.files.encodings import DEPTH_LAYOUTS, RGB_LAYOUTS
from depth_sr_ros.files.limits import MAX_PIXELS, MAX_SIDE
from depth_sr_ros.node.camera_info import MAX_COEFFICIENTS, MAX_DECIMATION
from depth_sr_ros.node.monitor import PAIRING
from depth_sr_ros.node.pairing import FASTER, MAX_BYTES

DOCS = (Path(__file__).parents[2] / "docs" / "inputs.md").read_text(encoding="utf-8")


def test_every_encoding_and_every_reason_is_named():
    for name in (*RGB_LAYOUTS, *DEPTH_LAYOUTS, *PAIRING):
        assert f"`{name}`" in DOCS, name


def test_limits_and_units_are_those_of_the_code():
    said = f"{MAX_SIDE} pixels", str(MAX_PIXELS), f"{MAX_BYTES >> 20} MiB", f"{FASTER:g} times", f"to {MAX_DECIMATION} times"
    for words in (*said, f"more than {MAX_COEFFICIENTS} coefficients"):
        assert words in DOCS, words
    for unit in (0.0001, 1 / 5000, 1 / 4000, 1 / 8000):
        assert unit in KNOWN_UNITS and f"{unit:f}".rstrip("0") in DOCS
