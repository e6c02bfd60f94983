"""Accuracy figures: data sets, metrics, and the literature's protocol on real data where it is."""

import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from real_data import MIDDLEBURY, needs_data
from small_methods import save_small

from depth_sr_ros.commands.main import main
from depth_sr_ros.evaluation import metrics, protocol
from depth_sr_ros.evaluation.datasets import DatasetError, Pair, PairFolder, labels
from depth_sr_ros.methods import registry
from depth_sr_ros.methods.layers import resize_matrix
from depth_sr_ros.methods.weights import load_weights, save_weights, sha256_of


@pytest.fixture
def images():
    generator = np.random.default_rng(0)
    rgb = generator.integers(0, 256, (40, 56, 3), dtype=np.uint8)
    return rgb, np.add.outer(np.arange(40), np.arange(56)).astype(np.float32) + 20


def folders(tmp_path: Path, names=("rgb", "disparity")) -> tuple[Path, Path]:
    made = tuple(tmp_path / name for name in names)
    for folder in made:
        folder.mkdir()
    return made


def test_folders_of_disparities(tmp_path, images):
    rgb, depth = folders(tmp_path)
    values = images[1].astype(np.uint8)
    values[3, 4] = 0  # a disparity like any other
    for name in ("b", "a"):
        cv2.imwrite(str(rgb / f"{name}.png"), images[0][..., ::-1])
        cv2.imwrite(str(depth / f"{name}.png"), values)
    pairs = list(PairFolder(tmp_path))
    assert [pair.name for pair in pairs] == ["a", "b"] and pairs[0].unit == "grey levels"
    assert np.array_equal(pairs[0].rgb, images[0]) and np.array_equal(pairs[0].depth, values)


def test_sixteen_bits_are_millimetres_with_holes(tmp_path, images):
    values = (images[1] * 10).astype(np.uint16)
    values[5, 6], values[7, 8] = 0, 65535
    cv2.imwrite(str(tmp_path / "f-1.color.png"), images[0])
    cv2.imwrite(str(tmp_path / "f-1.depth.png"), values)
    (pair,) = PairFolder(tmp_path)
    assert pair.name == "f-1" and pair.unit == "cm" and np.isnan(pair.depth[[5, 7], [6, 8]]).all()
    assert pair.depth[0, 0] == pytest.approx(values[0, 0] / 10)


def test_arrays_are_metres(tmp_path, images):
    cv2.imwrite(str(tmp_path / "rgb.png"), images[0])
    np.save(tmp_path / "depth_m.npy", images[1] / 100)
    (pair,) = PairFolder(tmp_path)
    assert pair.unit == "cm" and np.allclose(pair.depth, images[1], rtol=1e-5)


def test_floating_point_images_are_metres_with_holes(tmp_path, images):
    values = images[1] / 100
    values[5, 6], values[5, 7], values[5, 8] = 0, np.nan, np.inf
    cv2.imwrite(str(tmp_path / "x_RGB.png"), images[0])
    cv2.imwrite(str(tmp_path / "x_HR_gt.tif"), values)
    (pair,) = PairFolder(tmp_path)
    assert pair.unit == "cm" and np.isnan(pair.depth[5, 6:9]).all() and np.isfinite(pair.depth).sum() == 40 * 56 - 3
    assert pair.depth[7, 9] == pytest.approx(images[1][7, 9])


@pytest.mark.parametrize(("dtype", "holds"), [("<f2", True), (">f4", True), ("<f8", True), ("<i4", False), ("?", False)])
def test_types_of_arrays(tmp_path, images, dtype, holds):
    cv2.imwrite(str(tmp_path / "rgb.png"), images[0])
    np.save(tmp_path / "depth_m.npy", images[1].astype(dtype))
    if holds:
        assert np.allclose(next(iter(PairFolder(tmp_path))).depth, 100 * images[1])
    else:
        with pytest.raises(DatasetError, match="depth_m.npy is (int32|bool): known are"):
            list(PairFolder(tmp_path))


