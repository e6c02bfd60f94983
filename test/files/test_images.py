"""Depth and colour in files: every format there and back, and nothing left of what could not be written."""

import resource
import zipfile

import cv2
import numpy as np
import pytest

from depth_sr_ros.files.images import orientation, read_depth, read_metres, read_rgb, write_depth, write_rgb

COUNTS = np.random.default_rng(0).integers(1, 9000, (12, 17)).astype(np.uint16)
COUNTS[2:4, 3:8] = 0
METRES = np.where(COUNTS == 0, np.nan, COUNTS / 1000).astype(np.float32)


@pytest.mark.parametrize("ending", [".png", ".tiff", ".npy", ".npz"])
def test_depth_comes_back_from_every_format(tmp_path, ending):
    path = tmp_path / f"depth{ending}"
    filed = write_depth(path, METRES)
    np.testing.assert_array_equal(filed, COUNTS > 0)
    np.testing.assert_array_equal(read_metres(path), METRES)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("unit", [0.0001, 1 / 5000, 1 / 8000])
def test_counts_are_written_and_read_in_their_unit(tmp_path, unit):
    path = tmp_path / "depth.png"
    near = METRES / 2
    write_depth(path, near, unit)
    np.testing.assert_allclose(read_metres(path, unit), near, atol=0.51 * unit)
    assert read_depth(path).max() > 4000


def test_exr_is_written_and_read_where_opencv_can(tmp_path):
    path = tmp_path / "depth.exr"
    try:
        write_depth(path, METRES)
    except ValueError as error:
        assert "OpenCV knows no image format '.exr'" in str(error)
        pytest.skip("this OpenCV is built without OpenEXR")
    np.testing.assert_array_equal(read_metres(path), METRES)


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<i4", ">i8"])
def test_whole_numbers_of_any_byte_order_are_counts(tmp_path, dtype):
    np.save(tmp_path / "d.npy", COUNTS.astype(dtype))
    depth = read_depth(tmp_path / "d.npy")
    assert depth.dtype == np.uint16 and depth.dtype.isnative
    np.testing.assert_array_equal(depth, COUNTS)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8", "<f2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_floats_of_any_byte_order_are_metres(tmp_path, dtype, order):
    np.save(tmp_path / "d.npy", np.asarray(METRES.astype(dtype), order=order))
    depth = read_depth(tmp_path / "d.npy")
    assert depth.dtype.kind == "f" and depth.dtype.isnative
    np.testing.assert_array_equal(depth, METRES.astype(dtype))


def test_an_archive_is_read_by_its_only_array_or_the_one_named_depth(tmp_path):
    np.savez(tmp_path / "one.npz", anything=METRES)
    np.savez_compressed(tmp_path / "several.npz", rgb=np.zeros((3, 4, 3)), depth=METRES)
    for name in ("one.npz", "several.npz"):
        np.testing.assert_array_equal(read_metres(tmp_path / name), METRES)
    np.savez(tmp_path / "which.npz", a=METRES, b=METRES)
    with pytest.raises(ValueError, match="it holds a, b; expected is one array, or one named 'depth'"):
        read_depth(tmp_path / "which.npz")


def _npy(**header):
    description = str({"descr": "<f4", "fortran_order": False, "shape": (4, 4), **header}).encode()
    return b"\x93NUMPY\x01\x00" + len(description).to_bytes(2, "little") + description + bytes(64)


def _zip_bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("depth.npy", "w") as file:
        file.write(_npy(shape=(1 << 20, 1 << 14))[:-64])
        file.write(bytes(1 << 26))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.npy", b""),
        ("cut.npy", _npy()[:70]),
        ("token.npy", b"\x93NUMPY\x01\x00\x08\x00{'a': ((" + bytes(8)),
        ("huge.npy", _npy(shape=(1 << 20, 1 << 20))),
        ("wide.npy", _npy(shape=(8192, 8192), descr="<c16")),
        ("negative.npy", _npy(shape=(-4, -4))),
        ("objects.npy", _npy(descr="|O")),
        ("version.npy", b"\x93NUMPY\x09\x00" + bytes(64)),
        ("text.npz", b"not an archive"),
        ("cut.npz", b"PK\x03\x04" + bytes(30)),
        ("bomb.npz", None),
    ],
)
def test_broken_arrays_are_refused_in_our_own_words(tmp_path, name, content):
    path = tmp_path / name
    if content is None:
        _zip_bomb(path)
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{name} is not a readable"):
        read_depth(path)


def test_a_real_array_that_is_too_large_is_not_read(tmp_path):
    """As long as its header says, and empty: it takes no room on the disk, but would in memory."""
    path = tmp_path / "large.npy"
    for shape, descr in (((16384, 8192), "<u2"), ((8192, 8192), "<f8")):
        path.write_bytes(_npy(shape=shape, descr=descr)[:-64])
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size + 8192 * 8192 * 8)
        with pytest.raises(ValueError, match="large.npy is not a readable .npy file: it says it .* are read"):
            read_depth(path)


@pytest.mark.parametrize("ending", [".png", ".tiff", ".npy", ".npz"])
@pytest.mark.parametrize("before", [None, b"what was there"])
def test_a_full_disk_leaves_what_was_there(tmp_path, ending, before):
    path = tmp_path / f"depth{ending}"
    if before:
        path.write_bytes(before)
    noise = np.random.default_rng(0).random((64, 64)).astype(np.float32) + 1
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # writing fails as it does on a full disk
    try:
        with pytest.raises(OSError):
            write_depth(path, noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == ({path.name: before} if before else {})


def test_a_link_still_leads_to_the_file_that_was_written(tmp_path):
    (tmp_path / "real.npy").write_bytes(b"old")
    (tmp_path / "link.npy").symlink_to("real.npy")
    write_depth(tmp_path / "link.npy", METRES)
    assert (tmp_path / "link.npy").is_symlink()
    np.testing.assert_array_equal(np.load(tmp_path / "real.npy"), METRES)


def test_colour_comes_back_and_16_bits_are_stretched(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (12, 17, 3), np.uint8)
    write_rgb(tmp_path / "rgb.png", rgb)
    np.testing.assert_array_equal(read_rgb(tmp_path / "rgb.png"), rgb)
    cv2.imwrite(str(tmp_path / "infrared.png"), (np.arange(204).reshape(12, 17) * 4).astype(np.uint16))
    grey = read_rgb(tmp_path / "infrared.png")
    assert grey.min() <= 3 and grey.max() >= 252 and (grey[..., 0] == grey[..., 2]).all()


def test_an_exif_orientation_is_told_of_and_not_applied(tmp_path):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((8, 24, 3), np.uint8)).save(tmp_path / "turned.jpg", exif=exif)
    assert read_rgb(tmp_path / "turned.jpg").shape == (8, 24, 3)
    assert orientation(tmp_path / "turned.jpg") == 6
    write_rgb(tmp_path / "rgb.png", np.zeros((8, 24, 3), np.uint8))
    assert orientation(tmp_path / "rgb.png") == 1
