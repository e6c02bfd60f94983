"""Accuracy figures: data sets, metrics, and the literature's protocol on real data where it is."""
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from depth_sr_ros.cli import main
from depth_sr_ros.evaluation import metrics, protocol
from depth_sr_ros.evaluation.datasets import DatasetError, Pair, PairFolder
from depth_sr_ros.methods import registry
from depth_sr_ros.methods.layers import resize_matrix
from depth_sr_ros.methods.weights import sha256_of
from small_weights import save_small

DATA = Path(os.environ.get("DEPTH_SR_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"real data not at {DATA}; set DEPTH_SR_DATA")


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
    values[5, 6] = 0
    cv2.imwrite(str(tmp_path / "f-1.color.png"), images[0])
    cv2.imwrite(str(tmp_path / "f-1.depth.png"), values)
    (pair,) = PairFolder(tmp_path)
    assert pair.name == "f-1" and pair.unit == "cm" and np.isnan(pair.depth[5, 6])
    assert pair.depth[0, 0] == pytest.approx(values[0, 0] / 10)


def test_arrays_are_metres(tmp_path, images):
    cv2.imwrite(str(tmp_path / "rgb.png"), images[0])
    np.save(tmp_path / "depth_m.npy", images[1] / 100)
    (pair,) = PairFolder(tmp_path)
    assert pair.unit == "cm" and np.allclose(pair.depth, images[1], rtol=1e-5)


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
    with pytest.raises(DatasetError, match="not a single-channel"):
        list(PairFolder(tmp_path))


def test_a_pickled_array_is_not_loaded(tmp_path, images):
    cv2.imwrite(str(tmp_path / "rgb.png"), images[0])
    np.save(tmp_path / "depth_m.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DatasetError, match="not a readable .npy"):
        list(PairFolder(tmp_path))


def test_figures_by_hand():
    truth = np.zeros((20, 20), np.float32)
    truth[:, 10:] = 10
    truth[0, 0] = np.nan
    estimate = np.nan_to_num(truth)
    estimate[8, 9] += 4  # at the edge
    estimate[1, 1] += 3  # in the border
    estimate[0, 0] = 99  # where nothing is known
    errors = metrics.measure(estimate, truth, 4, np.zeros(4), np.full(4, 0.5))
    assert errors.rmse_full == pytest.approx(np.sqrt(25 / 399))
    assert errors.mae_full == pytest.approx(7 / 399)
    assert errors.rmse_crop6 == pytest.approx(np.sqrt(16 / 64))
    assert errors.rmse_edges == pytest.approx(np.sqrt(16 / (20 * 6)))  # two pixels on each side of both columns
    assert errors.consistency == pytest.approx(0.5)


def test_consistent_estimates_reduce_to_the_input_and_are_no_worse(images):
    pair = Pair("a", images[0], np.where(images[1] > 60, 100, images[1]).astype(np.float32), "cm")

    def nearest(rgb, low):
        return np.repeat(np.repeat(low, 8, 0), 8, 1)

    (plain,), (projected,) = (list(protocol.trials([pair], nearest, 8, consistent)) for consistent in (False, True))
    assert projected.errors.consistency < 1e-3 < plain.errors.consistency
    assert projected.errors.rmse_full < plain.errors.rmse_full


def test_an_image_too_small_for_the_scale_says_so(images):
    pair = Pair("tiny", images[0][:20], images[1][:20], "cm")
    with pytest.raises(ValueError, match="tiny of 56 x 20 is too small for x16"):
        protocol.cropped(pair, 16)


@needs_data
@pytest.mark.parametrize(("scale", "full", "crop6"), [(4, 2.176, 2.195), (8, 3.767, 3.793), (16, 6.111, 6.096)])
def test_bicubic_on_middlebury_is_the_known_figure(scale, full, crop6):
    def bicubic(rgb, low):
        rows, columns = (resize_matrix(side, side * scale) for side in low.shape)
        return rows @ low @ columns.T

    summary = protocol.Summary("middlebury", "bicubic", scale, "grey levels")
    for trial in protocol.trials(PairFolder(DATA / "middlebury_dev"), bicubic, scale):
        summary.add(trial)
    assert summary.mean("rmse_full") == pytest.approx(full, abs=6e-4)
    assert summary.mean("rmse_crop6") == pytest.approx(crop6, abs=6e-4)


def test_the_command_writes_table_json_and_page(tmp_path, images, capsys):
    data = tmp_path / "set"
    data.mkdir()
    cv2.imwrite(str(data / "x_RGB.png"), images[0])
    cv2.imwrite(str(data / "x_HR_gt.png"), (images[1] * 20).astype(np.uint16))
    status = main(["evaluate", str(data), "--scale", "4", "--methods", "bicubic,guided_filter",
                   "--json", str(tmp_path / "out.json"), "--html", str(tmp_path / "out.html")])
    assert not status
    results = json.loads((tmp_path / "out.json").read_text())["results"]
    assert [(row["method"], row["scale"], row["images"]) for row in results] == [("bicubic", 4, 1), ("guided_filter", 4, 1)]
    for key in ("dataset", "rmse_full", "rmse_crop6", "mae_full", "rmse_edges", "consistency", "seconds_per_image", "per_image"):
        assert key in results[0]
    assert "guided_filter" in capsys.readouterr().out
    assert (tmp_path / "out.html").read_text().count("<img") == 7


def test_weights_for_any_scale_are_evaluated_at_each(tmp_path, images, monkeypatch):
    data = tmp_path / "set"
    data.mkdir()
    cv2.imwrite(str(data / "x_RGB.png"), images[0])
    cv2.imwrite(str(data / "x_HR_gt.png"), (images[1] * 20).astype(np.uint16))
    path = save_small(tmp_path / "jiif.safetensors", "jiif", None)
    command = ["evaluate", str(data), "--scale", "2", "5", "--methods", "jiif", "--json", str(tmp_path / "out.json")]
    assert main([*command, "--weights", str(path)]) == 0
    named = json.loads((tmp_path / "out.json").read_text())
    assert [row["scale"] for row in named["results"]] == [2, 5]
    assert named["weights_sha256"] == dict.fromkeys(("jiif_x2", "jiif_x5"), sha256_of(path))
    monkeypatch.setattr(registry, "weights_directory", lambda: tmp_path)
    assert main(command) == 0
    assert json.loads((tmp_path / "out.json").read_text())["weights_sha256"] == named["weights_sha256"]


def test_iterations_are_chosen_and_filed(tmp_path, images):
    data = tmp_path / "set"
    data.mkdir()
    cv2.imwrite(str(data / "x_RGB.png"), images[0])
    cv2.imwrite(str(data / "x_HR_gt.png"), (images[1] * 20).astype(np.uint16))
    rows = []
    for options in ([], ["--iterations", "0"], ["--iterations", "120"]):
        options = ["--scale", "4", "--methods", "dada_free", "--json", str(tmp_path / "out.json"), *options]
        assert main(["evaluate", str(data), *options]) == 0
        rows += json.loads((tmp_path / "out.json").read_text())["results"]
    assert [row["iterations"] for row in rows] == [120, 0, 120]
    assert rows[0]["rmse_full"] == rows[2]["rmse_full"] != rows[1]["rmse_full"]


def test_the_command_names_what_it_cannot_do(tmp_path, capsys):
    assert main(["evaluate", str(tmp_path), "--methods", "magic"]) == 2
    assert "known methods" in capsys.readouterr().err
    assert main(["evaluate", str(tmp_path / "none"), "--methods", "bicubic"]) == 2
    assert "no data set folder" in capsys.readouterr().err
    assert main(["evaluate", str(tmp_path), "--scale", "64"]) == 2
    assert "whole number from 2 to 32" in capsys.readouterr().err
    assert main(["evaluate", str(tmp_path), "--methods", "dada_free,bicubic", "--iterations", "9"]) == 2
    assert "'bicubic' has no iterations" in capsys.readouterr().err