def test_what_a_data_set_can_lack(tmp_path, images):
    with pytest.raises(DatasetError, match="no data set folder"):
        PairFolder(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match="holds no RGB and depth pairs"):
        PairFolder(tmp_path)
    rgb, depth = folders(tmp_path)
    cv2.imwrite(str(rgb / "a.png"), images[0])
    with pytest.raises(DatasetError, match="a.png has no depth partner"):
        PairFolder(tmp_path)
    cv2.imwrite(str(depth / "a.png"), images[1][:-1].astype(np.uint8))
    with pytest.raises(DatasetError, match="56 x 39 pixels.*56 x 40"):
        list(PairFolder(tmp_path))
    cv2.imwrite(str(depth / "a.png"), images[0])
    with pytest.raises(DatasetError, match="not a single-channel"):
        list(PairFolder(tmp_path))
    (depth / "a.png").write_bytes(b"no image")
    with pytest.raises(DatasetError, match="a.png is not an image"):
        list(PairFolder(tmp_path))


def half_a_jpeg(path: Path, rgb: np.ndarray) -> None:
    cv2.imwrite(str(path), rgb)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def test_half_a_jpeg_is_no_guide(tmp_path, images):
    half_a_jpeg(tmp_path / "rgb.jpg", images[0])
    np.save(tmp_path / "depth_m.npy", images[1])
    with pytest.raises(DatasetError, match="rgb.jpg is not an image that can be read"):
        list(PairFolder(tmp_path))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["rgb/image.png", "depth/image.png"], {"image": ("image.png", "image.png")}),
        (["rgb/colour.png", "depth/colour.npy"], {"colour": ("colour.png", "colour.npy")}),
        (["rgb/left_image.png", "depth/left_image.png"], {"left_image": ("left_image.png", "left_image.png")}),
        (["rgb/a_gt.png", "depth/a_gt.png"], {"a_gt": ("a_gt.png", "a_gt.png")}),
        (["rgb/a_color.png", "depth/a_depth.png"], {"a": ("a_color.png", "a_depth.png")}),
        (["rgb/a.png", "depth/a_depth.png"], {"a": ("a.png", "a_depth.png")}),
        (["rgb/image.png", "depth/depth.npy"], {"set": ("image.png", "depth.npy")}),
        (
            ["rgb/a.png", "rgb/a_image.png", "depth/a.png", "depth/a_image.png"],
            {"a": ("a.png", "a.png"), "a_image": ("a_image.png", "a_image.png")},
        ),
        (["RGB/a.png", "Depth/a.png"], {"a": ("a.png", "a.png")}),
        (["rgb.jpg", "depth_m.npy", "notes.txt"], {"set": ("rgb.jpg", "depth_m.npy")}),
    ],
)
def test_partners_have_the_same_name_with_or_without_marks(tmp_path, files, expected):
    found = PairFolder(made(tmp_path / "set", files)).files
    assert {name: tuple(path.name for path in pair) for name, pair in found.items()} == expected


@pytest.mark.parametrize(
    ("files", "first", "second"),
    [
        (["rgb/a.png", "rgb/a.jpg", "depth/a.png"], "rgb/a.jpg", "rgb/a.png"),
        (["rgb/a.png", "rgb/a_color.png", "depth/a.png"], "rgb/a.png", "rgb/a_color.png"),
        (["rgb/a_rgb.png", "rgb/a_color.png", "depth/a.png"], "rgb/a_color.png", "rgb/a_rgb.png"),
        (["rgb/a.png", "depth/a.png", "depth/a.npy"], "depth/a.npy", "depth/a.png"),
        (["a_rgb.png", "a_rgb.jpg", "a_depth.png"], "a_rgb.jpg", "a_rgb.png"),
        (["a_rgb.png", "a_gt.png", "a_depth.png"], "a_depth.png", "a_gt.png"),
        (["rgb/a.png", "disparity/a.png", "depth/a.png"], "depth", "disparity"),
        (["rgb/a.png", "image/a.png", "depth/a.png"], "image", "rgb"),
        (["rgb/a.png", "RGB/a.png", "depth/a.png"], "RGB", "rgb"),
    ],
)
def test_what_could_be_either_of_two_is_refused_with_both(tmp_path, files, first, second):
    with pytest.raises(DatasetError) as caught:
        PairFolder(made(tmp_path / "set", files))
    assert f"{tmp_path}/set/{first} and {tmp_path}/set/{second} " in str(caught.value)


