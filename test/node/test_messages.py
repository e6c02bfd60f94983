"""Images to numpy and back."""

import copy

import cv2
import numpy as np
import pytest
from make_messages import image
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from depth_sr_ros.core.result import FrameError
from depth_sr_ros.node.messages import (
    DEPTH_LAYOUTS,
    RGB_LAYOUTS,
    check_image,
    decode_depth,
    decode_rgb,
    fill_image,
    stamp_ns,
)

RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
MM = np.arange(48, dtype=np.uint16).reshape(6, 8) * 300
GREY = RGB[..., :1].repeat(3, axis=2)


@pytest.mark.parametrize(
    ("encoding", "pixels", "expected"),
    [
        ("rgb8", RGB, RGB),
        ("bgr8", RGB[..., ::-1], RGB),
        ("8UC3", RGB[..., ::-1], RGB),
        ("rgba8", np.dstack([RGB, RGB[..., :1]]), RGB),
        ("bgra8", np.dstack([RGB[..., ::-1], RGB[..., :1]]), RGB),
        ("mono8", RGB[..., 0], GREY),
        ("mono16", RGB[..., 0].astype(np.uint16) << 8, GREY),
    ],
)
@pytest.mark.parametrize("padding", [0, 5])
def test_colour_encodings_become_rgb(encoding, pixels, expected, padding):
    np.testing.assert_array_equal(decode_rgb(image(pixels, encoding, padding=padding)), expected)


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
@pytest.mark.parametrize("bits", [8, 16])
def test_bayer_patterns_keep_their_colours(pattern, bits):
    colour = {"r": 200, "g": 120, "b": 40}
    mosaic = np.tile(np.array([colour[c] for c in pattern], np.uint8).reshape(2, 2), (8, 8))
    if bits == 16:
        mosaic = mosaic.astype(np.uint16) << 8
    np.testing.assert_array_equal(decode_rgb(image(mosaic, f"bayer_{pattern}{bits}"))[8, 8], [200, 120, 40])


YUV = [("yuv422", "uyvy"), ("uyvy", "uyvy"), ("yuv422_yuy2", "yuyv"), ("yuyv", "yuyv")]


@pytest.mark.parametrize(("encoding", "order"), YUV)
def test_yuv422_keeps_its_colour(encoding, order):
    y, u, v = cv2.cvtColor(np.full((1, 1, 3), (200, 120, 40), np.uint8), cv2.COLOR_RGB2YUV)[0, 0]
    values = {"y": y, "u": u, "v": v}
    two_pixels = np.array([values[c] for c in order], np.uint8).reshape(2, 2)
    rgb = decode_rgb(image(np.tile(two_pixels, (6, 4, 1)), encoding))
    # OpenCV's COLOR_RGB2YUV is analogue YUV, cameras send BT.601: near, not equal
    np.testing.assert_allclose(rgb[3, 3].astype(int), (200, 120, 40), atol=40)
    assert rgb[3, 3, 0] > rgb[3, 3, 1] > rgb[3, 3, 2]


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("padding", [0, 2, 3])
def test_depth_encodings_honour_step_and_byte_order(big_endian, padding):
    options = {"big_endian": big_endian, "padding": padding}
    for encoding in ("16UC1", "mono16"):
        decoded = decode_depth(image(MM, encoding, **options))
        np.testing.assert_array_equal(decoded, MM)
        assert decoded.dtype == np.uint16 and decoded.dtype.isnative
    metres = np.where(MM == 0, np.nan, MM / 1000).astype(np.float32)
    decoded = decode_depth(image(metres, "32FC1", **options))
    np.testing.assert_array_equal(decoded, metres)
    assert decoded.dtype == np.float32 and decoded.dtype.isnative


def test_images_that_need_no_conversion_are_views():
    rgb, depth = image(RGB, "rgb8"), image(MM, "16UC1")
    assert np.shares_memory(decode_rgb(rgb), np.frombuffer(rgb.data, np.uint8))
    assert np.shares_memory(decode_depth(depth), np.frombuffer(depth.data, np.uint8))


def _hostile(**changes):
    message = image(MM, "16UC1")
    for name, value in changes.items():
        setattr(message, name, value)
    return message


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("unknown_encoding", _hostile(encoding="rgb8")),
        ("unknown_encoding", _hostile(encoding="")),
        ("unknown_encoding", _hostile(encoding="64FC1")),
        ("bad_size", _hostile(width=0)),
        ("bad_size", _hostile(height=0)),
        ("bad_size", _hostile(width=2**32 - 1)),
        ("bad_size", _hostile(height=2**32 - 1, width=2**32 - 1, step=2**32 - 1)),
        ("bad_size", _hostile(height=16000, width=16000, step=32000)),
        ("bad_step", _hostile(step=15)),
        ("bad_step", _hostile(step=0)),
        ("short_data", _hostile(step=20)),
        ("bad_step", _hostile(width=4, step=8)),
        ("short_data", _hostile(data=b"")),
        ("short_data", _hostile(data=b"\x00" * 95)),
    ],
)
def test_what_a_message_wrongly_claims_is_refused_by_name(reason, message):
    with pytest.raises(FrameError) as caught:
        check_image(message, DEPTH_LAYOUTS)
    assert caught.value.reason == reason


def test_a_yuv_image_of_odd_width_is_refused():
    with pytest.raises(FrameError, match="even"):
        check_image(image(np.zeros((2, 3, 2), np.uint8), "yuv422"), RGB_LAYOUTS)


def test_decoding_leaves_the_message_as_it_was():
    message = image(MM, "16UC1", big_endian=True)
    before = copy.deepcopy(message)
    decode_depth(message)
    assert message == before


def test_metres_come_out_as_32fc1_with_nan():
    depth = np.array([[0.5, np.nan], [65.535, 100.0]], np.float32)
    message = Image()
    fill_image(message, Header(frame_id="f"), depth, "32FC1")
    assert (message.encoding, message.height, message.width, message.step) == ("32FC1", 2, 2, 8)
    np.testing.assert_array_equal(decode_depth(message), depth)


def test_millimetres_come_out_as_16uc1_with_0_for_what_does_not_fit():
    depth = np.array([[0.5, np.nan], [65.535, 100.0]], np.float32)
    message = Image()
    fill_image(message, Header(frame_id="f"), depth, "16UC1")
    assert (message.encoding, message.step, message.header.frame_id) == ("16UC1", 4, "f")
    np.testing.assert_array_equal(decode_depth(message), [[500, 0], [65535, 0]])


def test_stamps_are_exact_nanoseconds():
    assert stamp_ns(image(MM, "16UC1", stamp_ns=1_700_000_000_123_456_789)) == 1_700_000_000_123_456_789
