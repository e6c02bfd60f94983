"""Training: samples, degradations, recipes, and runs that survive being killed."""

import json
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from small_training import TINY

from depth_sr_ros.commands.main import main
from depth_sr_ros.methods.errors import MethodError
from depth_sr_ros.methods.registry import load_method, method_class
from depth_sr_ros.methods.weights import Manifest, load_weights, save_weights
from depth_sr_ros.training import degradations as degrade
from depth_sr_ros.training import scene_pool, trainer
from depth_sr_ros.training.checkpoint import save_checkpoint
from depth_sr_ros.training.initialisation import fitted_to
from depth_sr_ros.training.losses import training_loss
from depth_sr_ros.training.precision import computed_in
from depth_sr_ros.training.recipe import Recipe, RecipeError
from depth_sr_ros.training.samples import Samples
from depth_sr_ros.training.scene_pool import ScenePool
from depth_sr_ros.training.trainer import MOST_WORKERS, VALIDATION_SEED, DivergedError, Trainer, runs, workers_for

pytestmark = pytest.mark.usefixtures("short_runs_on_the_cpu")

CLEAN = degrade.Degradation(
    shift=0, warp=0, jagged_chance=0, depth_blur_chance=0, guide_noise=0, grey_chance=0, sensor_chance=0,
    partial_chance=0,
)  # fmt: skip
ANY = Recipe(
    "any",
    "jiif",
    (4, 8, 16),
    {"depth_width": 4, "depth_blocks": 1, "guide_width": 4, "guide_blocks": 1, "hidden": [6], "training_queries": 50},
    steps=5,
    batch=2,
    crop=32,
    scenes=2,
    warmup=1,
    average=0.5,
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
    """The LR depth is PIL's bicubic reduction of the ground truth; the ground truth fills [0, 1]."""
    guide, lr_depth, ground_truth = Samples(8, 64, 1, 2, 3, CLEAN, pool)[1]
    assert guide.shape == (3, 64, 64) and lr_depth.shape == (1, 8, 8) and ground_truth.shape == (1, 64, 64)
    assert ground_truth.min() == 0 and ground_truth.max() == 1 and guide.min() >= 0 and guide.max() <= 1
    expected = np.asarray(Image.fromarray(ground_truth[0].numpy(), mode="F").resize((8, 8), Image.BICUBIC))
    assert np.abs(lr_depth[0].numpy() - expected).max() < 1e-6


def test_a_part_of_the_range_holds_both_resolutions_alike(pool):
    _, lr_depth, ground_truth = Samples(8, 64, 1, 2, 8, CLEAN, pool)[5]
    _, low_part, part = Samples(8, 64, 1, 2, 8, replace(CLEAN, partial_chance=1.0, partial_range=0.5), pool)[5]
    share, start = part.max() - part.min(), part.min()
    assert 0.5 <= share < 1 and start >= 0 and part.max() <= 1
    assert torch.allclose(part, start + share * ground_truth, atol=1e-6)
    assert torch.allclose(low_part, start + share * lr_depth, atol=1e-6)


def test_a_measured_sample_is_the_sensors(pool):
    """Its LR depth errs where a sensor's does: about right on surfaces, in between at edges."""
    guide, lr_depth, ground_truth = Samples(8, 64, 1, 2, 3, replace(CLEAN, tof_chance=1.0), pool)[1]
    assert lr_depth.shape == (1, 8, 8) and lr_depth.min() == 0 and lr_depth.max() == 1 and lr_depth.isfinite().all()
    blocks = ground_truth.view(8, 8, 8, 8).transpose(1, 2).flatten(2)
    lowest, highest = blocks.amin(-1), blocks.amax(-1)
    assert ((lr_depth[0] > lowest - 0.05) & (lr_depth[0] < highest + 0.05)).float().mean() > 0.9
    clean = Samples(8, 64, 1, 2, 3, CLEAN, pool)[1][1]
    assert not torch.equal(lr_depth, clean)


def test_holes_are_along_edges_and_filled_with_what_was_measured(pool):
    step = torch.zeros(1, 1, 40, 40)
    step[..., 20:] = 1
    unseen = torch.cat([~degrade.seen(step, replace(CLEAN, hole_share=0.2), seeded(seed)) for seed in range(40)])
    shares = unseen.float().mean((1, 2, 3))
    assert shares.max() <= 0.2 and shares.max() - shares.min() > 0.1
    assert unseen[..., 19:21].float().mean() > 2 * unseen[..., :15].float().mean() > 0
    amount = replace(CLEAN, hole_chance=1.0)
    for index in range(3):
        guide, lr_depth, ground_truth = Samples(8, 64, 1, 2, 3, amount, pool)[index]
        whole_guide, whole, whole_ground_truth = Samples(8, 64, 1, 2, 3, CLEAN, pool)[index]
        assert torch.equal(guide, whole_guide) and torch.equal(ground_truth, whole_ground_truth)
        filled = lr_depth != whole
        assert filled.float().mean() <= amount.hole_share and set(lr_depth.flatten().tolist()) <= set(whole.flatten().tolist())
    assert filled.any()


def test_a_crop_that_does_not_fit_is_refused(pool):
    for crop in (60, 400, 4):
        with pytest.raises(ValueError, match=f"crop {crop}"):
            Samples(8, crop, 1, 2, 3, directory=pool)


def test_displacement_samples_where_it_says():
    image = torch.arange(30.0).view(1, 1, 5, 6)
    displacement = torch.stack((torch.full((5, 6), 1.0), torch.full((5, 6), -2.0)))
    moved, image = degrade.displaced(image, displacement[None])[0], image[0]
    for row in range(5):
        for column in range(6):
            assert moved[0, row, column] == pytest.approx(image[0, min(row + 1, 4), max(column - 2, 0)].item(), abs=1e-4)


def test_blur_keeps_the_mean_and_widens_a_point():
    point = torch.zeros(3, 1, 21, 21)
    point[..., 10, 10] = 1
    sigmas = torch.tensor([1.5, 0.7, 0.0]).view(3, 1, 1, 1)
    offsets = torch.arange(21.0) - 10
    for blurred, sigma in zip(degrade.gaussian_blur(point, sigmas, 1.5), sigmas.flatten()):
        assert blurred.sum().item() == pytest.approx(1, abs=1e-5)
        for axis in (0, 1):
            assert (blurred[0].sum(axis) * offsets**2).sum().sqrt().item() == pytest.approx(sigma.item(), abs=0.05)


def test_the_guide_is_shifted_by_the_stated_deviation():
    """A line in the guide moves by N(0, shift) pixels."""
    line = torch.zeros(60, 3, 65, 65)
    line[..., 30:35] = 1
    amount = replace(CLEAN, shift=2.0)
    columns = torch.arange(65.0)
    moves = []
    for moved in degrade.degrade_guide(line, amount, seeded()).sum((1, 2)):
        moved = (moved - moved.min()).clamp(min=0)
        moves.append(((moved * columns).sum() / moved.sum() - 32).item())
    assert np.std(moves) == pytest.approx(2.0, rel=0.35)


def test_jagged_edges_keep_values_and_move_edges():
    step = torch.zeros(1, 1, 48, 48)
    step[..., 24:] = 1
    ragged = degrade.degrade_depth(step, replace(CLEAN, jagged_chance=1.0), seeded(1))
    assert set(ragged.unique().tolist()) == {0.0, 1.0}
    assert 0 < (ragged != step).float().mean() < 0.15


def test_frames_lie_along_the_sides_of_as_many_images_as_stated():
    images = torch.zeros(400, 1, 48, 64)
    frame = degrade.frames(images, replace(CLEAN, frame_chance=0.4), seeded())
    widest = int(degrade.FRAME_WIDTH[1])
    assert not frame[..., widest:-widest, widest:-widest].any()
    assert frame.flatten(1).any(1).float().mean().item() == pytest.approx(0.4 * (1 - 0.5**4), abs=0.06)
    for side in (frame[:, 0, 0, 32], frame[:, 0, -1, 32], frame[:, 0, 24, 0], frame[:, 0, 24, -1]):
        assert side.float().mean().item() == pytest.approx(0.4 * degrade.FRAMED_SIDE_CHANCE, abs=0.06)
    assert not degrade.frames(images, CLEAN, seeded()).any()


def test_a_frame_is_white_or_black_and_its_depth_smooth():
    """Of images of white noise, whose neighbours differ by a third; inside the frame they stay what they are."""
    guide, depth = torch.rand(40, 3, 48, 64, generator=seeded(1)), torch.rand(40, 1, 48, 64, generator=seeded(2))
    frame = degrade.frames(depth, replace(CLEAN, frame_chance=1.0), seeded(3))
    framed_guide, framed_depth = degrade.frame_guide(guide, frame, seeded(4)), degrade.frame_depth(depth, frame, seeded(5))
    for before, after in ((guide, framed_guide), (depth, framed_depth)):
        assert torch.equal(torch.where(frame, 0, before), torch.where(frame, 0, after))
    assert set(framed_guide.masked_select(frame).unique().tolist()) == {0.0, 1.0}
    assert all(len(one[:, where[0]].unique()) <= 1 for one, where in zip(framed_guide, frame))  # one colour an image
    assert framed_depth.min() >= 0 and framed_depth.max() <= 1
    top = framed_depth[frame[:, 0, 0, 32], 0, 0]
    assert (top[:, 1:] - top[:, :-1]).abs().mean() < 0.05


def test_samples_have_frames_where_asked(pool):
    amount = replace(CLEAN, frame_chance=1.0)
    guides = [Samples(8, 64, 1, 2, 12, amount, pool)[index][0] for index in range(12)]
    edges = [(guide[:, 0], guide[:, -1], guide[..., 0], guide[..., -1]) for guide in guides]
    white_or_black = [any(edge.unique().numel() == 1 for edge in sides) for sides in edges]
    assert sum(white_or_black) >= 9
    guide, lr_depth, ground_truth = Samples(8, 64, 1, 2, 12, amount, pool)[0]
    assert ground_truth.min() == 0 and ground_truth.max() == 1  # still normalised by its own range


@pytest.mark.parametrize(("entry", "lack"), [("gradient_share", "gradients"), ("tolerant_share", "neighbours")])
def test_single_pixels_have_no_gradients_and_no_neighbours(entry, lack, pool, tmp_path):
    recipe = replace(TINY, method="dkn", **{entry: 0.05})
    says = f"{entry} is 0.05, it must be 0: dkn learns from 256 single pixels an image, which have no {lack}"
    with pytest.raises(RecipeError, match=says):
        Trainer(recipe, 8, tmp_path, workers=0, pool=pool).run()
    assert Trainer(replace(TINY, **{entry: 0.05}), 8, tmp_path, workers=0, pool=pool).run().recipe == "tiny"


@pytest.mark.parametrize(
    ("precision", "device", "flags", "expected"),
    [
        ("bfloat16", "cpu", ["avx2", "avx512f"], "float32"),
        ("bfloat16", "cpu", [], "float32"),
        ("bfloat16", "cpu", ["avx512f", "avx512_bf16"], "float32"),
        ("bfloat16", "cpu", ["avx512_bf16", "amx_bf16"], "bfloat16"),
        ("bfloat16", "cuda", ["avx2"], "bfloat16"),
        ("float32", "cuda", [], "float32"),
        ("float32", "cpu", ["amx_bf16"], "float32"),
    ],
)
def test_bfloat16_is_computed_only_where_it_is_faster(precision, device, flags, expected):
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
    assert [lr_depth for _, lr_depth, _ in batches] == [(2, 1, 8, 8), (2, 1, 4, 4), (2, 1, 2, 2), (2, 1, 8, 8), (2, 1, 4, 4)]
    assert all(guide == (2, 3, 32, 32) and ground_truth == (2, 1, 32, 32) for guide, _, ground_truth in batches)
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
        guide, lr_depth, ground_truth = Samples(scale, ANY.crop, trainer.VALIDATION_SEED, 3, 3, directory=pool)[index]
        with torch.no_grad():
            errors.append((run.model(guide[None], lr_depth[None]) - ground_truth).square().mean().sqrt().item() * 255)
    assert run.validate() == pytest.approx(np.mean(errors), rel=1e-4)


def test_a_run_over_scales_begins_with_weights_for_any_scale(pool, tmp_path):
    first = Trainer(ANY, None, tmp_path, workers=0, pool=pool)
    first.run()
    second = Trainer(replace(ANY, name="more", initialise_from=str(first.result)), None, tmp_path, workers=0, pool=pool)
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


def test_a_run_that_stops_for_time_goes_on_as_if_it_had_not(pool, tmp_path):
    whole = Trainer(TINY, 8, tmp_path / "whole", workers=0, pool=pool).run()
    first = Trainer(TINY, 8, tmp_path / "parts", workers=0, pool=pool)
    assert first.run(seconds=-1).trained.startswith("1 steps of 1 samples") and first.done == 1
    second = Trainer(TINY, 8, tmp_path / "parts", workers=1, pool=pool)
    assert second.run().sha256 == whole.sha256 and second.done == TINY.steps


def test_the_command_stops_after_some_minutes_and_goes_on(pool, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scene_pool, "default_directory", lambda: pool)
    recipe = tmp_path / "little.yaml"
    recipe.write_text("method: fdkn\nscales: [4, 8]\nsteps: 2\nbatch: 1\ncrop: 32\nscenes: 2\nconfig: {widths: [4, 4, 4]}\n")
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


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"learning_rate": 1e30}, r"tiny_x8 .* loss is \S+ at step [234] of 4, at a learning rate of \S*e\+(29|30);"),
        ({"learning_rate": 1e30, "steps": 1}, r"validation RMSE is (nan|inf) at step 1 of 1, .* rate of 1e\+30"),
        ({"weight_decay": 1e36}, "tiny_x8 has diverged"),
    ],
)
def test_a_run_that_diverges_stops_and_writes_nothing(changes, says, pool, tmp_path):
    with pytest.raises(DivergedError, match=says):
        Trainer(replace(TINY, **changes), 8, tmp_path, workers=0, pool=pool).run()
    assert files_in(tmp_path) == {}


