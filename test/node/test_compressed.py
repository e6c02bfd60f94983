"""Compressed images, and the depth formats of compressed_depth_image_transport."""

import struct

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Header

from depth_sr_ros.core.result import FrameError
from depth_sr_ros.node.compressed import (
    check_compressed,
    decode_compressed_depth,
    decode_compressed_rgb,
    fill_compressed_depth,
)

MM = np.random.default_rng(1).integers(300, 8000, (12, 17)).astype(np.uint16)
MM[3:6, 4:9] = 0
MM[0, 0] = MM[-1, -1] = 0
DEPTH_HEADER = struct.pack("<iff", 0, 0.0, 0.0)


def message(form, data):
    return CompressedImage(format=form, data=bytes(data))


def encoded(extension, pixels, *options):
    return cv2.imencode(extension, pixels, options)[1].tobytes()


def rvl(pixels):
    """Wilson's encoder, straight from the paper: nibbles into words, top first."""
    nibbles, previous, at, flat = [], 0, 0, [int(v) for v in pixels.reshape(-1)]

    def number(value):
        while True:
            value, low = value >> 3, value & 7
            nibbles.append(low | 8 if value else low)
            if not value:
                return

    while at < len(flat):
        start = at
        while at < len(flat) and flat[at] == 0:
            at += 1
        number(at - start)
        start = at
        while at < len(flat) and flat[at] != 0:
            at += 1
        number(at - start)
        for value in flat[start:at]:
            delta, previous = value - previous, value
            number((delta << 1) ^ (delta >> 31))
    nibbles += [0] * (-len(nibbles) % 8)
    words = [sum(n << (28 - 4 * i) for i, n in enumerate(nibbles[k : k + 8])) for k in range(0, len(nibbles), 8)]
    return struct.pack("<ii", pixels.shape[1], pixels.shape[0]) + struct.pack(f"<{len(words)}I", *words)


def test_png_colour_is_exact_and_rgb():
    rgb = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    decoded = decode_compressed_rgb(message("rgb8; png compressed bgr8", encoded(".png", rgb[..., ::-1])))
    np.testing.assert_array_equal(decoded, rgb)


def test_jpeg_colour_is_near_and_rgb():
    bgr = np.full((16, 24, 3), (40, 120, 200), np.uint8)
    decoded = decode_compressed_rgb(message("rgb8; jpeg compressed bgr8", encoded(".jpg", bgr)))
    assert decoded.shape == (16, 24, 3)
    np.testing.assert_allclose(decoded.astype(int), np.broadcast_to((200, 120, 40), decoded.shape), atol=4)


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("16UC1; compressedDepth png", encoded(".png", MM)),
        ("16UC1; compressedDepth", encoded(".png", MM)),  # before Humble the codec was not named
        ("16UC1; compressedDepth rvl", rvl(MM)),
    ],
)
def test_compressed_depth_in_millimetres_is_exact(form, body):
    np.testing.assert_array_equal(decode_compressed_depth(message(form, DEPTH_HEADER + body)), MM)


METRES = np.where(MM == 0, np.nan, MM / 1000)


@pytest.mark.parametrize(
    ("form", "extension", "pixels"),
    [
        ("16UC1; png compressed ", ".png", MM),
        ("mono16; png compressed mono16", ".png", MM),
        ("16UC1; tiff compressed ", ".tiff", MM),
        ("32FC1; tiff compressed ", ".tiff", METRES.astype(np.float32)),
        ("64FC1; tiff compressed ", ".tiff", METRES),
        ("png", ".png", MM),
        ("tiff", ".tiff", METRES.astype(np.float32)),
    ],
)
def test_depth_in_an_image_file_is_exact(form, extension, pixels):
    decoded = decode_compressed_depth(message(form, encoded(extension, pixels)))
    assert decoded.dtype == pixels.dtype
    np.testing.assert_array_equal(decoded, pixels)


@pytest.mark.parametrize("codec", ["png", "rvl"])
@pytest.mark.parametrize("encoding", ["16UC1", "32FC1"])
def test_depth_goes_out_as_the_transport_reads_it(encoding, codec):
    out, header = CompressedImage(), Header(frame_id="f")
    fill_compressed_depth(out, header, METRES.astype(np.float32), encoding, codec)
    assert out.format == f"{encoding}; compressedDepth {codec}" and out.header == header
    decoded = decode_compressed_depth(out)
    if encoding == "16UC1":
        np.testing.assert_array_equal(decoded, MM)
    else:
        np.testing.assert_array_equal(np.isnan(decoded), np.isnan(METRES))
        _, a, _ = struct.unpack_from("<iff", bytes(out.data))
        assert np.nanmax(np.abs(decoded - METRES) / METRES**2) < 0.51 / a + 1e-6  # half a level


@pytest.mark.parametrize("depth", [np.full((4, 5), np.nan), np.full((4, 5), 2.5)])
def test_depth_of_no_range_goes_out_too(depth):
    out = CompressedImage()
    fill_compressed_depth(out, Header(), depth.astype(np.float32), "32FC1")
    np.testing.assert_allclose(decode_compressed_depth(out), depth, rtol=1e-4)


