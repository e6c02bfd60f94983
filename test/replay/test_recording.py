"""Recordings are found out about, read in order, and refused in one line."""

import shutil

import numpy as np
import pytest
from recordings import HEIGHT, WIDTH, scene, write_recording
from rosbags.rosbag2 import StoragePlugin

from depth_sr_ros.node.messages import decode_depth, decode_rgb
from depth_sr_ros.replay.recording import RecordingError, open_recording


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    return write_recording(tmp_path_factory.mktemp("bags") / "bag")


def refusal(path, topics=None):
    """Why a recording cannot be read to its end."""
    with pytest.raises(RecordingError) as caught, open_recording(path, topics) as recording:
        list(recording.messages())
    return str(caught.value)


@pytest.mark.parametrize(
    "options", [{}, {"storage_plugin": StoragePlugin.SQLITE3}, {"compress": True}], ids=["mcap", "sqlite3", "zstd"]
)
def test_messages_come_as_they_were_recorded(tmp_path, options):
    with open_recording(write_recording(tmp_path / "bag", frames=3, **options)) as recording:
        assert recording.topics.rgb_image == "/camera/color/image_raw"
        assert recording.topics.depth_info == "/camera/depth/camera_info"
        assert recording.length == 3 and recording.duration_s == pytest.approx(2 / 30, abs=1e-3)
        messages = list(recording.messages())
    assert [stamp for _, stamp, _ in messages] == sorted(stamp for _, stamp, _ in messages)
    rgb = [decode_rgb(message) for topic, _, message in messages if topic == recording.topics.rgb_image]
    depth = [decode_depth(message) for topic, _, message in messages if topic == recording.topics.depth_image]
    for number in range(3):
        for found, expected in zip((rgb[number], depth[number]), scene(number), strict=True):
            np.testing.assert_array_equal(found, expected)
    assert depth[0].shape == (HEIGHT, WIDTH)


def test_depth_in_the_colour_view_comes_before_other_depth(tmp_path):
    names = {"depth": "/camera/aligned_depth_to_color/image_raw", "depth_info": "/camera/aligned_depth_to_color/camera_info"}
    path = write_recording(tmp_path / "bag", names=names)
    with open_recording(path) as recording:
        assert recording.topics.depth_info == "/camera/aligned_depth_to_color/camera_info"


def test_an_infrared_guide_is_no_depth(tmp_path):
    def infrared(key, message):
        if key == "rgb":
            message.encoding, message.step, message.data = "mono16", 2 * WIDTH, bytes(2 * WIDTH * HEIGHT)

    names = {"rgb": "/camera/infra/image_rect_raw", "rgb_info": "/camera/infra/camera_info"}
    with open_recording(write_recording(tmp_path / "bag", names=names, change=infrared)) as recording:
        assert recording.topics.rgb_image == "/camera/infra/image_rect_raw"


def test_topics_can_be_named(bag):
    with open_recording(bag, {"rgb_image": "/camera/color/image_raw"}) as recording:
        assert recording.topics.depth_image == "/camera/depth/image_raw"
    assert "has no /elsewhere for depth_image; it has: /camera/color/camera_info (Camera" in refusal(
        bag, {"depth_image": "/elsewhere"}
    )
    assert "no topic image to be named; there are: rgb_image, depth_image, rgb_info" in refusal(bag, {"image": "/a"})


def test_several_that_are_alike_must_be_named(tmp_path):
    names = {"rgb_info": "/left/camera_info", "rgb": "/left/image", "depth_info": None}
    names["depth"] = "/right/image"  # which the messages make a colour camera too

    def colour(key, message):
        if key == "depth":
            message.encoding, message.step, message.data = "rgb8", 3 * WIDTH, bytes(3 * WIDTH * HEIGHT)

    path = write_recording(tmp_path / "bag", names=names, change=colour)
    with (
        pytest.raises(RecordingError, match="several topics with rgb images: /left/image, /right/image; name one as rgb_image"),
        open_recording(path),
    ):
        pass


def test_without_camera_info_there_is_none(tmp_path):
    with open_recording(write_recording(tmp_path / "bag", infos=False)) as recording:
        assert recording.topics.rgb_info is None and recording.topics.depth_info is None


@pytest.mark.parametrize(
    "names, what", [({"depth": None}, "no depth images"), ({"rgb": None, "rgb_info": None}, "no colour images")]
)
def test_what_is_missing_is_said(tmp_path, names, what):
    path = write_recording(tmp_path / "bag", names=names)
    assert f"{what}; it has: /camera" in refusal(path)


def _empty(path):
    return write_recording(path, frames=0)


def _no_folder(path):
    return path / "nothing"


def _without_metadata(path):
    write_recording(path)
    (path / "metadata.yaml").unlink()
    return path


def _damaged_metadata(path):
    write_recording(path)
    (path / "metadata.yaml").write_text("rosbag2_bagfile_information: [")
    return path


def _a_file(path):
    path.write_text("no recording")
    return path


def _ros1_of_garbage(path):
    path = path.with_suffix(".bag")
    path.write_bytes(b"#ROSBAG V2.0\n" + bytes(range(256)))
    return path


def _cut(path):
    (file,) = write_recording(path).glob("*.mcap")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return path


def _cut_database(path):
    (file,) = write_recording(path, storage_plugin=StoragePlugin.SQLITE3).glob("*.db3")
    file.write_bytes(file.read_bytes()[:5000])
    return path


def _without_its_file(path):
    for file in write_recording(path).glob("*.mcap"):
        file.unlink()
    return path


@pytest.mark.parametrize(
    "make",
    [
        _empty,
        _no_folder,
        _without_metadata,
        _damaged_metadata,
        _a_file,
        _ros1_of_garbage,
        _cut,
        _cut_database,
        _without_its_file,
    ],
)
def test_what_cannot_be_read_costs_one_line(tmp_path, make):
    path = make(tmp_path / "bag")
    with pytest.raises(RecordingError) as caught, open_recording(path) as recording:
        list(recording.messages())
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_the_hash_is_of_the_content(bag, tmp_path):
    with open_recording(bag) as recording:
        before = recording.sha256()
    copy = shutil.copytree(bag, tmp_path / "copy")
    with open_recording(copy) as recording:
        assert recording.sha256() == before
    (file,) = copy.glob("*.mcap")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with open_recording(copy) as recording:
        assert recording.sha256() != before
