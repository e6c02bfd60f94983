"""cv_bridge: pixels survive the way through messages, and images that lie about themselves are refused."""

import array

import cv2
import numpy as np
import pytest
from cv_bridge import CvBridge, CvBridgeError
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

bridge = CvBridge()
random = np.random.default_rng(0)


def pixels(shape, dtype):
    if np.issubdtype(dtype, np.floating):
        return random.random(shape).astype(dtype)
    return random.integers(0, np.iinfo(dtype).max, shape).astype(dtype)


@pytest.mark.parametrize(
    "encoding, shape, dtype",
    [
        ("mono8", (4, 5), np.uint8),
        ("rgb8", (4, 5, 3), np.uint8),
        ("bgra8", (4, 5, 4), np.uint8),
        ("mono16", (4, 5), np.uint16),
        ("16UC1", (4, 5), np.uint16),
        ("32FC1", (4, 5), np.float32),
        ("8UC2", (4, 5, 2), np.uint8),
        ("64FC3", (4, 5, 3), np.float64),
        ("16SC1", (4, 5), np.int16),
        ("bayer_rggb8", (4, 6), np.uint8),
    ],
)
def test_round_trip(encoding, shape, dtype):
    original = pixels(shape, dtype)
    message = bridge.cv2_to_imgmsg(original, encoding, header=Header(frame_id="camera"))
    assert (message.height, message.width, message.encoding) == (*shape[:2], encoding)
    assert message.step == original.strides[0]
    assert message.header.frame_id == "camera"
    back = bridge.imgmsg_to_cv2(message)
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, original)


def test_passthrough_names_the_plain_type():
    assert bridge.cv2_to_imgmsg(np.zeros((2, 3, 3), np.uint8)).encoding == "8UC3"
    assert bridge.cv2_to_imgmsg(np.zeros((2, 3), np.float32)).encoding == "32FC1"


def test_padding_between_rows_is_skipped():
    padded = pixels((4, 32), np.uint8)
    message = Image(height=4, width=5, encoding="rgb8", step=32, data=padded.tobytes())
    np.testing.assert_array_equal(bridge.imgmsg_to_cv2(message), padded[:, :15].reshape(4, 5, 3))


def test_big_endian_is_turned():
    depth = pixels((4, 5), np.uint16)
    message = Image(height=4, width=5, encoding="16UC1", step=10, is_bigendian=1, data=depth.astype(">u2").tobytes())
    back = bridge.imgmsg_to_cv2(message)
    assert back.dtype.isnative
    np.testing.assert_array_equal(back, depth)


def test_a_view_where_nothing_is_converted():
    message = Image(height=2, width=2, encoding="mono8", step=2, data=array.array("B", [1, 2, 3, 4]))
    assert np.shares_memory(bridge.imgmsg_to_cv2(message), np.frombuffer(message.data, np.uint8))


def test_a_slice_of_an_array_is_stored_tight():
    whole = pixels((8, 8, 3), np.uint8)
    back = bridge.imgmsg_to_cv2(bridge.cv2_to_imgmsg(whole[2:6, 1:5, ::-1], "rgb8"))
    np.testing.assert_array_equal(back, whole[2:6, 1:5, ::-1])


def test_colours():
    rgb = pixels((4, 5, 3), np.uint8)
    message = bridge.cv2_to_imgmsg(rgb, "rgb8")
    np.testing.assert_array_equal(bridge.imgmsg_to_cv2(message, "bgr8"), rgb[..., ::-1])
    np.testing.assert_array_equal(bridge.imgmsg_to_cv2(message, "mono8"), cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))
    assert bridge.imgmsg_to_cv2(message, "rgba8").shape == (4, 5, 4)
    np.testing.assert_array_equal(bridge.imgmsg_to_cv2(bridge.cv2_to_imgmsg(rgb), "rgb8"), rgb)  # 8UC3 taken as it is