def write_nan(folder: Path, numbers: int) -> None:
    """Write so many scenes whose depth is not finite."""
    for number in range(numbers):
        depth = np.full((scene_pool.SIDE, scene_pool.SIDE), np.nan, np.float32)
        np.savez(folder / f"{number:06d}.npz", rgb=np.zeros((*depth.shape, 3), np.uint8), depth=depth)


def test_a_run_that_diverges_later_keeps_its_last_checkpoint_and_weights(pool, tmp_path):
    """Here because scenes are no longer finite."""
    Trainer(TINY, 8, tmp_path / "out", workers=0, pool=pool).run(seconds=-1)
    before = files_in(tmp_path / "out")
    scenes = shutil.copytree(pool, tmp_path / "scenes")
    write_nan(scenes / str(TINY.seed), TINY.scenes)
    with pytest.raises(DivergedError, match="loss is nan at step 2 of 4"):
        Trainer(TINY, 8, tmp_path / "out", workers=0, pool=scenes).run()
    assert len(before) == 3 and files_in(tmp_path / "out") == before


def test_a_finished_run_is_not_exported_anew_when_its_validation_is_not_finite(pool, tmp_path):
    Trainer(TINY, 8, tmp_path / "out", workers=0, pool=pool).run()
    before = files_in(tmp_path / "out")
    scenes = shutil.copytree(pool, tmp_path / "scenes")
    write_nan(scenes / str(VALIDATION_SEED), 1)
    with pytest.raises(DivergedError, match="validation RMSE is nan"):
        Trainer(TINY, 8, tmp_path / "out", workers=0, pool=scenes).run()
    assert files_in(tmp_path / "out") == before


