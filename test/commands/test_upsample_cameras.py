"""`depth-sr upsample` with images of two cameras that do not share a view."""

import cv2
import numpy as np
import pytest
import yaml
from rigs import CAMERAS, POLE, SHELF, cast, low, rig_of, shrunk, visible

from depth_sr_ros.commands.main import main

NAME = "kinect_v1"
PRESET = next(path for path in CAMERAS if path.stem == NAME)


@pytest.fixture
def pair(tmp_path):
    """A folder with rgb.png, 640 x 480, and depth.npy, 80 x 60, of a simulated rig, and its cameras in files."""
    calibration = low(rig_of(NAME), 8)
    cv2.imwrite(str(tmp_path / "rgb.png"), np.full((480, 640, 3), 128, np.uint8))
    np.save(tmp_path / "depth.npy", cast(calibration.depth, calibration.depth_to_colour).depth.astype(np.float32))
    content = yaml.safe_load(PRESET.read_text())["calibration"]
    for camera in ("colour", "depth"):
        (tmp_path / f"{camera}.yaml").write_text(yaml.safe_dump(content[camera]))
    return tmp_path


def upsample(folder, *more):
    files = ["--rgb", str(folder / "rgb.png"), "--depth", str(folder / "depth.npy"), "-o", str(folder / "out.npy")]
    return main(["upsample", *files, "--method", "bicubic", *more])


def is_in_colours_view(folder):
    """Whether the result is what the colour camera would measure, away from borders and where the depth camera sees it."""
    calibration = rig_of(NAME)
    exact = cast(calibration.colour, np.eye(4))
    seen = visible(calibration.colour, exact, calibration.depth, calibration.depth_to_colour)
    inner = np.any([shrunk(seen & (exact.face == face), 20) for face in range(5) if face not in (POLE, SHELF)], axis=0)
    assert inner.mean() > 0.3
    result = np.load(folder / "out.npy")
    return result.shape == (480, 640) and np.abs(result - exact.depth)[inner].max() < 0.02


def test_the_cameras_are_told_by_name_by_a_file_or_one_by_one(pair, capsys):
    extrinsics = ("--extrinsics", "-0.025", "0", "0", "0", "0", "0")
    infos = ("--colour-info", str(pair / "colour.yaml"), "--depth-info", str(pair / "depth.yaml"))
    for cameras in (("--camera", NAME), ("--camera", str(PRESET)), (*infos, *extrinsics)):
        assert upsample(pair, *cameras) == 0
        assert "depth is projected: the depth camera is at (-25, 0, 0) mm" in capsys.readouterr().err
        assert is_in_colours_view(pair)
    assert upsample(pair) == 0
    assert not is_in_colours_view(pair), "without the cameras it cannot be known"


def test_depth_at_the_colour_images_size_is_reduced(pair):
    np.save(pair / "depth.npy", np.full((480, 640), 2.0, np.float32))
    info = str(pair / "colour.yaml")
    assert upsample(pair, "--colour-info", info, "--depth-info", info, "--reduction", "mean") == 0
    np.testing.assert_allclose(np.load(pair / "out.npy"), np.full((480, 640), 2.0), rtol=1e-5)


@pytest.mark.parametrize(
    "arguments, says",
    [
        (("--camera", "polaroid"), "known cameras are azure_kinect"),
        (("--camera", "/no/such.yaml"), "/no/such.yaml"),
        (("--camera", NAME, "--extrinsics", *"000000"), "give it or them"),
        (("--extrinsics", *"000000"), "both needed"),
        (("--camera", "realsense_d435"), "another part of the sensor"),
        (("--camera", NAME, "--reduction", "mode"), "median, mean"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(pair, capsys, arguments, says):
    assert upsample(pair, *arguments) == 2
    said = capsys.readouterr().err
    assert says in said and len(said.splitlines()) == 1