def test_colour_depth_keeps_the_full_range():
    wide = np.array([[0, 257, 65535]], np.uint16)
    np.testing.assert_array_equal(bridge.imgmsg_to_cv2(bridge.cv2_to_imgmsg(wide, "mono16"), "mono8"), [[0, 1, 255]])
    narrow = np.array([[0, 1, 255]], np.uint8)
    np.testing.assert_array_equal(bridge.imgmsg_to_cv2(bridge.cv2_to_imgmsg(narrow, "mono8"), "mono16"), wide)


def test_bayer_pattern_has_its_colours_where_the_name_says():
    red = np.zeros((8, 8), np.uint8)
    red[::2, ::2] = 200  # rggb: red at even rows and columns
    rgb = bridge.imgmsg_to_cv2(bridge.cv2_to_imgmsg(red, "bayer_rggb8"), "rgb8")[3:5, 3:5].reshape(-1, 3)
    assert rgb[:, 0].min() > 100
    assert rgb[:, 1:].max() == 0


def test_yuv422_grey():
    uyvy = np.full((2, 4, 2), 128, np.uint8)
    uyvy[..., 1] = 77  # U Y V Y: luma is every second octet
    message = Image(height=2, width=4, encoding="yuv422", step=8, data=uyvy.tobytes())
    assert (bridge.imgmsg_to_cv2(message, "mono8") == 77).all()


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_compressed(suffix):
    bgr = np.full((16, 16, 3), (10, 100, 200), np.uint8)
    message = bridge.cv2_to_compressed_imgmsg(bgr, suffix)
    assert message.format == suffix
    assert np.abs(bridge.compressed_imgmsg_to_cv2(message).astype(int) - bgr).max() <= 3
    assert np.abs(bridge.compressed_imgmsg_to_cv2(message, "rgb8").astype(int) - bgr[..., ::-1]).max() <= 3


def test_compressed_depth_keeps_sixteen_bits():
    depth = pixels((8, 8), np.uint16)
    np.testing.assert_array_equal(bridge.compressed_imgmsg_to_cv2(bridge.cv2_to_compressed_imgmsg(depth, "png")), depth)


@pytest.mark.parametrize(
    "change, says",
    [
        ({"encoding": "rgb9"}, "rgb9"),
        ({"step": 14}, "step"),
        ({"data": bytes(59)}, "59"),
        ({"width": 0}, "0 x 4"),
        ({"height": 0, "data": b""}, "5 x 0"),
        ({"encoding": ""}, "encoding"),
        ({"width": 2**31, "step": 2**32 - 1}, "step"),
        ({"height": 2**32 - 1}, "data has 60"),
    ],
)
def test_images_that_lie_are_refused(change, says):
    message = Image(**{"height": 4, "width": 5, "encoding": "rgb8", "step": 15, "data": bytes(60)} | change)
    with pytest.raises(CvBridgeError, match=says):
        bridge.imgmsg_to_cv2(message)


@pytest.mark.parametrize("encoding, desired", [("16UC1", "rgb8"), ("32FC1", "mono8"), ("rgb8", "mono9"), ("rgb8", "32FC3")])
def test_conversions_without_sense_are_refused(encoding, desired):
    message = Image(height=2, width=2, encoding=encoding, step=24, data=bytes(48))
    with pytest.raises(CvBridgeError, match=desired):
        bridge.imgmsg_to_cv2(message, desired)


def test_arrays_that_are_no_images_are_refused():
    for wrong in (None, np.zeros(3), np.zeros((0, 4)), np.zeros((2, 2), complex), np.zeros((2, 2), np.uint8)):
        with pytest.raises(CvBridgeError):
            bridge.cv2_to_imgmsg(wrong, "rgb8")
    with pytest.raises(CvBridgeError, match="png"):
        bridge.compressed_imgmsg_to_cv2(CompressedImage(format="png", data=b"not a picture"))