def rewritten(path: Path, change) -> None:
    """Let `change` work on what a checkpoint says of the run and on its tensors; write it again."""
    with safe_open(path, "pt") as file:
        state, tensors = json.loads(file.metadata()["state"]), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
    change(state, tensors)
    save_file(tensors, path, {"state": json.dumps(state)})


def without(part: str):
    """Take away the tensors with that in their names."""

    def change(state, tensors):
        for name in [name for name in tensors if part in name]:
            del tensors[name]

    return change


def replaced(part: str, new):
    """Put `new(tensor)` in the place of the first tensor with `part` in its name."""

    def change(state, tensors):
        name = next(name for name in sorted(tensors) if part in name)
        tensors[name] = new(tensors[name])

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda path: path.write_bytes(b""), "header"),
        (lambda path: path.write_bytes(path.read_bytes()[:-100]), ""),
        (lambda path: path.write_bytes(b"garbage" * 1000), ""),
        (lambda path: save_file({"a": torch.zeros(2)}, path), "does not say which recipe"),
        (lambda path: save_file({"a": torch.zeros(2)}, path, {"state": "{"}), ""),
        (lambda path: save_file({"a": torch.zeros(2)}, path, {"state": "[]"}), "does not say which recipe"),
        (lambda state, _: state.pop("step"), "does not say which recipe it belongs to and at which step"),
        (lambda state, _: state.update(step="2"), "step is '2', it must be a whole number from 0 to 4"),
        (lambda state, _: state.update(step=-1), "step is -1"),
        (lambda state, _: state.update(step=5), "step is 5"),
        (without("model.depth.weights.bias"), "it lacks model.depth.weights.bias"),
        (without("average.depth.weights.bias"), "it lacks average.depth.weights.bias"),
        (without("optimiser."), "it has no state of the optimiser"),
        (without("optimiser.3.exp_avg_sq"), "of parameter 3 it has exp_avg, step"),
        (lambda _, tensors: tensors.update({"optimiser.999.step": torch.zeros(())}), "of none of the .* parameters"),
        (lambda _, tensors: tensors.update({"optimiser": torch.zeros(())}), "it has a strange optimiser"),
        (lambda _, tensors: tensors.update({"model.more": torch.zeros(())}), "it has a strange model.more"),
        (replaced("model.depth", lambda tensor: tensor[:1]), r"model.depth.* is \(1,.*it must be \("),
        (replaced("average.depth", lambda tensor: tensor[:1]), r"average.depth.* is \(1,"),  # would be broadcast
        (replaced("exp_avg", lambda tensor: tensor[:1]), r"optimiser.0.exp_avg is \(1,"),
        (replaced("model.depth", lambda tensor: tensor * float("nan")), "model.depth.* is not finite"),
    ],
)  # fmt: skip
def test_a_damaged_checkpoint_is_refused(change, says, pool, tmp_path):
    run = Trainer(TINY, 8, tmp_path, workers=0, pool=pool)
    run.run(seconds=-1)
    if change.__code__.co_argcount == 1:
        change(run.checkpoint)
    else:
        rewritten(run.checkpoint, change)
    with pytest.raises(ValueError, match=rf"checkpoint .*tiny_x8.* is damaged \(.*{says}.*\): remove it, or choose"):
        Trainer(TINY, 8, tmp_path, workers=0, pool=pool).run()