def made(folder: Path, files: list[str]) -> Path:
    """A folder with empty files of these names."""
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    return folder


def test_a_data_set_has_one_unit(tmp_path, images):
    rgb, depth = folders(tmp_path)
    for name, values in {"a": images[1].astype(np.uint8), "b": images[1].astype(np.uint16)}.items():
        cv2.imwrite(str(rgb / f"{name}.png"), images[0])
        cv2.imwrite(str(depth / f"{name}.png"), values)
    says = f"{depth / 'a.png'} is in grey levels, {depth / 'b.png'} is in cm: .* must have one unit"
    with pytest.raises(DatasetError, match=says):
        PairFolder(tmp_path).unit()
    (depth / "a.png").write_bytes(b"no image")
    assert PairFolder(tmp_path).unit() == "cm"
    (depth / "b.png").write_bytes(b"no image")
    with pytest.raises(DatasetError, match="no known depth in .* can be read.*b.png is not an image"):
        PairFolder(tmp_path).unit()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["a", "b"], {"a": "a", "b": "b"}),
        (["x/set", "y/set", "b"], {"x/set": "x/set", "y/set": "y/set", "b": "b"}),
        (["x/1/set", "y/1/set"], {"x/1/set": "x/1/set", "y/1/set": "y/1/set"}),
        (["x/1/set", "x/2/set", "y/2/set"], {"1/set": "x/1/set", "x/2/set": "x/2/set", "y/2/set": "y/2/set"}),
        (["x/set", "x/../x/set", "x/set/"], {"set": "x/set"}),
    ],
)
def test_data_sets_are_named_by_as_much_of_their_path_as_differs(tmp_path, given, expected):
    found = labels([tmp_path / folder for folder in given])
    assert found == {label: (tmp_path / folder).resolve() for label, folder in expected.items()}


