"""Image files in memory: what is read, what is refused, and what that costs."""

import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
from image_files import bombs, chunk, encoded, png, tiff

from depth_sr_ros.files.compressed_depth import decode_compressed_depth
from depth_sr_ros.files.decoding import decode
from depth_sr_ros.files.errors import ImageError
from depth_sr_ros.files.rvl import decode_rvl, encode_rvl

RNG = np.random.default_rng(0)
COUNTS = RNG.integers(0, 65536, (12, 17)).astype(np.uint16)
BGR = RNG.integers(0, 256, (12, 17, 3), np.uint8)
MEGABYTE = 1 << 20


@pytest.mark.parametrize(
    ("extension", "stored", "expected"),
    [
        (".png", COUNTS, COUNTS),
        (".png", BGR, BGR[..., ::-1]),
        (".png", BGR[..., 0], BGR[..., 0]),
        (".png", np.dstack([BGR, BGR[..., :1]]), np.dstack([BGR[..., ::-1], BGR[..., :1]])),
        (".png", BGR.astype(np.uint16) * 257, BGR[..., ::-1].astype(np.uint16) * 257),
        (".tiff", COUNTS, COUNTS),
        (".tiff", COUNTS.astype(np.float32) / 7, COUNTS.astype(np.float32) / 7),
        (".tiff", COUNTS.astype(np.float64) / 7, COUNTS.astype(np.float64) / 7),
        (".tiff", BGR, BGR[..., ::-1]),
        (".bmp", BGR, BGR[..., ::-1]),
        (".pgm", COUNTS, COUNTS),
    ],
)
def test_lossless_formats_are_exact_and_rgb(extension, stored, expected):
    decoded = decode(memoryview(encoded(extension, stored)))
    assert decoded.dtype == expected.dtype
    np.testing.assert_array_equal(decoded, expected)


def test_a_big_endian_tiff_is_read():
    np.testing.assert_array_equal(decode(memoryview(tiff(17, 12, pixels=COUNTS.astype(">u2").tobytes(), order=">"))), COUNTS)


def test_a_palette_becomes_its_colours():
    palette = chunk(b"PLTE", bytes((10, 20, 30, 40, 50, 60)))
    decoded = decode(memoryview(png(2, 1, 8, 3, b"\0\1\0", palette)))
    np.testing.assert_array_equal(decoded, [[[40, 50, 60], [10, 20, 30]]])