def test_a_checkpoint_that_is_written_again_is_not_damaged(pool, tmp_path):
    """So what the test above refuses is refused for its change."""
    run = Trainer(TINY, 8, tmp_path, workers=0, pool=pool)
    run.run(seconds=-1)
    rewritten(run.checkpoint, lambda state, tensors: None)
    rest = Trainer(TINY, 8, tmp_path, workers=0, pool=pool)
    assert rest.run() and rest.done == TINY.steps


def test_a_checkpoint_that_cannot_be_written_is_an_os_error(tmp_path):
    run = Trainer(TINY, 8, tmp_path)
    path = tmp_path / "gone" / "tiny.checkpoint.safetensors"
    with pytest.raises(OSError, match="cannot write checkpoint .*tiny.*No such file"):
        save_checkpoint(path, 0, "", run.model, run.average, run.optimiser)


LITTLE = "method: fdkn\nscales: [4, 8]\nsteps: 2\nbatch: 1\ncrop: 32\nscenes: 2\nconfig: {widths: [4, 4, 4]}\n"


@pytest.mark.parametrize(
    ("blocker", "says"),
    [
        ("little_x8.safetensors/", "little_x8.safetensors: it is a folder"),  # the second of the two runs
        ("little_x4.json/", "little_x4.json: it is a folder"),
        ("little_x4.checkpoint.safetensors/", "little_x4.checkpoint.safetensors: it is a folder"),
        (".", "out: File exists"),
    ],
)
def test_an_output_that_cannot_be_written_is_found_before_the_first_step(blocker, says, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scene_pool, "default_directory", lambda: tmp_path / "scenes")
    (tmp_path / "little.yaml").write_text(LITTLE)
    if blocker == ".":
        (tmp_path / "out").write_text("a file")
    else:
        (tmp_path / "out" / blocker).mkdir(parents=True)
    command = ["train", str(tmp_path / "little.yaml"), "--output", str(tmp_path / "out"), "--workers", "0"]
    assert main(command) == 2
    assert says in capsys.readouterr().err and not (tmp_path / "scenes").exists()


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="/proc is where even root cannot write")
@pytest.mark.parametrize("output", ["/proc", "/proc/depth_sr"])
def test_a_folder_that_cannot_be_written_is_found_before_the_first_step(output, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scene_pool, "default_directory", lambda: tmp_path / "scenes")
    (tmp_path / "little.yaml").write_text(LITTLE)
    assert main(["train", str(tmp_path / "little.yaml"), "--output", output, "--workers", "0"]) == 2
    assert output in capsys.readouterr().err and not (tmp_path / "scenes").exists()


