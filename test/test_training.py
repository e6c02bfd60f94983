"""Training: samples, degradations, recipes, and runs that survive being killed."""
import shutil
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from PIL import Image
from small_training import TINY

from depth_sr_ros.cli import main
from depth_sr_ros.methods.errors import MethodError
from depth_sr_ros.methods.registry import load_method, method_class
from depth_sr_ros.methods.weights import Manifest, load_weights, save_weights
from depth_sr_ros.training import degrade, scene_pool, trainer
from depth_sr_ros.training.losses import training_loss
from depth_sr_ros.training.precision import computed_in
from depth_sr_ros.training.recipe import Recipe, RecipeError, identity, load_recipe, recipes_directory
from depth_sr_ros.training.samples import Samples
from depth_sr_ros.training.start import fitted_to, read_start
from depth_sr_ros.training.trainer import MOST_WORKERS, VALIDATION_SEED, Trainer, runs, workers_for

pytestmark = pytest.mark.usefixtures("short_runs_on_the_cpu")

CLEAN = degrade.Degradation(
    shift=0, warp=0, jagged_chance=0, depth_blur_chance=0, guide_noise=0, grey_chance=0, sensor_chance=0,
    partial_chance=0,
)  # fmt: skip
ANY = Recipe(
    "any", "jiif", (4, 8, 16),
    {"depth_width": 4, "depth_blocks": 1, "guide_width": 4, "guide_blocks": 1, "hidden": [6], "training_queries": 50},
    steps=5, batch=2, crop=32, scenes=2, warmup=1, average=0.5,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_samples_are_the_same_whenever_and_wherever_made(pool):
    first = Samples(8, 64, 1, 2, 6, directory=pool)
    again = Samples(8, 64, 1, 2, 6, directory=pool)
    for index in (4, 0, 4):
        for a, b in zip(first[index], again[index]):
            assert torch.equal(a, b)
    assert not torch.equal(first[0][2], first[1][2])


def test_a_clean_sample_is_the_protocols(pool):
    """The low resolution is PIL's bicubic reduction of the truth; the truth fills [0, 1]."""
    guide, low, truth = Samples(8, 64, 1, 2, 3, CLEAN, pool)[1]
    assert guide.shape == (3, 64, 64) and low.shape == (1, 8, 8) and truth.shape == (1, 64, 64)
    assert truth.min() == 0 and truth.max() == 1 and guide.min() >= 0 and guide.max() <= 1
    expected = np.asarray(Image.fromarray(truth[0].numpy(), mode="F").resize((8, 8), Image.BICUBIC))
    assert np.abs(low[0].numpy() - expected).max() < 1e-6


def test_a_part_of_the_range_holds_both_resolutions_alike(pool):
    _, low, truth = Samples(8, 64, 1, 2, 8, CLEAN, pool)[5]
    _, low_part, part = Samples(8, 64, 1, 2, 8, replace(CLEAN, partial_chance=1.0, partial_range=0.5), pool)[5]
    share, start = part.max() - part.min(), part.min()
    assert 0.5 <= share < 1 and start >= 0 and part.max() <= 1
    assert torch.allclose(part, start + share * truth, atol=1e-6)
    assert torch.allclose(low_part, start + share * low, atol=1e-6)


def test_a_measured_sample_is_the_sensors(pool):
    """Its low resolution errs where a sensor's does: about right on surfaces, in between at edges."""
    guide, low, truth = Samples(8, 64, 1, 2, 3, replace(CLEAN, tof_chance=1.0), pool)[1]
    assert low.shape == (1, 8, 8) and low.min() == 0 and low.max() == 1 and low.isfinite().all()
    blocks = truth.view(8, 8, 8, 8).transpose(1, 2).flatten(2)
    lowest, highest = blocks.amin(-1), blocks.amax(-1)
    assert ((low[0] > lowest - 0.05) & (low[0] < highest + 0.05)).float().mean() > 0.9
    clean = Samples(8, 64, 1, 2, 3, CLEAN, pool)[1][1]
    assert not torch.equal(low, clean)


def test_holes_are_along_edges_and_filled_with_what_was_measured(pool):
    step = torch.zeros(1, 40, 40)
    step[..., 20:] = 1
    unseen = torch.stack([~degrade.seen(step, replace(CLEAN, hole_share=0.2), seeded(seed)) for seed in range(40)])
    shares = unseen.float().mean((1, 2, 3))
    assert shares.max() <= 0.2 and shares.max() - shares.min() > 0.1
    assert unseen[..., 19:21].float().mean() > 2 * unseen[..., :15].float().mean() > 0
    amount = replace(CLEAN, hole_chance=1.0)
    for index in range(3):
        guide, low, truth = Samples(8, 64, 1, 2, 3, amount, pool)[index]
        whole_guide, whole, whole_truth = Samples(8, 64, 1, 2, 3, CLEAN, pool)[index]
        assert torch.equal(guide, whole_guide) and torch.equal(truth, whole_truth)
        filled = low != whole
        assert filled.float().mean() <= amount.hole_share and set(low.flatten().tolist()) <= set(whole.flatten().tolist())
    assert filled.any()


def test_a_crop_that_does_not_fit_is_refused(pool):
    for crop in (60, 400, 4):
        with pytest.raises(ValueError, match=f"crop {crop}"):
            Samples(8, crop, 1, 2, 3, directory=pool)


def test_displacement_samples_where_it_says():
    image = torch.arange(30.0).view(1, 5, 6)
    moved = degrade.displaced(image, torch.stack((torch.full((5, 6), 1.0), torch.full((5, 6), -2.0))))
    for row in range(5):
        for column in range(6):
            assert moved[0, row, column] == pytest.approx(image[0, min(row + 1, 4), max(column - 2, 0)].item(), abs=1e-4)


def test_blur_keeps_the_mean_and_widens_a_point():
    point = torch.zeros(1, 21, 21)
    point[0, 10, 10] = 1
    blurred = degrade.gaussian_blur(point, 1.5)
    assert blurred.sum().item() == pytest.approx(1, abs=1e-5)
    offsets = torch.arange(21.0) - 10
    assert (blurred[0].sum(0) * offsets**2).sum().sqrt().item() == pytest.approx(1.5, abs=0.05)


def test_the_guide_is_shifted_by_the_stated_deviation():
    """A line in the guide moves by N(0, shift) pixels."""
    line = torch.zeros(3, 65, 65)
    line[:, :, 30:35] = 1
    amount = replace(CLEAN, shift=2.0)
    columns = torch.arange(65.0)
    moves = []
    for seed in range(60):
        moved = degrade.degrade_guide(line, amount, seeded(seed)).sum((0, 1))
        moved = (moved - moved.min()).clamp(min=0)
        moves.append(((moved * columns).sum() / moved.sum() - 32).item())
    assert np.std(moves) == pytest.approx(2.0, rel=0.35)


def test_jagged_edges_keep_values_and_move_edges():
    step = torch.zeros(1, 48, 48)
    step[:, :, 24:] = 1
    ragged = degrade.degrade_depth(step, replace(CLEAN, jagged_chance=1.0), seeded(1))
    assert set(ragged.unique().tolist()) == {0.0, 1.0}
    assert 0 < (ragged != step).float().mean() < 0.15


def test_loss_mixes_mean_and_root_mean_square():
    estimate, truth = torch.tensor([[[[0.0, 0.4]]]]), torch.zeros(1, 1, 1, 2)
    assert training_loss(estimate, truth, 0).item() == pytest.approx(0.2)
    assert training_loss(estimate, truth, 1).item() == pytest.approx(np.sqrt(0.08), abs=1e-5)
    assert training_loss(estimate, truth, 0.25).item() == pytest.approx(0.75 * 0.2 + 0.25 * np.sqrt(0.08), abs=1e-5)


def test_the_gradient_term_is_the_equations():
    """L1 + 0.05 * (|d/dx estimate - d/dx truth| + |d/dy estimate - d/dy truth|), pixel by pixel."""
    estimate, truth = torch.rand(2, 2, 4, 5, generator=seeded()).double()
    e, t = estimate.tolist(), truth.tolist()
    along_x = [abs((e[b][y][x + 1] - e[b][y][x]) - (t[b][y][x + 1] - t[b][y][x]))
               for b in range(2) for y in range(4) for x in range(4)]
    along_y = [abs((e[b][y + 1][x] - e[b][y][x]) - (t[b][y + 1][x] - t[b][y][x]))
               for b in range(2) for y in range(3) for x in range(5)]
    expected = (estimate - truth).abs().mean().item() + 0.05 * (np.mean(along_x) + np.mean(along_y))
    assert training_loss(estimate[:, None], truth[:, None], 0, 0.05).item() == pytest.approx(expected, abs=1e-12)


def test_single_pixels_have_no_gradients(pool, tmp_path):
    recipe = replace(TINY, method="dkn", gradient_share=0.05)
    with pytest.raises(RecipeError, match="gradient_share is 0.05, it must be 0: dkn learns from 256 single pixels"):
        Trainer(recipe, 8, tmp_path, workers=0, pool=pool).run()
    assert Trainer(replace(TINY, gradient_share=0.05), 8, tmp_path, workers=0, pool=pool).run().recipe == "tiny"


@pytest.mark.parametrize(
    ("precision", "device", "flags", "expected"),
    [
        ("bfloat16", "cpu", ["avx2", "avx512f"], "float32"),
        ("bfloat16", "cpu", [], "float32"),
        ("bfloat16", "cpu", ["avx512f", "avx512_bf16"], "bfloat16"),
        ("bfloat16", "cpu", ["amx_bf16"], "bfloat16"),
        ("bfloat16", "cuda", ["avx2"], "bfloat16"),
        ("float32", "cuda", [], "float32"),
        ("float32", "cpu", ["amx_bf16"], "float32"),
    ],
)
def test_bfloat16_is_computed_only_where_there_are_instructions_for_it(precision, device, flags, expected):
    assert computed_in(precision, device, flags) == expected


def test_a_run_that_cannot_compute_in_bfloat16_says_so(pool, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(trainer, "cpu_flags", lambda: ["avx2"])
    run = Trainer(replace(TINY, precision="bfloat16"), 8, tmp_path, workers=0, pool=pool)
    manifest = run.run()
    assert capsys.readouterr().out.count("computing in float32") == 1
    assert "in float32 on" in manifest.trained


@pytest.mark.parametrize("changes", [{}, {"optimiser": "muon", "config": {"widths": [16, 16, 4]}}])
def test_a_killed_run_goes_on_as_if_nothing_had_happened(changes, pool, tmp_path, monkeypatch):
    recipe = replace(TINY, **changes)
    whole = Trainer(recipe, 8, tmp_path / "whole", workers=0, pool=pool).run()
    half = Trainer(recipe, 8, tmp_path / "halves", workers=0, pool=pool)
    take_step = half._step

    def killed_at_three(step, batch):
        if step == 3:
            raise KeyboardInterrupt
        return take_step(step, batch)

    monkeypatch.setattr(half, "_step", killed_at_three)
    with pytest.raises(KeyboardInterrupt):
        half.run()
    rest = Trainer(recipe, 8, tmp_path / "halves", workers=0, pool=pool)
    assert rest.run().sha256 == whole.sha256


def record_batches(run, monkeypatch, killed_at=None):
    """Note what the run's steps are given; end it before one of them."""
    batches, take_step = [], run._step

    def step(number, batch):
        if number == killed_at:
            raise KeyboardInterrupt
        batches.append([tuple(tensor.shape) for tensor in batch])
        return take_step(number, batch)

    monkeypatch.setattr(run, "_step", step)
    return batches


def test_weights_for_any_scale_learn_from_all_of_the_recipes_scales_in_turn(pool, tmp_path, monkeypatch):
    run = Trainer(ANY, None, tmp_path, workers=0, pool=pool)
    batches = record_batches(run, monkeypatch)
    assert run.run().scale is None
    assert [low for _, low, _ in batches] == [(2, 1, 8, 8), (2, 1, 4, 4), (2, 1, 2, 2), (2, 1, 8, 8), (2, 1, 4, 4)]
    assert all(guide == (2, 3, 32, 32) and truth == (2, 1, 32, 32) for guide, _, truth in batches)
    assert run.result == tmp_path / "any.safetensors"
    assert "at x4, x8, x16" in load_weights(run.result, "jiif", 5)[0].trained
    assert [load_method("jiif", scale, run.result).scale for scale in (3, 8)] == [3, 8]


def test_a_killed_run_over_scales_goes_on_at_the_scale_where_it_stood(pool, tmp_path, monkeypatch):
    whole = Trainer(ANY, None, tmp_path / "whole", workers=0, pool=pool).run()
    half = Trainer(ANY, None, tmp_path / "halves", workers=0, pool=pool)
    record_batches(half, monkeypatch, killed_at=3)
    with pytest.raises(KeyboardInterrupt):
        half.run()
    rest = Trainer(ANY, None, tmp_path / "halves", workers=0, pool=pool)
    batches = record_batches(rest, monkeypatch)
    assert rest.run().sha256 == whole.sha256
    assert batches[0][1] == (2, 1, 2, 2)  # step 2, from the checkpoint before the kill


def test_a_run_over_scales_is_validated_at_all_of_them(pool, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "VALIDATION_SAMPLES", 3)
    run = Trainer(ANY, None, tmp_path, workers=0, pool=pool)
    errors = []
    for index, scale in enumerate(ANY.scales):
        guide, low, truth = Samples(scale, ANY.crop, trainer.VALIDATION_SEED, 3, 3, directory=pool)[index]
        with torch.no_grad():
            errors.append((run.model(guide[None], low[None]) - truth).square().mean().sqrt().item() * 255)
    assert run.validate() == pytest.approx(np.mean(errors), rel=1e-4)


def test_a_run_over_scales_begins_with_weights_for_any_scale(pool, tmp_path):
    first = Trainer(ANY, None, tmp_path, workers=0, pool=pool)
    first.run()
    second = Trainer(replace(ANY, name="more", start_from=str(first.result)), None, tmp_path, workers=0, pool=pool)
    state = load_weights(first.result, "jiif", None)[1]
    assert all(torch.equal(tensor, state[name]) for name, tensor in second.model.state_dict().items())


def test_the_command_trains_weights_for_any_scale_without_naming_one(pool, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scene_pool, "default_directory", lambda: pool)
    recipe = tmp_path / "little.yaml"
    recipe.write_text(
        "method: jiif\nscales: [4, 8]\nsteps: 2\nbatch: 1\ncrop: 32\nscenes: 2\nconfig: "
        "{depth_width: 4, depth_blocks: 1, guide_width: 4, guide_blocks: 1, hidden: [6], training_queries: 50}\n"
    )
    command = ["train", str(recipe), "--output", str(tmp_path / "out"), "--workers", "0"]
    assert main(command) == 0
    assert [path.name for path in (tmp_path / "out").glob("*.json")] == ["little.json"]
    assert main([*command, "--scale", "8"]) == 2
    assert "jiif serve any scale" in capsys.readouterr().err


def test_a_run_has_scales_that_fit_its_method(tmp_path):
    assert runs(TINY) == (8,) and runs(ANY) == (None,)
    with pytest.raises(RecipeError, match=r"all of \(4, 8, 16\) in one run, so leave out the scale 8"):
        Trainer(ANY, 8, tmp_path)
    with pytest.raises(RecipeError, match="scales .*, not None"):
        Trainer(TINY, None, tmp_path)
    with pytest.raises(RecipeError, match="tiny names no scales"):
        Trainer(replace(TINY, scales=()), 8, tmp_path)


def test_a_run_that_stops_for_time_goes_on_as_if_it_had_not(pool, tmp_path):
    whole = Trainer(TINY, 8, tmp_path / "whole", workers=0, pool=pool).run()
    first = Trainer(TINY, 8, tmp_path / "parts", workers=0, pool=pool)
    assert first.run(seconds=-1).trained.startswith("1 steps of 1 samples") and first.done == 1
    second = Trainer(TINY, 8, tmp_path / "parts", workers=1, pool=pool)
    assert second.run().sha256 == whole.sha256 and second.done == TINY.steps


def test_the_command_stops_after_some_minutes_and_goes_on(pool, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scene_pool, "default_directory", lambda: pool)
    recipe = tmp_path / "little.yaml"
    recipe.write_text(
        "method: fdkn\nscales: [4, 8]\nsteps: 2\nbatch: 1\ncrop: 32\nscenes: 2\nconfig: {widths: [4, 4, 4]}\n"
    )
    command = ["train", str(recipe), "--output", str(tmp_path), "--workers", "0"]
    assert main([*command, "--minutes", "0"]) == 0
    assert "time is over after 1 of 2 steps" in capsys.readouterr().out
    assert not (tmp_path / "little_x8.safetensors").exists()
    assert main(command) == 0
    assert "time is over" not in capsys.readouterr().out
    assert (tmp_path / "little_x4.safetensors").is_file() and (tmp_path / "little_x8.safetensors").is_file()


def test_validation_samples_are_made_once(tmp_path):
    run = Trainer(TINY, 8, tmp_path, workers=0, pool=tmp_path)
    first = run.validate()
    shutil.rmtree(tmp_path / str(VALIDATION_SEED))
    assert run.validate() == first and not (tmp_path / str(VALIDATION_SEED)).exists()


def test_a_gpu_is_fed_by_all_cores_and_a_cpu_is_left_to_the_network():
    assert [workers_for("cuda", cores) for cores in (1, 16, 1000)] == [1, 16, MOST_WORKERS]
    assert workers_for("cpu", 64) == 1


def test_a_checkpoint_of_another_recipe_is_refused(pool, tmp_path):
    Trainer(TINY, 8, tmp_path, workers=0, pool=pool).run()
    with pytest.raises(ValueError, match="another recipe"):
        Trainer(replace(TINY, learning_rate=0.5), 8, tmp_path, workers=0, pool=pool).run()


def test_an_entry_that_a_recipe_does_not_set_does_not_change_what_it_is():
    """So checkpoints stay valid when entries are added."""

    @dataclass(frozen=True)
    class LaterDegradation(degrade.Degradation):
        fog: float = 0.0

    @dataclass(frozen=True)
    class LaterRecipe(Recipe):
        magic: float = 0.0

    now = Recipe("a", "fdkn", steps=7, degradation=degrade.Degradation(shift=2.0))
    later = LaterRecipe("a", "fdkn", steps=7, degradation=LaterDegradation(shift=2.0))
    assert identity(later) == identity(now)
    fogged = replace(later.degradation, fog=1.0)
    others = [
        replace(later, magic=1.0), replace(later, degradation=fogged), replace(now, steps=8),
        replace(now, config={"widths": [4]}), replace(now, degradation=degrade.Degradation()),
    ]
    assert len({identity(now), *map(identity, others)}) == 6


def test_training_learns(pool, tmp_path, monkeypatch):
    """On one scene, a short run makes the error clearly smaller than bicubic's."""
    monkeypatch.setattr(trainer, "VALIDATE_EVERY", 1000)
    recipe = replace(TINY, config={"widths": (16, 16, 16)}, steps=200, scenes=1, degradation=CLEAN, average=0.9,
                     learning_rate=4e-3)
    run = Trainer(recipe, 8, tmp_path, workers=0, pool=pool)
    run.run()
    samples = Samples(8, 64, recipe.seed, recipe.scenes, 12, CLEAN, pool)
    method, bicubic = load_method("fdkn", 8, run.result), load_method("bicubic", 8)
    errors = {m.name: np.mean([training_loss(m(g[None], low[None]), t[None], 0).item() for g, low, t in samples])
              for m in (method, bicubic)}
    assert errors["fdkn"] < 0.97 * errors["bicubic"]


def test_the_result_is_a_weights_file_with_its_manifest(pool, tmp_path):
    run = Trainer(TINY, 8, tmp_path, workers=0, pool=pool)
    manifest = run.run()
    again, state = load_weights(run.result, "fdkn", 8)
    assert again == manifest and manifest.recipe == "tiny" and manifest.config == {"widths": [4, 4, 4]}
    assert all(tensor.dtype in (torch.float32, torch.int64) for tensor in state.values())


def test_a_blend_lies_between_start_and_what_was_trained(pool, tmp_path):
    start = Trainer(TINY, 8, tmp_path, workers=0, pool=pool)
    start.run()
    states = {}
    for blend in (0.0, 0.25, 1.0):
        recipe = replace(TINY, name=f"blend{blend}", seed=3, start_from=str(start.result), blend=blend)
        run = Trainer(recipe, 8, tmp_path, workers=0, pool=pool)
        run.run()
        states[blend] = load_weights(run.result, "fdkn", 8)[1]
    name = "guide.features.0.weight"
    assert torch.equal(states[0.0][name], load_weights(start.result, "fdkn", 8)[1][name])
    assert not torch.equal(states[1.0][name], states[0.0][name])
    expected = 0.75 * states[0.0][name] + 0.25 * states[1.0][name]
    assert torch.allclose(states[0.25][name], expected, atol=1e-3)


def test_a_blend_with_parts_is_one_with_what_the_run_began_with(pool, tmp_path):
    weights_of_another_method(tmp_path)
    parts = {"start_from": str(tmp_path / "other_x{scale}.safetensors"), "start_parts": {"eyes.left": "guide.features"}}
    states = {}
    for blend in (0.0, 0.5, 1.0):
        run = Trainer(replace(TINY, name=f"blend{blend}", blend=blend, **parts), 8, tmp_path, workers=0, pool=pool)
        began = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
        assert ("50% of the result" in run.run().trained) == (blend == 0.5)
        states[blend] = load_weights(run.result, "fdkn", 8)[1]
    for name in ("guide.features.0.weight", "depth.weights.weight"):
        assert torch.allclose(states[0.0][name], began[name], atol=1e-3)
        assert not torch.allclose(states[1.0][name], began[name], atol=1e-3)
        assert torch.allclose(states[0.5][name], (states[0.0][name] + states[1.0][name]) / 2, atol=1e-3)


def weights_of_another_method(folder, scale: int = 8) -> tuple:
    """Write a file of a method that has the tiny FDKN's guide features under another name; return path and state."""
    model = method_class("fdkn")(scale, widths=[4, 4, 4])
    state = {name.replace("guide.features", "eyes.left"): tensor.half() if tensor.is_floating_point() else tensor + 7
             for name, tensor in model.state_dict().items() if name.startswith("guide.features.")}
    state["mouth.weight"] = torch.zeros(3, dtype=torch.float16)
    path = folder / f"other_x{scale}.safetensors"
    save_weights(path, state, Manifest("other", scale, ""))
    return path, state


def test_a_run_begins_with_parts_of_another_methods_weights(pool, tmp_path):
    path, state = weights_of_another_method(tmp_path)
    start = str(tmp_path / "other_x{scale}.safetensors")
    recipe = replace(TINY, start_from=start, start_parts={"eyes.left": "guide.features"})
    scratch = Trainer(TINY, 8, tmp_path, workers=0, pool=pool).model.state_dict()
    assert not torch.equal(scratch["guide.features.0.weight"], state["eyes.left.0.weight"].float())
    run = Trainer(recipe, 8, tmp_path, workers=0, pool=pool)
    for name, tensor in run.model.state_dict().items():
        there = name.replace("guide.features", "eyes.left")
        assert torch.equal(tensor, state[there].to(tensor.dtype) if there in state else scratch[name])
        assert torch.equal(run.average[name], tensor)
    trained = run.run().trained
    assert "began with other weights other_x8.safetensors" in trained and "eyes.left as guide.features" in trained


def test_without_parts_the_whole_file_must_fit(tmp_path):
    path, state = weights_of_another_method(tmp_path)
    with pytest.raises(MethodError, match="for other x8, not for fdkn"):
        Trainer(replace(TINY, start_from=str(path)), 8, tmp_path)
    save_weights(path, state, Manifest("fdkn", 8, ""))
    with pytest.raises(RecipeError, match="start_from .*other_x8.* no depth"):
        Trainer(replace(TINY, start_from=str(path)), 8, tmp_path)
    with pytest.raises(RecipeError, match="no weights file .*none_x8"):
        Trainer(replace(TINY, start_from=str(tmp_path / "none_x{scale}.safetensors")), 8, tmp_path)


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"a": "x"}, "it has a.2.weight, but the model has no x.2.weight"),
        ({"b": "x"}, "it has no b.1.weight for the model's x.1.weight"),
        ({"c": "y"}, r"its c.weight is \(2, 3\), the model's y.weight is \(3, 2\)"),
        ({"a.2": "y", "d": "x"}, "nothing in it is named d; there is a, ab, b, c"),
    ],
)
def test_the_first_tensor_that_does_not_fit_is_named(parts, says):
    model = {"x.0.weight": (5,), "x.1.weight": (5,), "y.weight": (3, 2)}
    state = {"a.0.weight": (5,), "a.1.weight": (5,), "a.2.weight": (3, 2), "b.0.weight": (5,), "c.weight": (2, 3)}
    state["ab"] = ()
    with pytest.raises(RecipeError, match=says):
        fitted_to(*({name: torch.zeros(shape) for name, shape in side.items()} for side in (model, state)), parts)