def test_an_exif_orientation_turns_nothing():
    upright = encoded(".jpg", np.zeros((8, 24, 3), np.uint8))
    exif = b"Exif\0\0" + b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    turned = upright[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + upright[2:]
    assert decode(memoryview(turned)).shape == (8, 24, 3)


BROKEN = {
    "nothing": (b"", "unknown_encoding"),
    "text": (b"not an image at all", "unknown_encoding"),
    "half a png": (encoded(".png", COUNTS)[:200], "bad_data"),
    "a png without pixels": (encoded(".png", COUNTS).replace(b"IDAT", b"IDAX"), "bad_data"),
    "a png of colour type 5": (png(4, 4, 8, 5, bytes(20)), "bad_data"),
    "a 16-bit colour png with a bad sum": (png(4, 4, 16, 2, bytes(100))[:-20] + b"\1" * 8 + chunk(b"IEND", b""), "bad_data"),
    "a 16-bit colour png with filter 7": (png(4, 4, 16, 2, b"\7" * 100), "bad_data"),
    "half a jpeg": (encoded(".jpg", BGR)[:400], "bad_data"),
    "a jpeg of nothing": (b"\xff\xd8\xff\xd9", "bad_data"),
    "a tiff without tags": (b"II*\0\xff\xff\xff\xff", "bad_data"),
    "a tiff of nothing": (tiff(0, 0), "bad_size"),
    "a tiff compressed as jpeg": (tiff(8, 8, compression=7), "unknown_encoding"),
    "a turned tiff": (tiff(8, 8, pixels=bytes(128), t274=6), "unknown_encoding"),
    "an exr without a size": (b"\x76\x2f\x31\x01" + bytes(100), "bad_data"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_is_refused_by_name(what):
    data, reason = BROKEN[what]
    with pytest.raises(ImageError) as caught:
        decode(memoryview(data))
    assert caught.value.reason == reason, caught.value


@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_colours_are_refused_by_the_header_where_depth_is_wanted(extension):
    with pytest.raises(ImageError, match="has 3 channels; expected one") as caught:
        decode(memoryview(encoded(extension, BGR)), one_channel=True)
    assert caught.value.reason == "bad_data"


def test_a_large_image_without_any_depth_is_no_bomb():
    empty = np.zeros((1080, 1920), np.uint16)
    np.testing.assert_array_equal(decode_rvl(memoryview(encode_rvl(empty))), empty)


def test_random_damage_is_refused_or_decoded_and_never_heard_of(capfd):
    files = {
        extension: encoded(extension, pixels)
        for extension, pixels in ((".png", COUNTS), (".jpg", BGR), (".tiff", COUNTS), (".tif", COUNTS.astype(np.float32)))
    }
    if not hasattr(cv2.utils, "logging"):  # an OpenCV whose TIFF reader cannot be silenced
        del files[".tiff"], files[".tif"]
    files["16-bit colour"] = encoded(".png", BGR.astype(np.uint16) * 257)
    refused = 0
    for data in files.values():
        for trial in range(150):
            damaged = bytearray(data)
            for _ in range(1 + trial % 5):
                damaged[RNG.integers(2, len(damaged))] = RNG.integers(256)
            if trial % 7 == 0:
                damaged = damaged[: RNG.integers(len(damaged))]
            try:
                decode(memoryview(damaged))
            except ImageError:
                refused += 1
    assert refused > 200
    captured = capfd.readouterr()
    assert captured.out == "" and captured.err == ""


DECODE_ALL = """
import pathlib, sys
import cv2, numpy as np
from depth_sr_ros.files.compressed_depth import decode_compressed_depth
from depth_sr_ros.files.decoding import decode
from depth_sr_ros.files.errors import ImageError
from depth_sr_ros.files import rvl

files = {path.name: path.read_bytes() for path in pathlib.Path(sys.argv[1]).iterdir()}
rvl.prepare()
for extension in (".png", ".jpg", ".tiff"):
    decode(memoryview(cv2.imencode(extension, np.zeros((8, 8, 3), np.uint8))[1].tobytes()))
status = pathlib.Path("/proc/self/status")  # getrusage's peak is that of who started this process, where that is larger
peak = lambda: next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) // 1024
for name, data in files.items():
    before = peak()
    try:
        if name.startswith("compressedDepth"):
            decode_compressed_depth(memoryview(data), "16UC1", "rvl")
        else:
            decode(memoryview(data))
        outcome = "accepted"
    except ImageError as error:
        outcome = error.reason
    print(f"{name}|{outcome}|{peak() - before}")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells of memory on Linux alone")
def test_no_bomb_takes_memory(tmp_path):
    """In a process of its own, whose peak nothing else has raised before."""
    files = bombs()
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    done = subprocess.run([sys.executable, "-c", DECODE_ALL, str(tmp_path)], capture_output=True, text=True, check=True)
    found = {name: (outcome, int(megabytes)) for name, outcome, megabytes in (s.split("|") for s in done.stdout.splitlines())}
    assert found.keys() == files.keys() and done.stderr == ""
    assert {name: o for name, (o, _) in found.items() if o == "accepted"} == {}
    assert {name: megabytes for name, (_, megabytes) in found.items() if megabytes > 100} == {}


@pytest.mark.parametrize(
    "depth",
    [
        COUNTS,
        np.where(RNG.random((48, 64)) < 0.1, 0, RNG.integers(500, 9000, (48, 64))).astype(np.uint16),
        np.zeros((3, 5), np.uint16),
        np.array([[0, 65535, 1, 65535, 0]], np.uint16),
        np.array([[7]], np.uint16),
    ],
)
def test_rvl_brings_back_what_it_was_given(depth):
    np.testing.assert_array_equal(decode_rvl(memoryview(encode_rvl(depth))), depth)


def words(*nibbles):
    """RVL words of these nibbles, the first in the top of the first word."""
    padded = [*nibbles, *[0] * (-len(nibbles) % 8)]
    return b"".join(struct.pack("<I", int("".join(f"{n:x}" for n in padded[i : i + 8]), 16)) for i in range(0, len(padded), 8))


@pytest.mark.parametrize(
    ("nibbles", "says"),
    [
        ((0, 2, 1, 2), "outside 0 to 65535"),  # -1, then 0
        ((0, 2, 0xF, 0xF, 0xF, 0xF, 0xF, 7, 0), "outside 0 to 65535"),
        ((0, 3, 2, 2, 2), "leaves the image"),
        ((3, 0), "leaves the image"),
        ((0, 0, 0, 2), "run of nothing"),
        ((0, 2, *[0xF] * 6), "ends before its last pixel"),
        ((*[0xF] * 12, 0), "more than 32 bits"),
        ((0, 2, 2, 2, *[0] * 28), "bytes too many"),
    ],
)
def test_what_no_rvl_encoder_writes_is_refused(nibbles, says):
    with pytest.raises(ImageError, match=says) as caught:
        decode_rvl(memoryview(struct.pack("<ii", 2, 1) + words(*nibbles)))
    assert caught.value.reason == "bad_data"


def test_depth_before_the_nearest_level_is_invalid():
    levels = np.array([[0, 1, 2, 3]], np.uint16)
    header = struct.pack("<iff", 0, 10.0, 2.0)
    decoded = decode_compressed_depth(memoryview(header + encoded(".png", levels)), "32FC1", "png")
    np.testing.assert_array_equal(decoded, [[np.nan, np.nan, np.nan, 10.0]])


def test_every_filter_of_png_is_read_alike():
    for strategy in range(5):
        for level in (1, 6):
            data = encoded(".png", COUNTS, cv2.IMWRITE_PNG_COMPRESSION, level, cv2.IMWRITE_PNG_STRATEGY, strategy)
            np.testing.assert_array_equal(decode(memoryview(data)), COUNTS)


def test_a_png_with_a_long_profile_is_read_without_it():
    profile = chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(16 * MEGABYTE)))
    np.testing.assert_array_equal(decode(memoryview(png(2, 1, 8, 0, b"\0\5\6", profile))), [[5, 6]])