@pytest.mark.parametrize(
    ("after", "says"),
    [(1, "after 1 steps; the same command goes on from the beginning"), (3, "goes on from the checkpoint of step 2")],
)
def test_ctrl_c_says_where_the_run_goes_on(after, says, pool, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scene_pool, "default_directory", lambda: pool)
    step = Trainer._step

    def interrupted(self, number, batch):
        if number == after:
            signal.raise_signal(signal.SIGINT)
        return step(self, number, batch)

    monkeypatch.setattr(Trainer, "_step", interrupted)
    (tmp_path / "little.yaml").write_text(LITTLE.replace("steps: 2", "steps: 5"))
    command = ["train", str(tmp_path / "little.yaml"), "--output", str(tmp_path), "--workers", "0", "--scale", "8"]
    assert main(command) == 130
    assert says in capsys.readouterr().out


def test_the_command_refuses_a_scale_before_it_trains_another(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scene_pool, "default_directory", lambda: tmp_path / "scenes")
    (tmp_path / "little.yaml").write_text(LITTLE)
    command = ["train", str(tmp_path / "little.yaml"), "--output", str(tmp_path), "--workers", "0"]
    assert main([*command, "--scale", "4", "16"]) == 2
    assert "trains scales (4, 8), not 16" in capsys.readouterr().err and not (tmp_path / "scenes").exists()


