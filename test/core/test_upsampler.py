"""The front door: what goes in, what comes out, and what a frame must look like."""

import copy
from dataclasses import replace

import numpy as np
import pytest
from small_methods import save_small

from depth_sr_ros import FrameError, FrameOptions, Upsampler
from depth_sr_ros.backends import Backend, BackendError, candidates, make_backend
from depth_sr_ros.backends.base import run_eager
from depth_sr_ros.backends.torch_eager import TorchEager
from depth_sr_ros.core import depth_image
from depth_sr_ros.core.compiled_method import CompiledMethod
from depth_sr_ros.core.depth_range import DepthRange
from depth_sr_ros.files.depth_units import from_uint16_mm, to_uint16_mm
from depth_sr_ros.methods.errors import MethodError
from depth_sr_ros.methods.layers import resize_matrix
from depth_sr_ros.methods.registry import load_method

BASELINES = [("bicubic", 4), ("bicubic", 8), ("guided_filter", 8)]
EVERY = [*BASELINES, ("fdkn", 8)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Weights by method: chance values for a learned one, so that these tests ask for no training."""
    import torch

    from depth_sr_ros.methods.fdkn import FDKN
    from depth_sr_ros.methods.weights import Manifest, save_weights

    torch.manual_seed(0)
    state = FDKN(8).state_dict()
    for name in state:
        if ".weights." in name or ".offsets." in name:
            state[name] *= 30  # kernels and offsets that matter: chance ones hardly differ from bicubic
    path = tmp_path_factory.mktemp("weights") / "fdkn_x8.safetensors"
    save_weights(path, state, Manifest(method="fdkn", scale=8, sha256=""))
    return {"fdkn": path}.get


def scene(height=24, width=32, scale=8) -> tuple[np.ndarray, np.ndarray]:
    """A tilted wall with a disc in front: (s*h, s*w, 3) uint8 and (s*h, s*w) float32 metres."""
    rows, columns = np.mgrid[0 : scale * height, 0 : scale * width].astype(np.float32)
    rows, columns = rows / (scale * height), columns / (scale * width)
    disc = (rows - 0.5) ** 2 + (columns - 0.4) ** 2 < 0.06
    depth = np.where(disc, 1.2, 2.0 + columns).astype(np.float32)
    rgb = np.stack([np.where(disc, 200, 60 + 40 * rows), 90 + 50 * columns, np.where(disc, 30, 120)], -1)
    return rgb.astype(np.uint8), depth


def reduced(depth: np.ndarray, scale: int) -> np.ndarray:
    height, width = (n // scale for n in depth.shape)
    return resize_matrix(depth.shape[0], height) @ depth @ resize_matrix(depth.shape[1], width).T


@pytest.mark.parametrize("method, scale", BASELINES)
def test_a_baseline_upsamples(method, scale):
    rgb, ground_truth = scene(scale=scale)
    result = Upsampler(method, scale)(rgb, reduced(ground_truth, scale))
    assert result.depth.shape == result.valid.shape == ground_truth.shape
    assert result.depth.dtype == np.float32 and result.valid.dtype == bool and result.valid.all()
    assert result.method == method
    assert np.sqrt(np.mean((result.depth - ground_truth) ** 2)) < 0.2
    assert result.times_ms["total"] >= result.times_ms["network"] > 0


def test_bicubic_is_the_bicubic_of_the_literature():
    rgb, ground_truth = scene()
    low = reduced(ground_truth, 8)
    expected = resize_matrix(24, 192) @ low @ resize_matrix(32, 256).T
    np.testing.assert_allclose(Upsampler("bicubic", 8, clip_to_measured=False)(rgb, low).depth, expected, atol=1e-5)


@pytest.mark.parametrize("backend, precision", [(b.name, p) for b in candidates("auto") for p in b.precisions()])
def test_every_backend_gives_what_the_method_gives_as_a_whole(backend, precision, weights):
    import torch

    rgb, ground_truth = scene()
    low = reduced(ground_truth, 8)
    depth_range = DepthRange.linear(low)
    unit = depth_range.to_unit(low)
    guide = torch.from_numpy(rgb).permute(2, 0, 1)[None] / 255
    whole = load_method("fdkn", 8, weights("fdkn"))(guide, torch.from_numpy(unit)[None, None])[0, 0].numpy()
    expected = depth_range.to_metres(whole)
    options = {"backend": backend, "precision": precision, "weights": weights("fdkn"), "clip_to_measured": False}
    result = Upsampler("fdkn", 8, **options)(rgb, low)
    assert result.backend == backend and {"network", "sample"} <= set(result.times_ms)
    allowed = 1e-4 if precision == "f32" else 0.01
    assert np.sqrt(np.mean((result.depth - expected) ** 2)) < allowed
    bicubic = Upsampler("bicubic", 8)(rgb, low).depth
    assert np.sqrt(np.mean((bicubic - expected) ** 2)) > 3 * allowed, "the network has no say: this test shows nothing"


class TestDepthIn:
    rgb, ground_truth = scene()
    low = reduced(ground_truth, 8)
    upsampler = Upsampler("bicubic", 8)

    def test_millimetres_and_metres_agree(self):
        millimetres = to_uint16_mm(self.low)
        metres = self.upsampler(self.rgb, from_uint16_mm(millimetres))
        np.testing.assert_array_equal(self.upsampler(self.rgb, millimetres).depth, metres.depth)

    @pytest.mark.filterwarnings("error")
    @pytest.mark.parametrize("dtype", [np.float16, np.float64, ">f4", ">u2"])
    def test_any_width_and_byte_order_of_numbers(self, dtype):
        low = (1000 * self.low if np.dtype(dtype).kind == "u" else self.low).astype(dtype)
        np.testing.assert_allclose(self.upsampler(self.rgb, low).depth, self.upsampler(self.rgb, self.low).depth, atol=2e-3)

    @pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf, 0.0, -1.0, 1e30])
    def test_invalid_depth_stays_invalid_and_bleeds_nowhere(self, hole):
        low = self.low.copy()
        low[8:12, 5:9] = hole
        low[0, :] = hole
        upsampler = Upsampler("bicubic", 8, max_depth=10.0)
        result = upsampler(self.rgb, low)
        np.testing.assert_array_equal(result.valid, depth_image.upsample_mask(depth_image.valid_mask(low, 0, 10.0), 8))
        np.testing.assert_array_equal(np.isnan(result.depth), ~result.valid)
        other = np.where(depth_image.valid_mask(low, 0, 10.0), low, np.float32(np.nan))
        np.testing.assert_array_equal(result.depth, upsampler(self.rgb, other).depth)
        assert np.nanmin(result.depth) > 1.0 and np.nanmax(result.depth) < 3.3

    def test_a_network_does_not_see_into_holes_either(self, weights):
        upsampler = Upsampler("fdkn", 8, weights=weights("fdkn"), max_depth=100.0)
        results = []
        for hole in (0.0, np.inf, 1e6):
            spoilt = self.low.copy()
            spoilt[8:12, 5:9] = hole
            results.append(upsampler(self.rgb, spoilt).depth)
        np.testing.assert_array_equal(results[0], results[1])
        np.testing.assert_array_equal(results[0], results[2])

    @pytest.mark.filterwarnings("error")
    def test_a_number_too_large_for_float32_is_unknown(self):
        low = self.low.astype(np.float64)
        low[2, 3] = 1e300
        assert not self.upsampler(self.rgb, low).valid[16:24, 24:32].any()

    def test_holes_are_filled_when_asked(self):
        low = self.low.copy()
        low[8:12, 5:9] = np.nan
        result = Upsampler("bicubic", 8, fill_holes=True)(self.rgb, low)
        assert result.valid.all() and np.isfinite(result.depth).all()

    def test_out_of_range_is_unknown_and_results_keep_to_the_range(self):
        result = Upsampler("bicubic", 8, min_depth=1.5, max_depth=2.5)(self.rgb, self.low)
        expected = (self.low >= 1.5) & (self.low <= 2.5)
        np.testing.assert_array_equal(result.valid, depth_image.upsample_mask(expected, 8))
        assert np.nanmin(result.depth) >= 1.5 and np.nanmax(result.depth) <= 2.5

    @pytest.mark.parametrize("dtype, factor", [(np.float32, 1), (np.float64, 1), (np.uint16, 1000)])
    def test_what_a_mask_hides_is_unknown(self, dtype, factor):
        low = np.ma.array((factor * self.low).astype(dtype), mask=np.zeros(self.low.shape, bool))
        low[8:12, 5:9] = np.ma.masked
        holes = low.filled(0)
        result = self.upsampler(self.rgb, low)
        np.testing.assert_array_equal(result.depth, self.upsampler(self.rgb, holes).depth)
        assert type(result.depth) is np.ndarray and not result.valid[64:96, 40:72].any()

    def test_constant_depth_stays_constant(self):
        result = self.upsampler(self.rgb, np.full((24, 32), 1.7, np.float32))
        assert (result.depth == np.float32(1.7)).all()

    def test_one_valid_pixel_is_enough(self):
        low = np.full((24, 32), np.nan, np.float32)
        low[3, 4] = 2.0
        result = self.upsampler(self.rgb, low)
        assert result.valid.sum() == 64 and (result.depth[24:32, 32:40] == 2.0).all()

    def test_nothing_is_written_to_the_input(self):
        low = self.low.copy()
        low[2, 2] = np.nan
        low.setflags(write=False)
        rgb = self.rgb.copy()
        rgb.setflags(write=False)
        before = low.copy()
        self.upsampler(rgb, low)
        np.testing.assert_array_equal(low, before)

    def test_views_that_are_not_contiguous_do(self):
        wide = np.repeat(self.low, 2, axis=1)
        result = self.upsampler(self.rgb[:, :, ::-1][:, :, ::-1], wide[:, ::2])
        np.testing.assert_array_equal(result.depth, self.upsampler(self.rgb, self.low).depth)


def test_numpys_numbers_do_as_well():
    options = {"min_depth": np.float32(1.5), "max_depth": np.int64(3), "threads": np.int32(1), "fill_holes": np.True_}
    upsampler = Upsampler("bicubic", np.int64(8), **options)
    assert upsampler.scale == 8 and upsampler(RGB, 2 * LOW).depth.shape == (192, 256)


@pytest.mark.parametrize("method, scale", EVERY)
def test_a_result_is_not_overwritten_by_the_next(method, scale, weights):
    rgb, ground_truth = scene(scale=scale)
    upsampler = Upsampler(method, scale, weights=weights(method))
    first = upsampler(rgb, reduced(ground_truth, scale))
    kept = first.depth.copy()
    upsampler(255 - rgb, reduced(ground_truth[::-1].copy(), scale))
    np.testing.assert_array_equal(first.depth, kept)


@pytest.mark.parametrize("method", ["guided_filter", "fdkn"])
@pytest.mark.parametrize("factor", [0.5, 2.0, 3.5])
def test_a_guide_of_another_size_is_resized(method, factor, weights):
    import cv2

    rgb, ground_truth = scene()
    other = cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    upsampler = Upsampler(method, 8, weights=weights(method))
    result, reference = (upsampler(guide, reduced(ground_truth, 8)) for guide in (other, rgb))
    assert result.depth.shape == ground_truth.shape
    assert np.sqrt(np.mean((result.depth - reference.depth) ** 2)) < 0.1


@pytest.mark.parametrize("height, width", [(192, 253), (190, 256), (1, 1)])
def test_a_guide_whose_size_was_rounded_is_taken(height, width):
    depth = LOW if height > 1 else LOW[:24, :24]
    assert Upsampler("bicubic", 8)(RGB[:height, :width], depth).valid.all()


def test_the_processes_threads_are_left_as_they_were(weights):
    import torch

    before = torch.get_num_threads()
    rgb, ground_truth = scene()
    for method in ("bicubic", "fdkn"):
        Upsampler(method, 8, weights=weights(method))(rgb, reduced(ground_truth, 8))
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("method, scale", EVERY)
@pytest.mark.parametrize("shape", [(2, 2), (3, 5), (7, 2)])
def test_small_and_odd_images_go_through(method, scale, shape, weights):
    rgb, ground_truth = scene(*shape, scale=scale)
    result = Upsampler(method, scale, backend="torch_eager", weights=weights(method))(rgb, reduced(ground_truth, scale))
    assert result.depth.shape == (scale * shape[0], scale * shape[1]) and result.valid.all()


def test_the_size_may_change_in_mid_stream():
    upsampler = Upsampler("bicubic", 4)
    for shape in ((24, 32), (12, 40), (24, 32)):
        rgb, ground_truth = scene(*shape, scale=4)
        assert upsampler(rgb, reduced(ground_truth, 4)).depth.shape == ground_truth.shape


def test_options_may_change_between_frames():
    rgb, ground_truth = scene()
    low = reduced(ground_truth, 8)
    low[4, 4] = np.nan
    upsampler = Upsampler("bicubic", 8)
    assert not upsampler(rgb, low).valid.all()
    assert upsampler(rgb, low, FrameOptions(fill_holes=True)).valid.all()
    assert not upsampler(rgb, low).valid.all(), "what one frame was given holds for it alone"


def test_an_option_that_there_is_not_names_those_that_there_are():
    with pytest.raises(TypeError, match="no option 'fill_hole'; options are: fill_holes, .*iterations"):
        Upsampler("bicubic", 8, fill_hole=True)


def test_edges_do_not_overshoot_unless_they_may():
    low = np.full((8, 8), 4.0, np.float32)
    low[:, 4] = 0.3  # beside it, a bicubic image of this rod is farther than the wall
    upsampler = Upsampler("bicubic", 8)
    rgb = np.zeros((64, 64, 3), np.uint8)
    clipped = upsampler(rgb, low).depth
    assert clipped.min() >= np.float32(0.3) and clipped.max() <= 4
    free = FrameOptions(clip_to_measured=False)
    assert upsampler(rgb, low, free).depth.max() > 4.1
    consistent = upsampler(rgb, low, replace(free, consistency=True)).depth
    # clipping would make it inconsistent, or the projection overshoot more
    np.testing.assert_array_equal(upsampler(rgb, low, FrameOptions(consistency=True)).depth, consistent)


def test_consistency_brings_the_measurement_back():
    rgb, ground_truth = scene()
    low = reduced(ground_truth, 8)
    plain = Upsampler("guided_filter", 8)(rgb, low).depth
    consistent = Upsampler("guided_filter", 8, consistency=True)(rgb, low).depth
    assert np.abs(reduced(plain, 8) - low).max() > 1e-3
    np.testing.assert_allclose(reduced(consistent, 8), low, atol=1e-4)
    assert np.linalg.norm(consistent - ground_truth) < np.linalg.norm(plain - ground_truth)


def test_an_ensemble_sees_the_frame_from_four_sides(weights):
    rgb, ground_truth = scene(12, 16)
    low = reduced(ground_truth, 8)
    options = {"weights": weights("fdkn"), "clip_to_measured": False}
    plain, ensemble = (Upsampler("fdkn", 8, ensemble=on, **options) for on in (False, True))
    sides = [np.flip(plain(np.flip(rgb, axes), np.flip(low, axes)).depth, axes) for axes in ((), (0,), (1,), (0, 1))]
    assert np.abs(sides[0] - sides[1]).max() > 1e-3
    result = ensemble(rgb, low)
    np.testing.assert_allclose(result.depth, np.mean(sides, 0), atol=1e-4)
    stages = [time for stage, time in result.times_ms.items() if stage != "total"]
    assert sum(stages) == pytest.approx(result.times_ms["total"])


class FailingBackend(Backend):
    """A runtime that compiles nothing, and counts how often it was asked to."""

    name = "failing"
    tried = 0

    def unavailable(self):
        return None

    def precisions(self):
        return ("f32",)

    def build(self, module, example_inputs, precision):
        self.tried += 1
        raise BackendError("failing cannot compile anything")


def test_where_one_backend_fails_to_compile_the_next_one_serves(weights, caplog):
    method = load_method("fdkn", 8, weights("fdkn"))
    network = CompiledMethod(method, [FailingBackend(), make_backend("torch_eager")], "f32", (6, 8))
    assert network.backend == "torch_eager"
    assert "failing cannot compile anything; took torch_eager instead" in caplog.text


def test_where_all_backends_fail_every_reason_is_given(weights):
    method = load_method("fdkn", 8, weights("fdkn"))
    with pytest.raises(BackendError, match="cannot compile anything; failing cannot"):
        CompiledMethod(method, [FailingBackend(), FailingBackend()], "f32", (6, 8))


def test_a_compilation_that_failed_is_not_tried_for_every_frame(weights, monkeypatch):
    backend = FailingBackend()
    monkeypatch.setattr("depth_sr_ros.core.upsampler.candidates", lambda *_: [backend])
    upsampler = Upsampler("fdkn", 8, weights=weights("fdkn"))
    rgb, ground_truth = scene()
    for _ in range(3):
        with pytest.raises(BackendError, match="failing cannot compile anything"):
            upsampler(rgb, reduced(ground_truth, 8))
    assert backend.tried == 1


class CountingEager(TorchEager):
    """Eager PyTorch that counts what it compiles; with the device "cuda" it gets methods whole, as a GPU does."""

    device = "cpu"

    def __init__(self, device):
        super().__init__()
        self.device, self.built = device, 0

    def build(self, module, example_inputs, precision):
        self.built += 1
        compiled = copy.deepcopy(module)
        return lambda *inputs: run_eager(compiled, inputs)


class TestIterations:
    rgb, ground_truth = scene()
    low = reduced(ground_truth, 8)

    def depth(self, method="dada_free", **options):
        return Upsampler(method, 8, **options)(self.rgb, self.low).depth

    def test_fewer_iterations_give_another_depth(self):
        depths = [self.depth(iterations=number) for number in (0, 3, 60, None)]
        for first, second in zip(depths, depths[1:], strict=False):
            assert np.abs(first - second).max() > 1e-3
        np.testing.assert_array_equal(depths[3], self.depth(iterations=120))

    @pytest.mark.parametrize("number", [0, 1, 200])
    def test_the_result_agrees_with_the_input_at_any_number(self, number):
        blocks = self.depth(iterations=number, clip_to_measured=False).reshape(24, 8, 32, 8).mean((1, 3))
        np.testing.assert_allclose(blocks, self.low, rtol=1e-4)

    def test_a_number_holds_for_its_frame(self):
        upsampler = Upsampler("dada_free", 8)
        own = upsampler(self.rgb, self.low).depth
        for number in (3, 0):
            found = upsampler(self.rgb, self.low, FrameOptions(iterations=number)).depth
            np.testing.assert_array_equal(found, self.depth(iterations=number))
        np.testing.assert_array_equal(upsampler(self.rgb, self.low).depth, own)

    @pytest.mark.parametrize("device, compilations", [("cpu", 1), ("cuda", 2)])
    def test_a_network_is_compiled_anew_only_where_its_engine_took_the_number(
        self, device, compilations, tmp_path, monkeypatch
    ):
        backend = CountingEager(device)
        monkeypatch.setattr("depth_sr_ros.core.upsampler.candidates", lambda *_: [backend])
        weights = save_small(tmp_path / "dada.safetensors", "dada", 8)
        upsampler = Upsampler("dada", 8, weights=weights)
        own = upsampler(self.rgb, self.low).depth
        for number in (4, 4):
            found = upsampler(self.rgb, self.low, FrameOptions(iterations=number)).depth
        assert backend.built == compilations
        expected = [self.depth("dada", weights=weights, iterations=number) for number in (4, 40)]
        np.testing.assert_allclose(found, expected[0], atol=1e-5)
        np.testing.assert_allclose(own, expected[1], atol=1e-5, err_msg="40 is what the weights' manifest says")
        assert np.abs(expected[0] - expected[1]).max() > 1e-3

    def test_a_method_without_iterations_names_those_that_have_them(self):
        with pytest.raises(MethodError, match="'bicubic' has no iterations.*dada, dada_free"):
            Upsampler("bicubic", 8, iterations=5)
        with pytest.raises(MethodError, match="dada, dada_free"):
            Upsampler("bicubic", 8)(self.rgb, self.low, FrameOptions(iterations=0))

    @pytest.mark.parametrize("number", [-1, 2.5, "many", True])
    def test_a_wrong_number_is_refused(self, number):
        with pytest.raises(ValueError, match=f"iterations must be.*{number}"):
            FrameOptions(iterations=number)


RGB, LOW = scene()[0], np.ones((24, 32), np.float32)


@pytest.mark.parametrize(
    "rgb, depth, reason, says",
    [
        (RGB[..., 0], LOW, "bad_guide", r"\(192, 256\) uint8"),
        (RGB.astype(np.float32), LOW, "bad_guide", "float32"),
        (np.zeros((0, 5, 3), np.uint8), LOW, "bad_guide", r"\(0, 5, 3\)"),
        (None, LOW, "bad_guide", "NoneType"),
        (RGB[:, :192], LOW, "bad_guide", "192 x 192, depth image 32 x 24 pixels"),
        (RGB.transpose(1, 0, 2), LOW, "bad_guide", "192 x 256, depth image 32 x 24 pixels"),
        (RGB[:, :240], LOW, "bad_guide", "240 x 192"),
        (RGB, LOW[None], "bad_depth", r"\(1, 24, 32\)"),
        (RGB, LOW.astype(np.uint8), "bad_depth", "uint8"),
        (RGB, LOW.astype(np.int32), "bad_depth", "int32"),
        (RGB, LOW[:0], "bad_depth", "32 x 0"),
        (RGB, LOW[:1], "bad_depth", "32 x 1"),
        (RGB, LOW.tolist(), "bad_depth", "list"),
        (RGB, np.ones((3000, 4000), np.float32), "too_large", "32000 x 24000"),
        (np.broadcast_to(np.uint8(9), (480000, 640000, 3)), LOW, "too_large", "guide of 640000 x 480000"),
        (RGB, np.ma.masked_all((24, 32), np.float32), "no_valid_depth", "none of the 768"),
        (RGB, LOW * np.nan, "no_valid_depth", "none of the 768"),
        (RGB, LOW * 0, "no_valid_depth", "none of the 768"),
        (RGB, LOW * -1, "no_valid_depth", "none of the 768"),
        (RGB, LOW * np.inf, "no_valid_depth", "none of the 768"),
        (RGB, np.zeros((24, 32), np.uint16), "no_valid_depth", "none of the 768"),
    ],
)
def test_a_bad_frame_costs_one_frame_and_says_why(rgb, depth, reason, says):
    upsampler = Upsampler("bicubic", 8)
    with pytest.raises(FrameError, match=says) as caught:
        upsampler(rgb, depth)
    assert caught.value.reason == reason
    assert upsampler(RGB, LOW).valid.all()


def test_millimetres_as_floats_are_warned_of_once(caplog):
    upsampler = Upsampler("bicubic", scale=8)
    metres = np.linspace(1, 3, LOW.size, dtype=np.float32).reshape(LOW.shape)
    upsampler(RGB, metres)
    assert not caplog.records
    for _ in range(2):
        upsampler(RGB, metres * 1000)
    (record,) = caplog.records
    assert "the nearest 1000 m" in record.getMessage() and "millimetres?" in record.getMessage()


@pytest.mark.parametrize("unit", [0.0001, 1 / 5000, 1 / 8000])
def test_integer_depth_counts_in_its_unit(unit):
    metres = np.linspace(1, 3, LOW.size, dtype=np.float32).reshape(LOW.shape)
    counts = np.rint(metres / unit).astype(np.uint16)
    by_unit = Upsampler("bicubic", scale=8, depth_unit=unit)(RGB, counts).depth
    np.testing.assert_allclose(by_unit, Upsampler("bicubic", scale=8)(RGB, metres).depth, atol=2 * unit)
    with pytest.raises(ValueError, match="depth_unit is 0.0"):
        Upsampler("bicubic", depth_unit=0.0)


def test_values_of_no_return_are_invalid():
    counts = np.full(LOW.shape, 1500, np.uint16)
    counts[0, 0], counts[0, 1] = 65535, 7777
    upsampler = Upsampler("bicubic", scale=8)
    assert upsampler(RGB, counts).valid.sum() == (LOW.size - 1) * 64
    options = replace(upsampler.options, no_return=(65535, 7777))
    result = upsampler(RGB, counts, options)
    assert result.valid.sum() == (LOW.size - 2) * 64
    np.testing.assert_allclose(result.depth[result.valid], 1.5, atol=1e-6)
    with pytest.raises(TypeError, match="no_return must be numbers"):
        Upsampler("bicubic", no_return="65535")


def test_depth_that_only_the_limits_make_unknown_says_so():
    upsampler = Upsampler("bicubic", scale=8, min_depth=50.0)
    with pytest.raises(FrameError, match="between min_depth, 50 m, and max_depth, inf m"):
        upsampler(RGB, LOW)


@pytest.mark.parametrize(
    "arguments, error, says",
    [
        (dict(method="bicubik"), MethodError, "bicubik.*bicubic"),
        (dict(method="bicubic", scale=1), MethodError, "scale 1 "),
        (dict(method="fdkn", scale=7), MethodError, "x7"),
        (dict(method="fdkn", weights="no/such.safetensors"), MethodError, "no/such.safetensors"),
        (dict(method="bicubic", backend="cuda"), BackendError, "'cuda'.*torch_eager"),
        (dict(method="bicubic", backend="torch_eager", precision="f8"), BackendError, "'f8'.*auto, f32"),
        (dict(method="bicubic", precision="f8"), BackendError, "'f8'.*auto, .*f32"),
        (dict(method="bicubic", min_depth=-1), ValueError, "-1"),
        (dict(method="bicubic", min_depth=3, max_depth=2), ValueError, r"\[3, 2\]"),
        (dict(method="bicubic", max_depth=float("nan")), ValueError, "nan"),
        (dict(method="bicubic", threads=0), ValueError, "threads"),
        (dict(method=["fdkn"]), MethodError, r"unknown method \['fdkn'\]: known methods are"),
        (dict(method="bicubic", threads="2"), TypeError, "threads must be a whole number or None, got '2'"),
        (dict(method="bicubic", threads=1.5), TypeError, "threads must be a whole number or None, got 1.5"),
        (dict(method="bicubic", min_depth="1"), TypeError, "min_depth must be a number of metres, got '1'"),
        (dict(method="bicubic", max_depth=None), TypeError, "max_depth must be a number of metres, got None"),
        (dict(method="fdkn", weights=5), TypeError, "weights must be the name of a file or None, got 5"),
        (dict(method="bicubic", fill_holes="no"), TypeError, "fill_holes must be True or False, got 'no'"),
        (dict(method="bicubic", clip_to_measured=0), TypeError, "clip_to_measured must be True or False, got 0"),
        (dict(method="bicubic", consistency="no"), TypeError, "consistency must be True or False"),
        (dict(method="bicubic", ensemble=4), TypeError, "ensemble must be True or False"),
    ],
)
def test_a_wrong_choice_is_refused_at_once(arguments, error, says):
    with pytest.raises(error, match=says):
        Upsampler(**arguments)
