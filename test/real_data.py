"""Where images of real cameras lie, for the tests that measure on them: they are no part of this repository."""

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("DEPTH_SR_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
MIDDLEBURY = DATA / "middlebury_dev"
needs_data = pytest.mark.skipif(not MIDDLEBURY.is_dir(), reason=f"no {MIDDLEBURY}; DEPTH_SR_DATA names its folder")