def test_a_pickled_array_is_not_loaded(tmp_path, images):
    cv2.imwrite(str(tmp_path / "rgb.png"), images[0])
    np.save(tmp_path / "depth_m.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DatasetError, match="not a readable .npy"):
        list(PairFolder(tmp_path))


def test_figures_by_hand():
    ground_truth = np.zeros((20, 20), np.float32)
    ground_truth[:, 10:] = 10
    ground_truth[0, 0] = np.nan
    estimate = np.nan_to_num(ground_truth)
    estimate[8, 9] += 4  # at the edge
    estimate[1, 1] += 3  # in the border
    estimate[0, 0] = 99  # where nothing is known
    errors = metrics.measure(estimate, ground_truth, 4, np.zeros(4), np.full(4, 0.5))
    assert errors.rmse_full == pytest.approx(np.sqrt(25 / 399))
    assert errors.mae_full == pytest.approx(7 / 399)
    assert errors.rmse_crop6 == pytest.approx(np.sqrt(16 / 64))
    assert errors.rmse_edges == pytest.approx(np.sqrt(16 / (20 * 6)))  # two pixels on each side of both columns
    assert errors.consistency == pytest.approx(0.5)


def nearest(rgb, lr_depth):
    return np.kron(lr_depth, np.ones((8, 8), np.float32))


def test_consistent_estimates_reduce_to_the_input_and_are_no_worse(images):
    pair = Pair("a", images[0], np.where(images[1] > 60, 100, images[1]).astype(np.float32), "cm")
    plain, projected = (protocol.try_pair(pair, nearest, 8, consistent) for consistent in (False, True))
    assert projected.errors.consistency < 1e-3 < plain.errors.consistency
    assert projected.errors.rmse_full < plain.errors.rmse_full


def test_an_image_too_small_for_the_scale_says_so(images):
    pair = Pair("tiny", images[0][:20], images[1][:20], "cm")
    with pytest.raises(ValueError, match="tiny of 56 x 20 is too small for x16: it takes 32 x 32 pixels"):
        protocol.cropped(pair, 16)
    with pytest.raises(ValueError, match="set/tiny.png of 56 x 20 is too small"):
        protocol.cropped(replace(pair, file=Path("set/tiny.png")), 16)


def test_an_image_without_any_depth_says_so(images):
    invalid = np.full_like(images[1], np.nan)
    invalid[:, -1] = 1  # cropped away
    with pytest.raises(ValueError, match="dark has no pixel of valid depth"):
        protocol.cropped(Pair("dark", images[0], invalid[:, :33], "cm"), 8)
    invalid[0, 0] = 1
    assert protocol.cropped(Pair("dark", images[0], invalid, "cm"), 8).depth.shape == (40, 56)


def test_what_is_estimated_in_holes_does_not_count(images):
    depth = images[1].copy()
    depth[:, 25:] += 50
    depth[10:20, 10:30] = np.nan

    def nonsense(rgb, lr_depth):
        estimate = nearest(rgb, lr_depth)
        estimate[10:20, 10:30] = 99
        return estimate

    pair = Pair("a", images[0], depth, "cm")
    plain, odd = (protocol.try_pair(pair, upsample, 8).errors for upsample in (nearest, nonsense))
    for figure in ("rmse_full", "rmse_crop6", "mae_full", "rmse_edges"):
        assert getattr(plain, figure) == getattr(odd, figure)


def test_an_estimate_that_is_no_number_is_an_error_not_an_omission(images):
    def broken(rgb, lr_depth):
        estimate = nearest(rgb, lr_depth)
        estimate[3, 4:6] = np.nan
        return estimate

    with pytest.raises(ValueError, match="estimate of a is no number at 2 of 2240 pixels"):
        protocol.try_pair(Pair("a", *images, "cm"), broken, 8)


def test_a_constant_depth_has_errors_but_no_edges(images):
    constant = np.full_like(images[1], 7)
    errors = protocol.try_pair(Pair("a", images[0], constant, "cm"), nearest, 8, True).errors
    assert errors.rmse_full == errors.mae_full == errors.consistency == 0 and np.isnan(errors.rmse_edges)


def test_what_must_be_compiled_is_compiled_first(images):
    order = []

    def upsample(rgb, lr_depth):
        order.append("upsample")
        return nearest(rgb, lr_depth)

    pairs = [Pair("a", *images, "cm"), Pair("b", images[0][:, :48], images[1][:, :48], "cm")]
    for pair in pairs:
        protocol.try_pair(pair, upsample, 8, prepare=order.append)
    assert order == [(5, 7), "upsample", (5, 6), "upsample"]


@needs_data
@pytest.mark.parametrize(("scale", "full", "crop6"), [(4, 2.176, 2.195), (8, 3.767, 3.793), (16, 6.111, 6.096)])
def test_bicubic_on_middlebury_is_the_known_figure(scale, full, crop6):
    def bicubic(rgb, lr_depth):
        rows, columns = (resize_matrix(side, side * scale) for side in lr_depth.shape)
        return rows @ lr_depth @ columns.T

    summary = protocol.Summary("middlebury", "bicubic", scale, "grey levels")
    for pair in PairFolder(MIDDLEBURY):
        trial = protocol.try_pair(pair, bicubic, scale)
        summary.add(trial)
    assert summary.mean("rmse_full") == pytest.approx(full, abs=6e-4)
    assert summary.mean("rmse_crop6") == pytest.approx(crop6, abs=6e-4)


@pytest.fixture
def data(tmp_path, images):
    """A data set of one pair in millimetres, with an edge."""
    folder = tmp_path / "set"
    folder.mkdir()
    depth = (images[1] * 20).astype(np.uint16)
    depth[:, 30:] += 1000
    cv2.imwrite(str(folder / "x_RGB.png"), images[0])
    cv2.imwrite(str(folder / "x_HR_gt.png"), depth)
    return folder


def evaluated(data: Path, *options: str, status: int = 0) -> dict:
    """What the command files of a data set; there must be no NaN in it."""
    path = data.parent / "out.json"
    assert main(["evaluate", str(data), *options, "--json", str(path)]) == status

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


def test_the_command_writes_table_json_and_page(data, capsys):
    page = data.parent / "out.html"
    filed = evaluated(data, "--scale", "4", "--methods", "bicubic,guided_filter", "--html", str(page))
    results = filed["results"]
    assert [(row["method"], row["scale"], row["images"]) for row in results] == [("bicubic", 4, 1), ("guided_filter", 4, 1)]
    for row in results:
        assert row["dataset"] == "set" and row["unit"] == "cm" and row["per_image"][0]["name"] == "x"
        for key in ("rmse_full", "rmse_crop6", "mae_full", "rmse_edges", "consistency"):
            assert row[key] == row["per_image"][0][key] > 0
        assert row["seconds_per_image"] > 0 and row["projected"] is row["ensemble"] is False
    assert filed["versions"].keys() >= {"depth_sr_ros", "python", "torch", "numpy", "numba", "opencv"}
    said = capsys.readouterr().out
    assert "guided_filter" in said and f"{results[0]['rmse_crop6']:.3f}" in said and "cm (set)" in said
    html = page.read_text()
    assert html.count("<img") == 7 and f"{results[1]['rmse_full']:.3f}" in html


@pytest.mark.parametrize(
    ("option", "jiif", "bicubic", "says"),
    [
        ([], True, False, "reduce to the input: jiif. As they came: bicubic."),
        (["--no-consistency"], False, False, "reduce to the input: none. As they came: bicubic, jiif."),
        (["--consistency"], True, True, "reduce to the input: bicubic, jiif. As they came: none."),
    ],
)
def test_what_is_learned_is_projected_unless_told_otherwise(data, capsys, option, jiif, bicubic, says):
    weights, page = save_small(data.parent / "w.safetensors", "jiif", None), data.parent / "out.html"
    options = ["--scale", "4", "--methods", "bicubic", "jiif", "--weights", str(weights), "--html", str(page)]
    results = {row["method"]: row for row in evaluated(data, *options, *option)["results"]}
    assert (results["jiif"]["projected"], results["bicubic"]["projected"]) == (jiif, bicubic)
    for row in results.values():
        assert (row["consistency"] < 0.01) is row["projected"]  # cm, of a range of 286
    assert says in capsys.readouterr().out and says in page.read_text()


def test_an_ensemble_is_filed_as_one(data, capsys):
    weights = save_small(data.parent / "w.safetensors", "jiif", None)
    options = ["--scale", "4", "--methods", "bicubic", "jiif", "--weights", str(weights), "--no-consistency"]
    plain, ensemble = (evaluated(data, *options, *more)["results"] for more in ([], ["--ensemble"]))
    assert [row["ensemble"] for row in (*plain, *ensemble)] == [False, False, True, True]
    assert ensemble[0]["rmse_full"] == pytest.approx(plain[0]["rmse_full"], rel=1e-4)  # bicubic has no preferred side
    assert ensemble[1]["rmse_full"] != pytest.approx(plain[1]["rmse_full"], rel=1e-4)
    assert "mean over four flips" in capsys.readouterr().out


@pytest.mark.parametrize(
    "named", [["bicubic", "guided_filter"], ["bicubic, guided_filter,"], ["bicubic,guided_filter", "bicubic"]]
)
def test_methods_may_be_named_with_spaces_or_commas(data, named):
    results = evaluated(data, "--scale", "4", "--methods", *named)["results"]
    assert [row["method"] for row in results] == ["bicubic", "guided_filter"]


def test_figures_that_do_not_exist_are_null(tmp_path, capsys):
    data = tmp_path / "set"
    data.mkdir()
    cv2.imwrite(str(data / "x_RGB.png"), np.full((12, 12, 3), 99, np.uint8))
    cv2.imwrite(str(data / "x_HR_gt.png"), np.full((12, 12), 99, np.uint8))
    (row,) = evaluated(data, "--scale", "4", "--methods", "bicubic", "--html", str(tmp_path / "out.html"))["results"]
    assert row["rmse_full"] == 0 and row["rmse_edges"] is None and row["rmse_crop6"] is None
    assert row["per_image"][0]["rmse_edges"] is None
    said = capsys.readouterr().out + (tmp_path / "out.html").read_text()
    assert "nan" not in said and " - " in said and "<td>-</td>" in said


def test_weights_for_any_scale_are_evaluated_at_each(data, monkeypatch):
    path = save_small(data.parent / "jiif.safetensors", "jiif", None)
    options = ["--scale", "2", "5", "--methods", "jiif"]
    named = evaluated(data, *options, "--weights", str(path))
    assert [row["scale"] for row in named["results"]] == [2, 5]
    assert named["weights_sha256"] == dict.fromkeys(("jiif_x2", "jiif_x5"), sha256_of(path))
    monkeypatch.setattr(registry, "weights_directory", lambda: data.parent)
    assert evaluated(data, *options)["weights_sha256"] == named["weights_sha256"]


def test_iterations_are_chosen_and_filed(data):
    rows = []
    for options in ([], ["--iterations", "0"], ["--iterations", "120"]):
        rows += evaluated(data, "--scale", "4", "--methods", "dada_free", *options)["results"]
    assert [row["iterations"] for row in rows] == [120, 0, 120]
    assert rows[0]["rmse_full"] == rows[2]["rmse_full"] != rows[1]["rmse_full"]


def half(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def invalid(path: Path) -> None:
    cv2.imwrite(str(path), np.zeros((40, 56), np.uint16))


def shorter(path: Path) -> None:
    cv2.imwrite(str(path), cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[:-1])


@pytest.mark.parametrize(
    ("spoil", "file", "says"),
    [
        (half, "y_RGB.png", "y_RGB.png is not an image"),
        (half, "y_HR_gt.png", "y_HR_gt.png is not an image"),
        (invalid, "y_HR_gt.png", "y_HR_gt.png has no pixel of valid depth"),
        (shorter, "y_RGB.png", "y_HR_gt.png has 56 x 40 pixels, its RGB .*y_RGB.png has 56 x 39"),
    ],
)
def test_an_image_that_cannot_be_measured_costs_no_other(data, capsys, spoil, file, says):
    for name in ("x_RGB.png", "x_HR_gt.png"):
        for copy in ("y", "z"):
            (data / name.replace("x", copy)).write_bytes((data / name).read_bytes())
    plain, page = evaluated(data, "--scale", "4", "--methods", "bicubic"), data.parent / "out.html"
    spoil(data / file)
    capsys.readouterr()
    options = ["--scale", "4", "--methods", "bicubic", "guided_filter", "--html", str(page)]
    rows = evaluated(data, *options, status=1)["results"]
    said = capsys.readouterr().out
    assert [(row["method"], row["images"], row["images_not_measured"]) for row in rows] == [
        ("bicubic", 2, 1), ("guided_filter", 2, 1)
    ]  # fmt: skip
    assert rows[0]["rmse_full"] == pytest.approx(plain["results"][0]["rmse_full"])  # y was like the others
    for row in rows:
        assert [image["name"] for image in row["per_image"]] == ["x", "z"]
        assert list(row["not_measured"]) == ["y"] and re.search(says, row["not_measured"]["y"])
    for text in (said, page.read_text()):
        assert "left out of the means: 1." in text and re.search(f"set: y with bicubic x4, guided_filter x4: .*{says}", text)
        assert f"{rows[1]['rmse_crop6']:.3f}" in text


def test_an_image_too_small_at_one_scale_is_measured_at_the_other(data, capsys):
    rows = evaluated(data, "--scale", "4", "32", "--methods", "bicubic", status=1)["results"]
    assert [(row["scale"], row["images"], row["images_not_measured"]) for row in rows] == [(4, 1, 0), (32, 0, 1)]
    assert rows[1]["rmse_full"] is None and "it takes 64 x 64 pixels" in rows[1]["not_measured"]["x"]
    assert "set: x with bicubic x32" in capsys.readouterr().out


def test_a_method_that_fails_costs_no_other(data, capsys):
    weights = save_small(data.parent / "w.safetensors", "jiif", None)
    manifest, state = load_weights(weights, "jiif", None)
    save_weights(weights, {name: tensor * 1e30 for name, tensor in state.items()}, manifest)
    options = ["--scale", "4", "--methods", "jiif", "bicubic", "--weights", str(weights)]
    rows = {row["method"]: row for row in evaluated(data, *options, status=1)["results"]}
    assert rows["jiif"]["images"] == 0 and "is no number at 2240" in rows["jiif"]["not_measured"]["x"]
    assert rows["bicubic"]["images"] == 1 and rows["bicubic"]["not_measured"] == {}
    assert f"{rows['bicubic']['rmse_crop6']:.3f}" in capsys.readouterr().out


def test_where_every_image_is_measured_the_status_is_0(data, capsys):
    (row,) = evaluated(data, "--scale", "4", "--methods", "bicubic")["results"]
    assert row["images_not_measured"] == 0 and row["not_measured"] == {}
    assert "could not be measured" not in capsys.readouterr().out


def test_data_sets_of_one_name_are_told_apart(tmp_path, images, capsys):
    for place, depth in (("home", images[1]), ("office", images[1] ** 2)):
        folder = made(tmp_path / place / "set", [])
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / "x_RGB.png"), images[0])
        cv2.imwrite(str(folder / "x_HR_gt.png"), depth.astype(np.uint16))
    page = tmp_path / "out.html"
    options = [str(tmp_path / "office" / "set"), "--scale", "4", "--methods", "bicubic", "--html", str(page)]
    rows = evaluated(tmp_path / "home" / "set", *options)["results"]
    assert [row["dataset"] for row in rows] == ["home/set", "office/set"] and rows[0]["rmse_full"] != rows[1]["rmse_full"]
    assert page.read_text().count("<img") == 2 * 5 and "<h2>office/set x4: x</h2>" in page.read_text()
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines()[1:3]} == {"home/set", "office/set"}


