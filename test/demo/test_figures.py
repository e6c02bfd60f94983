"""What the demo makes of what it has seen: figures, table, picture."""

import numpy as np
import pytest

from depth_sr_ros.demo import figures
from depth_sr_ros.demo.figures import Figures, Sample
from depth_sr_ros.demo.preview import INVALID, colour_error, demo_picture, legend

SCALE = 8


def sample(offset=0.0, holes=()):
    """A tilted plane; its result is off by `offset` metres and invalid in the measured pixels `holes`."""
    depth = np.linspace(1, 2, 48, dtype=np.float32).reshape(6, 8)
    for hole in holes:
        depth[hole] = np.nan
    ground_truth = np.kron(np.linspace(1, 2, 48).reshape(6, 8), np.ones((SCALE, SCALE))).astype(np.float32)
    invalid = np.kron(np.isnan(depth), np.ones((SCALE, SCALE), bool))
    result = np.where(invalid, np.nan, ground_truth + np.float32(offset))
    return Sample(np.zeros((48, 64, 3), np.uint8), depth, result, ground_truth)


def outcome(**changed):
    values = dict(
        method="fdkn",
        scale=8,
        backend="openvino",
        duration_s=15.0,
        input_hz=30.0,
        output_hz=14.9,
        latency_ms={"p50": 61.0, "p95": 70.0, "p99": 81.0},
        rmse_m=0.03,
        rmse_bicubic_m=0.04,
        mae_m=0.01,
        mae_bicubic_m=0.02,
        frames_compared=16,
    )
    return Figures(**{**values, **changed})


def test_percentiles_are_in_milliseconds():
    assert figures.latency_percentiles(np.arange(101) / 1000) == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
    assert figures.latency_percentiles([0.02]) == {"p50": 20.0, "p95": 20.0, "p99": 20.0}


def test_drops_are_those_of_the_time_between_two_reports():
    before = {"hz.out": "3.0", "drops.superseded": "5", "drops.too_old": "2"}
    after = {"hz.out": "4.0", "drops.superseded": "9", "drops.too_old": "2", "drops.bad_guide": "1"}
    assert figures.drops_between(before, after) == {"superseded": 4, "bad_guide": 1}
    assert figures.drops_between(before, before) == {}


def test_errors_are_pooled_over_the_frames():
    errors = figures.compare([sample(0.3), sample(-0.1)], SCALE)
    assert errors["rmse_m"] == pytest.approx(np.sqrt((0.3**2 + 0.1**2) / 2), abs=1e-4)
    assert errors["mae_m"] == pytest.approx(0.2, abs=1e-4)


def test_bicubic_is_measured_on_the_pixels_that_the_result_knows():
    one = sample()
    wrong = (figures.bicubic_upsampler(SCALE)(one) - one.ground_truth)[:, :32]
    half = one.result.copy()
    half[:, 32:] = np.nan
    errors = figures.compare([Sample(one.rgb, one.depth, half, one.ground_truth)], SCALE)
    assert errors["rmse_bicubic_m"] == pytest.approx(np.sqrt(np.mean(wrong**2)), abs=1e-4)
    assert errors["mae_bicubic_m"] == pytest.approx(np.mean(np.abs(wrong)), abs=1e-4)


def test_holes_do_not_count():
    errors = figures.compare([sample(0.1, holes=[(2, 3), (0, 0)])], SCALE)
    assert errors["rmse_m"] == pytest.approx(0.1, abs=1e-3) and np.isfinite(errors["rmse_bicubic_m"])


def test_nothing_to_compare_is_not_a_number():
    nothing = sample()
    nothing.result[:] = np.nan
    assert np.isnan(list(figures.compare([nothing], SCALE).values())).all()


def test_the_table_says_what_was_measured():
    text = figures.table(outcome(drops={"superseded": 7, "bad_step": 1}))
    for words in (
        "fdkn x8 on openvino",
        "30.0 Hz",
        "14.9 Hz",
        "p50 61.0, p95 70.0, p99 81.0 ms",
        "bad_step 1, superseded 7",
    ):
        assert words in text
    assert "0.030 m, bicubic 0.040 m: 25 % less" in text and "0.010 m, bicubic 0.020 m: 50 % less" in text
    assert "none" in figures.table(outcome())


def test_the_table_does_not_hide_that_bicubic_was_better():
    assert "bicubic 0.040 m: 25 % more" in figures.table(outcome(rmse_m=0.05))


def test_error_colours():
    colours = colour_error(np.array([[0.0, 0.1, 0.2, 5.0, -0.2, np.nan]], np.float32), limit=0.2)[0].astype(int)
    brightness = colours.sum(-1)
    assert brightness[0] < 30 and brightness[0] < brightness[1] < brightness[2]
    assert (colours[2] == colours[3]).all() and (colours[2] == colours[4]).all()
    assert tuple(colours[5]) == INVALID


def test_the_picture_shows_all_eight_parts():
    one = sample(0.1, holes=[(2, 3)])
    one.rgb[:] = (10, 200, 30)
    bicubic = figures.bicubic_upsampler(SCALE)(one)
    picture = demo_picture(one.rgb, one.depth, bicubic, one.result, one.ground_truth, "fdkn")
    rows, columns = picture.shape[0] // 2, picture.shape[1] // 4
    assert columns == 64 and rows > 48
    places = [(row, column) for row in (0, 1) for column in range(4)]
    cells = [picture[(row + 1) * rows - 48 : (row + 1) * rows, column * 64 : (column + 1) * 64] for row, column in places]
    guide, measured, bicubic_cell, result, ground_truth, bicubic_error, error, colours = cells
    assert (guide == (10, 200, 30)).all()
    inside = (2 * SCALE + 4, 3 * SCALE + 4)
    for depth in (measured, bicubic_cell, result):
        assert not depth[inside].any()  # a hole is black
    assert ground_truth[inside].any()
    for map_ in (bicubic_error, error):
        assert tuple(map_[inside]) == INVALID
    known = ~np.isnan(one.result)
    assert np.ptp(error[known].astype(int), axis=0).max() < 4  # the same error everywhere
    assert np.ptp(bicubic_error[known].astype(int), axis=0).max() > 40
    assert colours.any()


def test_one_scale_of_errors_for_both_maps():
    one = sample(1.0)
    exact = np.ascontiguousarray(one.ground_truth)
    picture = demo_picture(one.rgb, one.depth, exact, one.result, one.ground_truth, "worse")
    rows = picture.shape[0] // 2
    exact_map, worse_map = (picture[-40:-8, column * 64 : (column + 1) * 64].astype(int).mean() for column in (1, 2))
    assert exact_map < 10 < worse_map and rows > 48


def test_the_legend_has_a_bar_of_each_colour_scale():
    picture = legend(480, 640, 0.5, 4.0, 0.3)
    assert picture.shape == (480, 640, 3)
    depth, error = (picture[60:450, column].astype(int) for column in (50, 370))
    assert depth[0, 0] > depth[0, 2] and depth[-1, 2] > depth[-1, 0]  # red near, blue far
    assert error[0].sum() < 30 and error[-1].sum() > 400