@pytest.mark.parametrize(
    ("option", "values", "says"),
    [
        ("--threads", ["-1", "0", "5000000000", "two", "1.5"], "is no whole number from 1 to 1024"),
        ("--workers", ["-1", "1000", "9" * 5000], "is no whole number from 0 to 256"),
        ("--minutes", ["nan", "-1", "soon"], "is no number of minutes: 0 or more"),
    ],
)
def test_the_command_names_the_range_of_its_numbers(option, values, says, capsys):
    for value in values:
        with pytest.raises(SystemExit) as stopped:
            main(["train", "fdkn", f"{option}={value}"])
        assert stopped.value.code == 2 and f"argument {option}: '{value}' {says}" in capsys.readouterr().err


def test_what_is_left_of_a_file_in_the_scene_cache_is_made_anew(tmp_path):
    """Scene 0 made the textures, scene 1 read them: both are as before."""
    expected = [ScenePool(1, tmp_path)[number] for number in (0, 1)]
    before = files_in(tmp_path / "1")
    for kept in ((1000, 0, 5000), (None, 100, 1)):
        for name, count in zip(("bank000000.npy", "000000.npz", "000001.npz"), kept):
            (tmp_path / "1" / name).write_bytes(before[name][:count])
        for number in (1, 0):
            assert all(np.array_equal(*pair) for pair in zip(ScenePool(1, tmp_path)[number], expected[number]))
        after = files_in(tmp_path / "1")
        assert after.keys() == before.keys() and after["bank000000.npy"] == before["bank000000.npy"]