def test_weights_for_something_else_are_named(data, capsys):
    weights = save_small(data.parent / "w.safetensors", "jiif", 4)
    options = ["--scale", "4", "--methods", "fdkn", "--weights", str(weights)]
    assert main(["evaluate", str(data), *options]) == 2
    assert f"{weights} are for jiif x4, not for fdkn x4" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "says"),
    [([], "options\n"), (["--methods", "bicubic", "folder"], "or --methods takes them for names: bicubic folder\n")],
)
def test_a_missing_data_set_is_said(capsys, options, says):
    """Also where an option before it has taken it."""
    assert main(["evaluate", *options]) == 2
    assert capsys.readouterr().err.endswith(says)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--scale", "4", "--methods", "dada", "jiif"], "are for dada x4, not for jiif x4"),
        (["--scale", "4", "8", "--methods", "dada"], "are for dada x4, not for dada x8"),
        (
            ["--scale", "4", "--methods", "bicubic", "guided_filter"],
            "would not be read: bicubic, guided_filter learned nothing",
        ),
    ],
)
def test_weights_are_checked_with_every_method_and_scale_before_the_first_image(data, capsys, options, says):
    weights = save_small(data.parent / "w.safetensors", "dada", 4)
    half(data / "x_RGB.png")  # would be told of otherwise
    assert main(["evaluate", str(data), *options, "--weights", str(weights)]) == 2
    captured = capsys.readouterr()
    assert says in captured.err and not captured.out