RECIPES = sorted(path.stem for path in recipes_directory().glob("*.yaml"))


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_of_the_package_can_be_read(name):
    recipe = load_recipe(name)
    assert recipe.name == name and recipe.steps > 0


@pytest.mark.parametrize("name", [name for name in RECIPES if load_recipe(name).start_from.startswith("weights/")])
def test_a_recipe_that_begins_with_the_packages_weights_fits_them_from_any_folder(name, tmp_path, monkeypatch):
    recipe = load_recipe(name)
    monkeypatch.chdir(tmp_path)
    for scale in runs(recipe):
        of_scale = recipe.at(scale)
        model = method_class(recipe.method)(scale or recipe.scales[0], **of_scale.config)
        tensors, words = read_start(of_scale, scale, model.state_dict())
        assert tensors and of_scale.start_from.removeprefix("weights/").replace("{scale}", str(scale)) in words


def test_entries_may_differ_between_scales(tmp_path):
    path = tmp_path / "two.yaml"
    path.write_text(
        "method: dada\nscales: [4, 8]\nconfig: {iterations: 96, encoder: light}\nsteps: 100\n"
        "at_scale:\n  8: {config: {iterations: 192}, teachers: [a.safetensors], teacher_share: 0.5, degradation: {shift: 0.1}}"
    )
    recipe = load_recipe(str(path))
    assert recipe.at(4) == replace(recipe, at_scale={}) and recipe.at(4).config["iterations"] == 96
    eight = recipe.at(8)
    assert eight.config == {"iterations": 192, "encoder": "light"} and eight.teachers == ("a.safetensors",)
    assert (eight.steps, eight.degradation.shift, eight.degradation.warp) == (100, 0.1, 0.7)
    assert identity(recipe.at(4)) != identity(eight)


