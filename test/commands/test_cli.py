"""The command depth-sr, as a user meets it."""

import os
import re
import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
import torch
from shadowed_modules import run_with_module
from small_methods import save_small

from depth_sr_ros.commands.main import main, make_parser
from depth_sr_ros.system.package_files import known_recipes, recipe_purpose


@pytest.fixture
def folder(tmp_path):
    """A folder with rgb.png, 256 x 192, depth.png, 32 x 24 with a hole, and some wrong files."""
    rows, columns = np.mgrid[0:192, 0:256]
    rgb = np.stack([rows, columns, 255 - rows], -1).astype(np.uint8)
    depth = np.linspace(1000, 3000, 32).astype(np.uint16) * np.ones((24, 1), np.uint16)
    depth[5:8, 10:14] = 0
    cv2.imwrite(str(tmp_path / "rgb.png"), rgb)
    cv2.imwrite(str(tmp_path / "depth.png"), depth)
    cv2.imwrite(str(tmp_path / "depth8.png"), (depth // 16).astype(np.uint8))
    cv2.imwrite(str(tmp_path / "empty.png"), np.zeros_like(depth))
    np.save(tmp_path / "depth.npy", np.where(depth > 0, depth / 1000, np.nan))
    np.save(tmp_path / "stack.npy", np.ones((2, 24, 32)))
    np.save(tmp_path / "objects.npy", np.array([{}, None]), allow_pickle=True)
    (tmp_path / "text.png").write_text("not an image")
    (tmp_path / "nothing.png").write_bytes(b"")
    return tmp_path


def upsample(folder, depth="depth.png", output="out.png", rgb="rgb.png", *more) -> int:
    files = ["--rgb", str(folder / rgb), "--depth", str(folder / depth), "-o", str(folder / output)]
    return main(["upsample", *files, "--method", "bicubic", *more])


def test_png_in_millimetres(folder, capsys):
    assert upsample(folder) == 0
    result = cv2.imread(str(folder / "out.png"), cv2.IMREAD_UNCHANGED)
    assert result.dtype == np.uint16 and result.shape == (192, 256)
    assert (result[40:64, 80:112] == 0).all() and (result > 0).sum() == result.size - 24 * 32
    assert abs(int(result[100, 4]) - 1000) < 20 and abs(int(result[100, 251]) - 3000) < 20
    said = capsys.readouterr().out
    assert "256 x 192, 98.4% known, 1.000 to 3.000 m" in said and "bicubic x8 on torch_eager" in said


def test_npy_in_metres(folder):
    assert upsample(folder, "depth.npy", "out.npy") == 0
    assert upsample(folder) == 0
    metres = np.load(folder / "out.npy")
    assert metres.dtype == np.float32 and np.isnan(metres[50, 90])
    millimetres = cv2.imread(str(folder / "out.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(np.nan_to_num(metres) * 1000, millimetres, atol=1)


def test_an_ensemble_of_what_has_no_preferred_side_is_the_same(folder):
    assert upsample(folder, "depth.npy", "out.npy") == 0
    assert upsample(folder, "depth.npy", "mean.npy", "rgb.png", "--ensemble") == 0
    np.testing.assert_allclose(np.load(folder / "mean.npy"), np.load(folder / "out.npy"), atol=1e-5)


def test_holes_are_filled_when_asked(folder):
    assert upsample(folder, "depth.png", "out.png", "rgb.png", "--fill-holes") == 0
    assert cv2.imread(str(folder / "out.png"), cv2.IMREAD_UNCHANGED).min() > 0


def test_a_preview_shows_four_pictures_and_black_holes(folder):
    preview = folder / "preview.png"
    assert upsample(folder, "depth.png", "out.png", "rgb.png", "--preview", str(preview)) == 0
    picture = cv2.imread(str(preview))
    title = picture.shape[0] // 2 - 192
    assert picture.shape == (2 * (192 + title), 512, 3)
    guide, low, bicubic, result = (
        picture[top + title : top + title + 192, left : left + 256] for top in (0, 192 + title) for left in (0, 256)
    )
    np.testing.assert_array_equal(guide, cv2.imread(str(folder / "rgb.png")))
    for image in (low, bicubic, result):
        assert (image[44:60, 84:108] == 0).all() and image[100:].any(axis=-1).all()
        assert (image[120, 10] != image[120, 240]).any(), "near and far have different colours"


def test_depth_of_another_size_comes_out_at_the_colour_images_and_is_told_of(folder, capsys):
    assert upsample(folder, "depth.png", "out.png", "rgb.png", "--scale", "4") == 0
    assert cv2.imread(str(folder / "out.png"), cv2.IMREAD_UNCHANGED).shape == (192, 256)
    said = "depth is resampled: one view, depth is 32 x 24 for the grid of 64 x 48; --scale 8 would take it as it is"
    assert said in capsys.readouterr().err
    cv2.imwrite(str(folder / "guide.png"), np.zeros((100, 133, 3), np.uint8))
    assert upsample(folder, "depth.png", "out.png", "guide.png") == 0
    assert cv2.imread(str(folder / "out.png"), cv2.IMREAD_UNCHANGED).shape == (100, 133)


@pytest.mark.parametrize("side", [64, 1024])
def test_depth_as_large_as_its_colour_image_is_reduced_around_its_holes(folder, capsys, side):
    large = np.full((side, side), 1500, np.uint16)
    large[::3, ::3] = 0
    cv2.imwrite(str(folder / "large.png"), large)
    cv2.imwrite(str(folder / "guide.png"), np.zeros((side, side, 3), np.uint8))
    assert upsample(folder, "large.png", "out.png", "guide.png") == 0
    np.testing.assert_array_equal(cv2.imread(str(folder / "out.png"), cv2.IMREAD_UNCHANGED), np.full((side, side), 1500))
    assert f"depth is reduced: one view, depth is {side} x {side}" in capsys.readouterr().err


def results(folder, *options) -> np.ndarray:
    """The (192, 256) depth in metres of a run with these options, by dada_free unless they name another method."""
    assert upsample(folder, "depth.npy", "out.npy", "rgb.png", "--method", "dada_free", *options) == 0
    return np.load(folder / "out.npy")


def test_iterations_are_chosen(folder, capsys):
    few, own, more = results(folder, "--iterations", "2"), results(folder), results(folder, "--iterations", "120")
    np.testing.assert_array_equal(own, more)
    assert np.nanmax(np.abs(few - own)) > 1e-3
    blocks = results(folder, "--iterations", "0", "--no-clip-to-measured").reshape(24, 8, 32, 8).mean((1, 3))
    np.testing.assert_allclose(blocks, np.load(folder / "depth.npy"), rtol=1e-3)


def test_consistency_brings_the_measurement_back(folder):
    from depth_sr_ros.methods.layers import resize_matrix

    rows, columns = resize_matrix(192, 24), resize_matrix(256, 32)
    low = np.load(folder / "depth.npy")
    options = "--method", "guided_filter", "--fill-holes"
    plain, consistent = (
        np.abs(rows @ results(folder, *options, *more) @ columns.T - low)[np.isfinite(low)].max()
        for more in ((), ("--consistency",))
    )
    assert consistent < 1e-3 < plain


def test_depth_out_of_range_is_unknown(folder):
    preview = folder / "preview.png"
    found = results(folder, "--min-depth", "1.5", "--max-depth", "2.5", "--preview", str(preview))
    low = np.load(folder / "depth.npy")
    known = np.kron((low >= 1.5) & (low <= 2.5), np.ones((8, 8), bool))
    np.testing.assert_array_equal(np.isfinite(found), known)
    assert np.nanmin(found) >= 1.5 and np.nanmax(found) <= 2.5
    picture = cv2.imread(str(preview))
    title = picture.shape[0] // 2 - 192
    for left, top in ((256, title), (0, 192 + 2 * title), (256, 192 + 2 * title)):
        assert (picture[top : top + 192, left : left + 256].any(-1) == known).all()


@pytest.mark.parametrize(
    "arguments, says",
    [
        (dict(depth="depth8.png"), "depth8.png holds uint8.* if this is disparity"),
        (dict(depth="rgb.png"), r"shape \(192, 256, 3\): depth must be one channel of 16-bit counts"),
        (dict(depth="stack.npy"), r"stack.npy holds float64 of shape \(2, 24, 32\)"),
        (dict(depth="objects.npy"), "objects.npy is not a readable"),
        (dict(depth="empty.png"), "none of the 768 depth pixels"),
        (dict(depth="missing.png"), "missing.png: No such file"),
        (dict(rgb="missing.png"), "missing.png: No such file"),
        (dict(rgb="text.png"), "text.png is not an image"),
        (dict(rgb="nothing.png"), "nothing.png is not an image"),
        (dict(output="out.jpg"), "out.jpg.*must end in .png"),
        (dict(output="no/folder/out.png"), "no folder"),
    ],
)
def test_wrong_files_cost_one_line_and_status_2(folder, capsys, arguments, says):
    assert upsample(folder, **arguments) == 2
    captured = capsys.readouterr()
    assert re.search(says, captured.err)
    assert captured.err.startswith("depth-sr: error: ") and captured.err.count("\n") == 1
    assert not (folder / "out.png").exists()


def png_that_claims(width: int, height: int) -> bytes:
    """A 16-bit grey PNG of a few bytes whose header states this size."""
    header = struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)
    chunks = {b"IHDR": header, b"IDAT": zlib.compress(bytes(100)), b"IEND": b""}
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


@pytest.mark.parametrize("width, height", [(60000, 60000), (9000, 8000), (2**31 - 1, 2**31 - 1), (1 << 27, 1)])
@pytest.mark.parametrize("file", ["--rgb", "--depth"])
def test_an_image_that_claims_to_be_huge_is_refused(folder, capsys, width, height, file):
    (folder / "huge.png").write_bytes(png_that_claims(width, height))
    assert upsample(folder, **{file.removeprefix("--"): "huge.png"}) == 2
    assert (
        f"huge.png is not an image that can be read: image says it is {width} x {height}: at most 67108864 pixels"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize("width, height", [(60000, 60000), (9000, 8000), (65535, 65535)])
def test_a_jpeg_that_claims_to_be_huge_is_refused(folder, capsys, width, height):
    data = bytearray(cv2.imencode(".jpg", np.zeros((8, 16), np.uint8))[1].tobytes())
    frame = data.index(b"\xff\xc0")  # baseline: length, precision, then the size
    assert data[frame + 5 : frame + 9] == struct.pack(">HH", 8, 16)
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    (folder / "huge.jpg").write_bytes(data)
    assert upsample(folder, rgb="huge.jpg") == 2
    assert (
        f"huge.jpg is not an image that can be read: image says it is {width} x {height}: at most 67108864 pixels"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize("size, says", [(4096, "not a readable .npy file"), (10**6 * 10**6 * 4 + 128, "10.* x 10")])
def test_an_array_that_claims_to_be_huge_is_refused(folder, capsys, size, says):
    """Whether the file is short, or as long as it claims (and empty: it takes no room on the disk)."""
    with open(folder / "huge.npy", "wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (10**6, 10**6)}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(size)
    assert upsample(folder, "huge.npy") == 2
    assert re.search(says, capsys.readouterr().err)


def test_depth_beyond_what_a_png_holds_is_counted_and_told(folder, capsys):
    far = np.full((24, 32), 70.0)
    far[:, :16] = 5.0
    far[:4] = np.nan
    np.save(folder / "far.npy", far)
    assert upsample(folder, "far.npy") == 0
    captured = capsys.readouterr()
    filed = cv2.imread(str(folder / "out.png"), cv2.IMREAD_UNCHANGED)
    assert upsample(folder, "far.npy", "out.npy") == 0
    metres = np.load(folder / "out.npy")
    lost = int((np.isfinite(metres) & (filed == 0)).sum())
    assert lost >= 15 * 20 * 64 and f"{lost} known pixels" in captured.err and ".npy" in captured.err
    assert f"{(filed > 0).mean():.1%} known" in captured.out and f"to {filed.max() / 1000:.3f} m" in captured.out
    whole = capsys.readouterr()
    assert not whole.err and f"{np.isfinite(metres).mean():.1%} known" in whole.out and "70.000 m" in whole.out


@pytest.mark.parametrize(
    "output, options, says",
    [
        ("rgb.png", [], "--output .*rgb.png would overwrite --rgb"),
        ("depth.png", [], "--output .*depth.png would overwrite --depth"),
        ("link.png", [], "--output .*link.png would overwrite --depth"),
        ("hard.png", [], "--output .*hard.png would overwrite --depth"),
        ("../{folder}/depth.png", [], "would overwrite --depth"),
        ("out.png", ["--preview", "{folder}/out.png"], "--preview .*out.png would overwrite --output"),
        ("out.png", ["--preview", "{folder}/rgb.png"], "--preview .*rgb.png would overwrite --rgb"),
        ("out.png", ["--preview", "{folder}/p.xyz"], "p.xyz: OpenCV knows no image format '.xyz'"),
        ("out.png", ["--preview", "{folder}/none/p.png"], "p.png: there is no folder .*none"),
        ("out.png", ["--preview", "{folder}/folder.png"], "folder.png: it is a folder"),
        ("folder.png", [], "folder.png: it is a folder"),
        ("n" * 300 + ".png", [], "n.png: File name too long"),
        ("out.png", ["--weights", "{folder}/w.safetensors"], "--weights .*w.safetensors would not be read: bicubic learned"),
    ],
)
def test_outputs_are_checked_before_the_work(folder, capsys, output, options, says):
    (folder / "folder.png").mkdir()
    (folder / "link.png").symlink_to("depth.png")
    os.link(folder / "depth.png", folder / "hard.png")
    (folder / "w.safetensors").touch()
    before = {path.name: path.is_file() and path.read_bytes() for path in folder.iterdir()}
    options = [option.replace("{folder}", str(folder)) for option in options]
    assert upsample(folder, "depth.png", output.replace("{folder}", folder.name), "rgb.png", *options) == 2
    captured = capsys.readouterr()
    assert re.search(says, captured.err) and captured.err.count("\n") == 1 and not captured.out
    assert {path.name: path.is_file() and path.read_bytes() for path in folder.iterdir()} == before


def test_an_output_may_be_there_already_and_is_left_alone_until_the_end(folder, capsys):
    (folder / "out.png").write_bytes(b"earlier")
    assert upsample(folder, "empty.png") == 2
    assert (folder / "out.png").read_bytes() == b"earlier"
    assert upsample(folder) == 0
    assert cv2.imread(str(folder / "out.png"), cv2.IMREAD_UNCHANGED).shape == (192, 256)


@pytest.mark.parametrize("progressive", [0, 1])
def test_half_a_jpeg_is_no_guide(folder, capsys, progressive):
    noise = np.random.default_rng(0).integers(0, 256, (192, 256, 3), np.uint8)
    image, thumbnail = (
        cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive])[1].tobytes()
        for picture in (noise, noise[:16, :16])
    )
    segment = b"\xff\xe2" + struct.pack(">H", 2 + len(thumbnail)) + thumbnail  # with an end-of-image marker of its own
    image = image[:2] + segment + image[2:]
    for whole in (image, image + b"what some telephones append"):
        (folder / "rgb.jpg").write_bytes(whole)
        assert upsample(folder, rgb="rgb.jpg") == 0
    (folder / "rgb.jpg").write_bytes(image[: len(image) // 2])
    assert upsample(folder, rgb="rgb.jpg") == 2
    assert "rgb.jpg is not an image that can be read: JPEG of" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options, says",
    [
        (["--method", "bicubik"], "bicubik"),
        (["--scale", "1"], "scale 1"),
        (["--backend", "cuda"], "known backends are auto, openvino, torch_eager"),
        (["--precision", "f8"], "no precision 'f8'"),
        (["--method", "fdkn", "--weights", "none.safetensors"], "none.safetensors"),
        (["--preview", "preview.xyz"], ".xyz"),
        (["--iterations", "5"], "'bicubic' has no iterations, so 5 cannot be asked of it; methods that have: dada, "),
        (["--method", "dada_free", "--iterations", "-1"], "whole number from 0, got -1"),
        (["--min-depth", "3", "--max-depth", "2"], "[3.0, 2.0]"),
    ],
)
def test_wrong_options_cost_one_line_and_status_2(folder, capsys, options, says):
    assert upsample(folder, "depth.png", "out.png", "rgb.png", *options) == 2
    captured = capsys.readouterr()
    assert says in captured.err and captured.err.count("\n") == 1


def test_the_traceback_is_there_for_who_wants_it(folder):
    with pytest.raises(ValueError, match="not an image"):
        main(
            [
                "--traceback",
                "upsample",
                "--rgb",
                str(folder / "text.png"),
                "--depth",
                "x.png",
                "-o",
                str(folder / "o.png"),
            ]
        )


def test_a_guide_of_another_shape_is_refused(folder, capsys):
    cv2.imwrite(str(folder / "square.png"), np.zeros((192, 192, 3), np.uint8))
    assert upsample(folder, rgb="square.png") == 2
    assert "colour image is 192 x 192, depth image 32 x 24 pixels" in capsys.readouterr().err


def listed(capsys, *options) -> dict[str, str]:
    """What `depth-sr methods` says of each method."""
    assert main(["methods", *options]) == 0
    lines = capsys.readouterr().out.splitlines()[2:]
    assert max(map(len, lines)) <= 100
    found = {}
    for line in lines:
        if not line.startswith(" "):
            name = line.split()[0]
        found[name] = f"{found.get(name, '')} {line.removeprefix(name).strip()}".strip()
    return found


def test_methods_lists_every_method(capsys):
    from depth_sr_ros.methods.registry import available, known_methods

    found = listed(capsys)
    assert list(found) == known_methods()
    with_papers = listed(capsys, "--papers")
    for info in available():
        assert found[info.name].endswith(info.summary)
        assert with_papers[info.name] == f"{found[info.name]} {info.paper}".strip()


def test_methods_says_which_scales_have_weights(tmp_path, monkeypatch, capsys):
    from depth_sr_ros.methods import registry

    monkeypatch.setattr(registry, "weights_directory", lambda: tmp_path)
    assert all(listed(capsys)[name].startswith("no weights ") for name in ("dada", "jiif"))
    save_small(tmp_path / "jiif.safetensors", "jiif", None)
    for scale in (16, 4):
        save_small(tmp_path / f"dada_x{scale}.safetensors", "dada", scale)
    found = listed(capsys)
    assert found["jiif"].startswith("any ") and found["bicubic"].startswith("any ")
    assert found["dada"].startswith("x4 x16 ")


def test_doctor_knows_backends_versions_and_weights(capsys):
    main(["doctor"])
    said = capsys.readouterr().out
    for what in ("python", "numpy", "torch", "openvino", "torch_eager", "ros ", "weights"):
        assert what in said


def test_doctor_finds_a_backend_that_cannot_compile(tmp_path):
    """OpenVINO can be imported without `packaging`, and says that it is ready, but its converter needs it."""
    pytest.importorskip("openvino")
    done = run_with_module(tmp_path, "packaging", "raise ImportError('no packaging')", "doctor")
    assert done.returncode == 1 and re.search(r"(?m)^! +openvino +cannot compile.*no packaging", done.stdout)
    assert re.search(r"(?m)^ +torch_eager +compiles on cpu", done.stdout)


@pytest.mark.parametrize(
    ("profile", "said", "status"),
    [(None, "no profile, so large images may be lost: export FASTRTPS", 0), ("/nowhere.xml", "which is no file", 1)],
)
def test_doctor_names_the_middleware_and_its_profile(profile, said, status, monkeypatch, capsys):
    pytest.importorskip("rclpy")
    monkeypatch.delenv("RMW_IMPLEMENTATION", raising=False)
    for name in ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"):
        monkeypatch.delenv(name, raising=False)
    if profile:
        monkeypatch.setenv("FASTDDS_DEFAULT_PROFILES_FILE", profile)
    assert main(["doctor"]) == status
    out = capsys.readouterr().out
    assert said in out and "rmw_fastrtps_cpp" in out
    monkeypatch.setenv("RMW_IMPLEMENTATION", "rmw_cyclonedds_cpp")
    assert main(["doctor"]) == 0 and "fast dds" not in capsys.readouterr().out


def test_doctor_finds_damaged_weights(tmp_path, monkeypatch, capsys):
    from depth_sr_ros.methods import registry
    from depth_sr_ros.methods.weights import Manifest, save_weights

    path = tmp_path / "fdkn_x8.safetensors"
    save_weights(path, {"a": torch.zeros(4)}, Manifest("fdkn", 8, sha256=""))
    monkeypatch.setattr(registry, "weights_directory", lambda: tmp_path)
    assert main(["doctor"]) == 0
    assert "fdkn_x8.safetensors: intact" in capsys.readouterr().out
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    assert main(["doctor"]) == 1
    assert "! weights          fdkn_x8.safetensors: damaged" in capsys.readouterr().out


def depth_sr(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "depth_sr_ros.commands.main", *arguments], capture_output=True, text=True)


@pytest.fixture
def folders(folder):
    """rgb/ and depth/ with three pairs, one of whose depth images is broken."""
    for name in ("rgb", "depth"):
        (folder / name).mkdir()
        for i in (2, 10, 9):
            (folder / name / f"frame-{i}.{name}.png").write_bytes((folder / f"{name}.png").read_bytes())
    (folder / "depth" / "frame-9.depth.png").write_bytes(b"no image")
    return folder


def upsample_folders(folders, *more):
    files = [word for name in ("rgb", "depth") for word in (f"--{name}", str(folders / name))]
    return main(["upsample", *files, "-o", str(folders / "out"), "--method", "bicubic", *more])


def test_folders_go_pair_by_pair_and_a_broken_one_costs_a_line(folders, capsys):
    assert upsample_folders(folders, "--format", ".npz", "--preview", str(folders / "previews")) == 1
    captured = capsys.readouterr()
    assert {path.name for path in (folders / "out").iterdir()} == {"frame-2.depth.npz", "frame-10.depth.npz"}
    assert {path.name for path in (folders / "previews").iterdir()} == {"frame-2.depth.png", "frame-10.depth.png"}
    assert "frame-9.depth.png: " in captured.err and captured.err.count("\n") == 1
    assert "2 of 3 pairs upsampled" in captured.out
    assert upsample(folders, "depth.png", "single.npy") == 0
    np.testing.assert_array_equal(np.load(folders / "out" / "frame-2.depth.npz")["depth"], np.load(folders / "single.npy"))


def test_folders_without_a_broken_pair_end_with_status_0(folders, capsys):
    for name in ("rgb", "depth"):
        (folders / name / f"frame-9.{name}.png").unlink()
    assert upsample_folders(folders) == 0
    assert {path.name for path in (folders / "out").iterdir()} == {"frame-2.depth.png", "frame-10.depth.png"}


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda f: (f / "rgb" / "frame-9.rgb.png").unlink(), "rgb has 2 images, .*depth 3; .*number: frame-9.depth.png"),
        (lambda f: [path.unlink() for path in (f / "rgb").iterdir()], "rgb has no images"),
        (lambda f: ((f / "rgb").rename(f / "x"), (f / "rgb").write_bytes(b"")), "--depth .*depth is a folder: then"),
        (lambda f: ((f / "rgb").rename(f / "x"), (f / "rgb").symlink_to("depth")), "two folders are needed"),
        (lambda f: (f / "out").write_bytes(b""), "out: File exists"),
    ],
)
def test_folders_that_do_not_match_are_refused_before_the_work(folders, capsys, spoil, says):
    spoil(folders)
    assert upsample_folders(folders) == 2
    captured = capsys.readouterr()
    assert re.search(says, captured.err) and captured.err.count("\n") == 1


def test_the_unit_of_16_bit_depth_holds_for_input_and_output(folder, capsys):
    tum = cv2.imread(str(folder / "depth.png"), cv2.IMREAD_UNCHANGED) * 5
    cv2.imwrite(str(folder / "tum.png"), tum)
    assert upsample(folder, "tum.png", "out.npy", "rgb.png", "--depth-unit", "0.0002") == 0
    assert upsample(folder, "tum.png", "out.png", "rgb.png", "--depth-unit", "0.0002") == 0
    assert upsample(folder, "depth.png", "mm.npy") == 0
    metres = np.load(folder / "out.npy")
    np.testing.assert_allclose(metres, np.load(folder / "mm.npy"), atol=1e-5)
    counts = cv2.imread(str(folder / "out.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(counts, np.nan_to_num(metres) * 5000, atol=1)
    assert upsample(folder, "tum.png", "out.npy", "rgb.png", "--depth-unit", "-1") == 2
    assert "depth_unit is -1.0" in capsys.readouterr().err


def test_a_unit_that_cannot_be_is_told_of_with_the_likely_one(folder, capsys):
    np.save(folder / "mm.npy", np.full((24, 32), 1500.0))
    assert upsample(folder, "mm.npy", "out.npy") == 0
    assert "float depth must be metres (REP 118); is it millimetres?" in capsys.readouterr().err


def test_values_of_no_return_are_invalid(folder, capsys):
    depth = cv2.imread(str(folder / "depth.png"), cv2.IMREAD_UNCHANGED)
    depth[:2], depth[2:4] = 65535, 7777
    cv2.imwrite(str(folder / "saturated.png"), depth)
    assert upsample(folder, "saturated.png", "out.npy") == 0
    assert np.isnan(np.load(folder / "out.npy")[:16]).all()
    assert upsample(folder, "saturated.png", "out.npy", "rgb.png", "--no-return", "65535", "7777") == 0
    assert np.isnan(np.load(folder / "out.npy")[:32]).all()


def test_an_exif_orientation_is_told_of_and_not_applied(folder, capsys):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(folder / "rgb.png").save(folder / "turned.jpg", exif=exif)
    assert upsample(folder, "depth.png", "out.npy", "turned.jpg") == 0
    assert "EXIF orientation 6, which is not applied" in capsys.readouterr().err


def test_no_command_and_unknown_commands_say_what_there_is():
    assert depth_sr().returncode == 2
    unknown = depth_sr("upsampel")
    assert unknown.returncode == 2 and "'upsample'" in unknown.stderr


def test_help_imports_nothing_slow():
    code = (
        "import sys\nfrom depth_sr_ros.commands.main import make_parser\nmake_parser().format_help()\n"
        "print([name for name in ('torch', 'cv2', 'numpy', 'openvino', 'numba') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_commands_start_where_the_packages_files_are_missing(monkeypatch):
    """As `doctor` is for such an installation."""

    def missing():
        raise FileNotFoundError("no share/depth_sr_ros")

    monkeypatch.setattr("depth_sr_ros.system.package_files.share_directory", missing)
    make_parser().parse_args(["doctor"])


def test_the_help_says_what_each_recipe_is_for(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    said = capsys.readouterr().out
    for name in known_recipes():
        assert f"\n  {name} " in said and len(recipe_purpose(name)) > 20
    assert "  fdkn_sensor      FDKN at x8 after `fdkn`, taught what real sensors measure" in said


def test_the_exit_status_reaches_the_shell(folder):
    done = depth_sr("upsample", "--rgb", str(folder / "text.png"), "--depth", "x", "-o", str(folder / "o.png"))
    assert done.returncode == 2 and "Traceback" not in done.stderr