def test_damaged_weights_are_found_before_the_first_image(data, capsys, monkeypatch):
    monkeypatch.setattr(registry, "weights_directory", lambda: data.parent)
    path = save_small(data.parent / "jiif.safetensors", "jiif", None)
    path.write_bytes(path.read_bytes()[:-1])
    assert main(["evaluate", str(data), "--scale", "4", "--methods", "bicubic", "jiif"]) == 2
    captured = capsys.readouterr()
    assert f"weights {path} have sha256" in captured.err and not captured.out


def test_mixed_units_are_found_before_the_first_image(data, capsys):
    (data / "y_RGB.png").write_bytes((data / "x_RGB.png").read_bytes())
    cv2.imwrite(str(data / "y_HR_gt.png"), np.ones((40, 56), np.uint8))
    assert main(["evaluate", str(data), "--scale", "4", "--methods", "bicubic"]) == 2
    captured = capsys.readouterr()
    assert "x_HR_gt.png is in cm" in captured.err and "y_HR_gt.png is in grey levels" in captured.err and not captured.out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--json", "none/out"], "there is no folder"),
        (["--html", "none/out"], "there is no folder"),
        (["--json", "."], "it is a folder"),
        (["--html", "/proc/x.html"], "cannot write /proc/x.html"),
        (["--json", "same", "--html", "../set/same"], "--html .*same would overwrite --json"),
        (["--html", "x_RGB.png"], "would overwrite .*x_RGB.png"),
        (["--json", "../w.json", "--weights", "../w.safetensors"], "--json .*w.json would overwrite the manifest"),
        (["--precision", "foo"], "no precision 'foo'"),
    ],
)
def test_what_cannot_be_is_refused_before_the_work(data, capsys, monkeypatch, options, says):
    save_small(data.parent / "w.safetensors", "jiif", None)
    monkeypatch.chdir(data)
    before = {path: path.read_bytes() for path in data.parent.rglob("*") if path.is_file()}
    methods = "bicubic,jiif" if "--weights" in options else "bicubic"
    assert main(["evaluate", str(data), "--scale", "4", "--methods", methods, *options]) == 2
    captured = capsys.readouterr()
    assert re.search(says, captured.err) and captured.out == ""
    assert {path: path.read_bytes() for path in data.parent.rglob("*") if path.is_file()} == before


def test_the_command_names_what_it_cannot_do(tmp_path, capsys):
    assert main(["evaluate", str(tmp_path), "--methods", "magic"]) == 2
    assert "known methods" in capsys.readouterr().err
    assert main(["evaluate", str(tmp_path / "none"), "--methods", "bicubic"]) == 2
    assert "no data set folder" in capsys.readouterr().err
    assert main(["evaluate", str(tmp_path), "--scale", "64"]) == 2
    assert "whole number from 2 to 32" in capsys.readouterr().err
    assert main(["evaluate", str(tmp_path), "--methods", ","]) == 2
    assert "holds no name" in capsys.readouterr().err
    assert main(["evaluate", str(tmp_path), "--methods", "dada_free,bicubic", "--iterations", "9"]) == 2
    assert "'bicubic' has no iterations" in capsys.readouterr().err
