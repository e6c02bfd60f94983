"""Calibrations in YAML: the files of config/cameras, and what ROS tools write."""

import numpy as np
import pytest
from rigs import CAMERAS

from depth_sr_ros.core.calibration import camera_of, extrinsics_of, read_calibration, read_camera
from depth_sr_ros.core.camera import PinholeCamera
from depth_sr_ros.core.lens import Lens

CAMERA = PinholeCamera(640, 480, 528.0, 529.0, 318.5, 240.0, lens=Lens("plumb_bob", (0.1, -0.2, 0.001, 0.002, 0.05)))
ECHOED = """
header:
  frame_id: camera
height: 480
width: 640
distortion_model: plumb_bob
d:
- 0.1
- -0.2
- 0.001
- 0.002
- 0.05
k: [528.0, 0.0, 318.5, 0.0, 529.0, 240.0, 0.0, 0.0, 1.0]
---
"""
CALIBRATED = """
image_width: 640
image_height: 480
camera_name: camera
camera_matrix: {rows: 3, cols: 3, data: [528.0, 0.0, 318.5, 0.0, 529.0, 240.0, 0.0, 0.0, 1.0]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [0.1, -0.2, 0.001, 0.002, 0.05]}
"""


@pytest.mark.parametrize("text", [ECHOED, CALIBRATED])
def test_what_ros_tools_write_is_read(text, tmp_path):
    path = tmp_path / "info.yaml"
    path.write_text(text)
    assert read_camera(path) == CAMERA


@pytest.mark.parametrize("path", CAMERAS, ids=lambda path: path.stem)
def test_every_camera_that_comes_with_the_package_is_read(path):
    calibration = read_calibration(path)
    assert calibration.colour.width >= calibration.depth.width
    assert np.abs(calibration.depth_to_colour[:3, 3]).max() < 0.1


def test_extrinsics_are_metres_and_radians():
    np.testing.assert_allclose(extrinsics_of([1, 2, 3, 0, 0, np.pi / 2]) @ (1, 0, 0, 1), (1, 3, 3, 1), atol=1e-12)


@pytest.mark.parametrize(
    "content, says",
    [
        ({}, "no width or image_width"),
        ({"width": 1, "height": 1}, "no k or camera_matrix"),
        ({"width": 1, "height": 1, "k": [1, 2]}, "2 numbers"),
        ({"width": 1, "height": 1, "k": "x"}, "list of numbers"),
        ({"width": 1.5, "height": 1, "k": [1] * 9}, "whole numbers"),
        ({"width": 9, "height": 9, "k": [0.0] * 9}, "calibrated"),
        ({"width": 9, "height": 9, "k": [1] * 9, "d": [1], "distortion_model": "plumb_bob"}, "4 or 5"),
        (None, "no camera"),
    ],
)
def test_what_is_no_camera_is_refused_in_words(content, says):
    with pytest.raises(ValueError, match=says):
        camera_of(content)


@pytest.mark.parametrize("text", ["- 1", "a: [", "!!timestamp x", "calibration: {colour: 1}", ""])
def test_files_that_are_no_calibration_are_named(text, tmp_path):
    path = tmp_path / "other.yaml"
    path.write_text(text)
    for read in (read_camera, read_calibration):
        with pytest.raises(ValueError, match=r"other\.yaml"):
            read(path)


@pytest.mark.parametrize("numbers", [[1, 2, 3], [1, 2, 3, 4, 5, float("nan")], "abc", None])
def test_extrinsics_that_are_none_are_refused(numbers):
    with pytest.raises(ValueError, match="depth_to_colour is"):
        extrinsics_of(numbers)