def test_a_run_has_what_its_scale_says(pool, tmp_path):
    recipe = replace(TINY, scales=(4, 8), at_scale={8: {"steps": 3, "config": {"widths": (8, 8, 8)}}})
    run = Trainer(recipe, 8, tmp_path, workers=0, pool=pool)
    manifest = run.run()
    assert run.done == 3 and manifest.config == {"widths": (8, 8, 8)}
    assert Trainer(recipe, 4, tmp_path, workers=0, pool=pool).recipe.steps == TINY.steps != 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("method: fdkn\nstep: 5", "unknown entry 'step'"),
        ("method: fdkn\nsteps: many", "steps is 'many'"),
        ("method: fdkn\nprecision: bf16", "precision is 'bf16', it must be one of float32, bfloat16"),
        ("method: fdkn\nstart_from: a\nstart_parts: [guide]", "start_parts is .*must map names"),
        ("method: fdkn\noptimiser: sgd", "optimiser is 'sgd', it must be one of adamw, muon"),
        ("method: fdkn\nstart_parts: {a: b}", "start_parts needs start_from"),
        ("method: fdkn\nblend: 0.7", "blend is 0.7, without start_from it must be 1"),
        ("method: fdkn\nstart_from: a\nblend: 1.7", "blend is 1.7, it must be from 0 to 1"),
        ("steps: 5", "names no method"),
        ("method: [", "not YAML"),
        ("method: fdkn\ndegradation: {wobble: 3}", "unknown entry 'wobble'"),
        ("method: fdkn\nat_scale: {4: {steps: 3}}", "at_scale has 4, which is none of the scales"),
        ("method: fdkn\nat_scale: {8: {step: 3}}", "unknown entry 'step'"),
        ("method: fdkn\nat_scale: {8: {blend: 0.5}}", "blend is 0.5, without start_from it must be 1"),
        ("method: fdkn\nat_scale: {8: {method: dkn}}", "method cannot differ between scales"),
        ("method: fdkn\nat_scale: 8", "at_scale is 8, it must map scales to entries"),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(text, says, tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=says):
        load_recipe(str(path))


def test_an_unknown_recipe_lists_the_known():
    with pytest.raises(RecipeError, match="fdkn"):
        load_recipe("nonsense")


def test_a_scale_that_the_recipe_lacks_is_refused(tmp_path):
    with pytest.raises(RecipeError, match="not 4"):
        Trainer(TINY, 4, tmp_path)