def test_the_infrared_image_of_a_png_is_stretched():
    infrared = (np.arange(12 * 17).reshape(12, 17) * 5).astype(np.uint16)
    decoded = decode_compressed_rgb(message("mono16; png compressed ", encoded(".png", infrared)))
    assert decoded.shape == (12, 17, 3) and decoded.min() <= 3 and decoded.max() >= 252


@pytest.mark.parametrize("bits", [8, 16])
def test_a_compressed_mosaic_keeps_its_colours(bits):
    mosaic = np.tile(np.array([[200, 120], [120, 40]]), (16, 16)).astype(f"u{bits // 8}")
    mosaic[:8] = 0
    form = f"bayer_rggb{bits}; png compressed "
    red, green, blue = decode_compressed_rgb(message(form, encoded(".png", mosaic)))[20, 20].astype(int)
    assert red > 1.5 * green > 2 * blue


def test_quantised_metres_come_back_within_their_quantisation():
    metres = np.where(MM == 0, np.nan, MM / 1000).astype(np.float32)
    quantum, longest = 100.0, 10.0  # the transport's defaults: depth_quantization, depth_max
    a = quantum * (quantum + 1)
    b = 1 - a / longest
    levels = np.nan_to_num(a / metres + b).astype(np.uint16)
    header = struct.pack("<iff", 0, a, b)
    decoded = decode_compressed_depth(message("32FC1; compressedDepth png", header + encoded(".png", levels)))
    np.testing.assert_array_equal(np.isnan(decoded), np.isnan(metres))
    error = np.abs(decoded - metres)
    assert np.nanmax(error / (metres**2 / a)) < 1.01  # one level is depth^2 / a metres


def _png_claiming(width, height):
    data = bytearray(encoded(".png", MM))
    data[16:24] = struct.pack(">II", width, height)
    return bytes(data)


@pytest.mark.parametrize(
    ("reason", "form", "data"),
    [
        ("unknown_encoding", "jpeg", b"not an image at all"),
        ("bad_data", "jpeg", encoded(".jpg", MM.astype(np.uint8))[:20]),
        ("bad_data", "png", encoded(".png", MM)[:40]),
        ("bad_size", "png", _png_claiming(2**31 - 1, 2**31 - 1)),
        ("bad_size", "png", _png_claiming(0, 5)),
        ("bad_size", "png", _png_claiming(16000, 4000)),  # more than so few bytes can hold
    ],
)
def test_colour_that_is_no_good_is_refused_by_name(reason, form, data):
    with pytest.raises(FrameError) as caught:
        decode_compressed_rgb(message(form, data))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("reason", "form", "data"),
    [
        ("unknown_encoding", "", DEPTH_HEADER + rvl(MM)),
        ("unknown_encoding", "bgr8; compressedDepth png", DEPTH_HEADER + encoded(".png", MM)),
        ("bad_data", "32FC1; png compressed", encoded(".png", MM)),
        ("bad_data", "16UC1; tiff compressed", encoded(".tiff", MM.astype(np.float32))),
        ("bad_data", "png", encoded(".png", MM.astype(np.uint8))),
        ("unknown_encoding", "16UC1; compressedDepth zstd", DEPTH_HEADER + encoded(".png", MM)),
        ("unknown_encoding", "64FC1; compressedDepth png", DEPTH_HEADER + encoded(".png", MM)),
        ("bad_data", "32FC1; compressedDepth png", struct.pack("<iff", 0, np.nan, 0) + encoded(".png", MM)),
        ("bad_data", "16UC1; compressedDepth png", b"\0" * 5),
        ("bad_data", "16UC1; compressedDepth png", DEPTH_HEADER + encoded(".png", MM.astype(np.uint8))),
        ("bad_data", "16UC1; compressedDepth rvl", DEPTH_HEADER + rvl(MM)[:60]),
        ("bad_data", "16UC1; compressedDepth rvl", DEPTH_HEADER + rvl(MM)[:8] + b"\xff" * 64),
        ("bad_data", "16UC1; compressedDepth rvl", DEPTH_HEADER + rvl(MM)[:8] + b"\x7f" * 64),
        ("bad_data", "16UC1; compressedDepth rvl", DEPTH_HEADER + rvl(MM)[:8] + b"\0" * 64),
        ("bad_size", "16UC1; compressedDepth rvl", DEPTH_HEADER + struct.pack("<ii", 2**31 - 1, 9) + rvl(MM)[8:]),
        ("bad_size", "16UC1; compressedDepth rvl", DEPTH_HEADER + struct.pack("<ii", -4, -4) + rvl(MM)[8:]),
    ],
)
def test_depth_that_is_no_good_is_refused_by_name(reason, form, data):
    with pytest.raises(FrameError) as caught:
        decode_compressed_depth(message(form, data))
    assert caught.value.reason == reason


def test_no_data_is_refused_before_pairing():
    with pytest.raises(FrameError) as caught:
        check_compressed(message("jpeg", b""))
    assert caught.value.reason == "bad_data"