@pytest.mark.parametrize("config", [{"foo": 1}, {"widths": []}, {"widths": [-1]}, {"widths": 4}, {"scale": 4}])
def test_a_config_that_the_method_does_not_take_is_refused(config, tmp_path):
    with pytest.raises(RecipeError, match="recipe tiny: config {'(foo|widths|scale)': .*} does not fit fdkn: "):
        Trainer(replace(TINY, config=config), 8, tmp_path)


@pytest.mark.parametrize("crop", [60, 4])
def test_a_crop_that_does_not_fit_names_the_recipe(crop, pool, tmp_path):
    with pytest.raises(RecipeError, match=f"recipe tiny: crop {crop} is not a multiple of scale 8"):
        Trainer(replace(TINY, crop=crop), 8, tmp_path, workers=0, pool=pool).run()


def test_training_learns(pool, tmp_path, monkeypatch):
    """On one scene, a short run makes the error clearly smaller than bicubic's."""
    monkeypatch.setattr(trainer, "VALIDATE_EVERY", 1000)
    recipe = replace(
        TINY, config={"widths": (16, 16, 16)}, steps=200, scenes=1, degradation=CLEAN, average=0.9, learning_rate=4e-3
    )
    run = Trainer(recipe, 8, tmp_path, workers=0, pool=pool)
    run.run()
    samples = Samples(8, 64, recipe.seed, recipe.scenes, 12, CLEAN, pool)
    method, bicubic = load_method("fdkn", 8, run.result), load_method("bicubic", 8)
    errors = {
        m.name: np.mean([training_loss(m(g[None], lr_depth[None]), t[None], 0).item() for g, lr_depth, t in samples])
        for m in (method, bicubic)
    }
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
        recipe = replace(TINY, name=f"blend{blend}", seed=3, initialise_from=str(start.result), blend=blend)
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
    file = str(tmp_path / "other_x{scale}.safetensors")
    parts = {"initialise_from": file, "initialise_parts": {"eyes.left": "guide.features"}}
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
    state = {
        name.replace("guide.features", "eyes.left"): tensor.half() if tensor.is_floating_point() else tensor + 7
        for name, tensor in model.state_dict().items()
        if name.startswith("guide.features.")
    }
    state["mouth.weight"] = torch.zeros(3, dtype=torch.float16)
    path = folder / f"other_x{scale}.safetensors"
    save_weights(path, state, Manifest("other", scale, ""))
    return path, state


def test_a_run_begins_with_parts_of_another_methods_weights(pool, tmp_path):
    path, state = weights_of_another_method(tmp_path)
    start = str(tmp_path / "other_x{scale}.safetensors")
    recipe = replace(TINY, initialise_from=start, initialise_parts={"eyes.left": "guide.features"})
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
        Trainer(replace(TINY, initialise_from=str(path)), 8, tmp_path)
    save_weights(path, state, Manifest("fdkn", 8, ""))
    with pytest.raises(RecipeError, match="initialise_from .*other_x8.* no depth"):
        Trainer(replace(TINY, initialise_from=str(path)), 8, tmp_path)
    with pytest.raises(RecipeError, match="no weights file .*none_x8"):
        Trainer(replace(TINY, initialise_from=str(tmp_path / "none_x{scale}.safetensors")), 8, tmp_path)


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


def test_a_run_has_what_its_scale_says(pool, tmp_path):
    recipe = replace(TINY, scales=(4, 8), at_scale={8: {"steps": 3, "config": {"widths": (8, 8, 8)}}})
    run = Trainer(recipe, 8, tmp_path, workers=0, pool=pool)
    manifest = run.run()
    assert run.done == 3 and manifest.config == {"widths": (8, 8, 8)}
    assert Trainer(recipe, 4, tmp_path, workers=0, pool=pool).recipe.steps == TINY.steps != 3


def test_a_scale_that_the_recipe_lacks_is_refused(tmp_path):
    with pytest.raises(RecipeError, match="not 4"):
        Trainer(TINY, 4, tmp_path)
