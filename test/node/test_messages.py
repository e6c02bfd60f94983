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
        ("8UC4", np.dstack([RGB[..., ::-1], RGB[..., :1]]), RGB),
    ],
)
@pytest.mark.parametrize("padding", [0, 5])
def test_colour_encodings_become_rgb(encoding, pixels, expected, padding):
    np.testing.assert_array_equal(decode_rgb(image(pixels, encoding, padding=padding)), expected)


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_bayer_patterns_keep_their_colours(pattern):
    colour = {"r": 200, "g": 120, "b": 40}
    mosaic = np.tile(np.array([colour[c] for c in pattern], np.uint8).reshape(2, 2), (8, 8))
    np.testing.assert_array_equal(decode_rgb(image(mosaic, f"bayer_{pattern}8"))[8, 8], [200, 120, 40])


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_16_bit_bayer_patterns_keep_their_colours(pattern):
    colour = {"r": 1000, "g": 600, "b": 200}
    mosaic = np.tile(np.array([colour[c] for c in pattern], np.uint16).reshape(2, 2), (8, 8))
    mosaic[:4] = 0  # black, so that the range begins there
    decoded = decode_rgb(image(mosaic, f"bayer_{pattern}16"))[8, 8]
    np.testing.assert_allclose(decoded, [255, 153, 51], atol=2)


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


@pytest.mark.parametrize(("encoding", "first"), [("nv12", "u"), ("nv21", "v")])
@pytest.mark.parametrize("padding", [0, 6])
def test_planar_yuv_keeps_its_colour_under_its_own_number_of_rows(encoding, first, padding):
    y, u, v = cv2.cvtColor(np.full((1, 1, 3), (200, 120, 40), np.uint8), cv2.COLOR_RGB2YUV)[0, 0]
    chroma = np.tile([u, v] if first == "u" else [v, u], (4, 6)).astype(np.uint8)
    message = image(np.vstack([np.full((8, 12), y, np.uint8), chroma]), encoding, padding=padding)
    message.height = 8
    rgb = decode_rgb(message)
    assert rgb.shape == (8, 12, 3)
    np.testing.assert_allclose(rgb[3, 3].astype(int), (200, 120, 40), atol=40)
    assert rgb[3, 3, 0] > rgb[3, 3, 1] > rgb[3, 3, 2]


@pytest.mark.parametrize("encoding", ["rgb16", "bgr16", "rgba16", "bgra16", "16UC3", "16UC4"])
@pytest.mark.parametrize("big_endian", [False, True])
def test_16_bit_colour_is_stretched_by_one_range_of_all_channels(encoding, big_endian):
    ten_bits = np.zeros((6, 8, 3), np.uint16)
    ten_bits[:, 2:] = 1020, 510, 255
    pixels = ten_bits if encoding.startswith("rgb") else ten_bits[..., ::-1]
    if encoding.endswith(("a16", "4")):
        pixels = np.dstack([pixels, pixels[..., :1]])
    decoded = decode_rgb(image(pixels, encoding, big_endian=big_endian))
    np.testing.assert_allclose(decoded[3, 4].astype(int), (255, 128, 64), atol=1)
    np.testing.assert_array_equal(decoded[:, :2], 0)


def test_the_last_row_may_lack_its_padding():
    message = image(MM, "16UC1", padding=4)
    message.data = message.data[:-4]
    np.testing.assert_array_equal(decode_depth(message), MM)


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("padding", [0, 2, 3])
def test_depth_encodings_honour_step_and_byte_order(big_endian, padding):
    options = {"big_endian": big_endian, "padding": padding}
    for encoding in ("16UC1", "mono16"):
        decoded = decode_depth(image(MM, encoding, **options))
        np.testing.assert_array_equal(decoded, MM)
        assert decoded.dtype == np.uint16 and decoded.dtype.isnative
    metres = np.where(MM == 0, np.nan, MM / 1000).astype(np.float32)
    for encoding, dtype in (("32FC1", np.float32), ("64FC1", np.float64)):
        decoded = decode_depth(image(metres.astype(dtype), encoding, **options))
        np.testing.assert_array_equal(decoded, metres)
        assert decoded.dtype == dtype and decoded.dtype.isnative and decoded.flags.aligned


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
        ("unknown_encoding", _hostile(encoding="16SC1")),
        ("bad_size", _hostile(width=0)),
        ("bad_size", _hostile(height=0)),
        ("bad_size", _hostile(width=2**32 - 1)),
        ("bad_size", _hostile(height=2**32 - 1, width=2**32 - 1, step=2**32 - 1)),
        ("bad_size", _hostile(height=16000, width=16000, step=32000)),
        ("bad_step", _hostile(step=15)),
        ("bad_step", _hostile(step=0)),
        ("short_data", _hostile(step=20)),
        ("short_data", _hostile(step=17)),
        ("bad_step", _hostile(width=4, step=8)),
        ("short_data", _hostile(data=b"")),
        ("short_data", _hostile(data=b"\x00" * 95)),
    ],
)
def test_what_a_message_wrongly_claims_is_refused_by_name(reason, message):
    with pytest.raises(FrameError) as caught:
        check_image(message, DEPTH_LAYOUTS)
    assert caught.value.reason == reason


@pytest.mark.parametrize(("encoding", "shape"), [("yuv422", (2, 3, 2)), ("nv12", (4, 3)), ("nv21", (3, 4))])
def test_a_yuv_image_of_odd_size_is_refused(encoding, shape):
    with pytest.raises(FrameError, match="even"):
        check_image(image(np.zeros(shape, np.uint8), encoding), RGB_LAYOUTS)


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
    depth = np.array([[0.5, np.nan], [65.534, 65.535]], np.float32)
    message = Image()
    fill_image(message, Header(frame_id="f"), depth, "16UC1")
    assert (message.encoding, message.step, message.header.frame_id) == ("16UC1", 4, "f")
    np.testing.assert_array_equal(decode_depth(message), [[500, 0], [65534, 0]])


def test_stamps_are_exact_nanoseconds():
    assert stamp_ns(image(MM, "16UC1", stamp_ns=1_700_000_000_123_456_789)) == 1_700_000_000_123_456_789
