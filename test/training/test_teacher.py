"""Training on what other methods estimate."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_methods import save_small
from small_training import TINY

from depth_sr_ros.methods.errors import MethodError
from depth_sr_ros.methods.layers import resize_matrix
from depth_sr_ros.methods.registry import load_method
from depth_sr_ros.training.recipe import Recipe, RecipeError, load_recipe
from depth_sr_ros.training.teacher import Teachers
from depth_sr_ros.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("short_runs_on_the_cpu")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("teachers")
    return [save_small(folder / "dada_x8.safetensors", "dada", 8), save_small(folder / "jiif.safetensors", "jiif", None)]


def batch(size=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    sides = ((3, 24, 32), (1, 3, 4), (1, 24, 32))
    return [torch.rand(size, *side, generator=generator) for side in sides]


def test_the_target_has_the_teachers_mean_at_the_ground_truths_reduction(files):
    guide, lr_depth, ground_truth = batch(1)
    rows, columns = (torch.tensor(resize_matrix(8 * side, side)).double() for side in (3, 4))
    flips = ((), (2,), (3,), (2, 3))
    methods = [load_method("dada", 8, files[0]), load_method("jiif", 8, files[1])]
    seen = set()
    for seed in range(12):
        target = Teachers(files, 8, 0.75).target(guide, lr_depth, ground_truth, torch.Generator().manual_seed(seed))
        draw = torch.Generator().manual_seed(seed)
        axes = [flips[int(torch.randint(4, (), generator=draw))] for _ in methods]
        seen.update(axes)
        with torch.no_grad():
            mean = sum(m(guide.flip(a), lr_depth.flip(a)).flip(a) for m, a in zip(methods, axes)).double() / 2
        lack = rows @ (ground_truth.double() - mean) @ columns.T
        mean = mean + torch.linalg.pinv(rows) @ lack @ torch.linalg.pinv(columns).T
        assert (target - (0.25 * ground_truth + 0.75 * mean)).abs().max() < 1e-4
        assert (rows.float() @ (target - ground_truth) @ columns.float().T).abs().max() < 1e-4
    assert seen == set(flips)


def test_teachers_compute_in_the_runs_precision(files):
    """The estimates move by what bfloat16 rounds off, the target's reduction by nothing."""
    guide, lr_depth, ground_truth = batch(1)
    rows, columns = (torch.tensor(resize_matrix(8 * side, side)) for side in (3, 4))
    exact, rounded = (
        Teachers(files, 8, 1.0, precision=one).target(guide, lr_depth, ground_truth, torch.Generator().manual_seed(0))
        for one in ("float32", "bfloat16")
    )
    assert rounded.dtype == torch.float32
    assert 0 < (rounded - exact).abs().max() < 0.05
    assert (rows @ (rounded - ground_truth) @ columns.T).abs().max() < 1e-4


def test_training_follows_the_teacher(files, tmp_path, pool):
    """With the whole target from teachers, the ground truth beyond its reduction has no influence; with half of it, it has."""
    guide, lr_depth, ground_truth = batch()
    rows, columns = (torch.tensor(resize_matrix(8 * side, side)).double() for side in (3, 4))
    detail = torch.rand(ground_truth.shape, generator=torch.Generator().manual_seed(5)).double()
    detail = detail - torch.linalg.pinv(rows) @ rows @ detail @ columns.T @ torch.linalg.pinv(columns).T
    other = (ground_truth + detail).float()

    def first_loss(share: float, target: torch.Tensor) -> float:
        recipe = replace(TINY, teachers=tuple(map(str, files)), teacher_share=share)
        return Trainer(recipe, 8, tmp_path, workers=0, pool=pool)._step(0, [guide, lr_depth, target]).item()

    assert first_loss(1.0, other) == pytest.approx(first_loss(1.0, ground_truth), rel=1e-3)
    assert first_loss(0.5, other) != pytest.approx(first_loss(0.5, ground_truth), rel=1e-2)


def test_a_killed_run_with_teachers_goes_on_as_if_nothing_had_happened(files, tmp_path, pool):
    recipe = replace(TINY, teachers=tuple(map(str, files)), teacher_share=0.6)
    whole = Trainer(recipe, 8, tmp_path / "whole", workers=0, pool=pool).run()
    Trainer(recipe, 8, tmp_path / "parts", workers=0, pool=pool).run(seconds=-1)
    assert Trainer(recipe, 8, tmp_path / "parts", workers=0, pool=pool).run().sha256 == whole.sha256
    assert "60% of the ground truth from dada_x8.safetensors, jiif.safetensors" in whole.trained


def test_a_run_over_scales_asks_the_teacher_of_each(files, tmp_path, pool):
    config = {"depth_width": 4, "depth_blocks": 1, "guide_width": 4, "guide_blocks": 1, "hidden": [6]}
    recipe = Recipe(
        "any", "jiif", (4, 8), config, steps=2, batch=1, crop=32, scenes=2, teachers=(str(files[1]),), teacher_share=1.0
    )
    run = Trainer(recipe, None, tmp_path, workers=0, pool=pool)
    asked = []
    for scale, teachers in run.teachers.items():
        ask = teachers.target
        teachers.target = lambda guide, lr_depth, *rest, scale=scale, ask=ask: (
            asked.append((scale, tuple(lr_depth.shape[-2:]))),
            ask(guide, lr_depth, *rest),
        )[1]
    run.run()
    assert asked == [(4, (8, 8)), (8, (4, 4))]


def test_recipes_with_teachers_that_make_no_sense_are_refused(files, tmp_path):
    file = str(files[0])
    for entries, words in (
        ({"teachers": (file,)}, "teacher_share is 0.0, with teachers it must be above 0 and at most 1"),
        ({"teachers": (file,), "teacher_share": 1.5}, "teacher_share is 1.5"),
        ({"teacher_share": 0.5}, "teacher_share is 0.5, but there are no teachers"),
        ({"teachers": file, "teacher_share": 1.0}, "teachers is .* must be a list of weights files"),
    ):
        with pytest.raises(RecipeError, match=f"recipe tiny: {words}"):
            replace(TINY, **entries)
    with pytest.raises(RecipeError, match="recipe tiny: teachers: no weights file .*nobody_x8"):
        Trainer(replace(TINY, teachers=("nobody_x{scale}.safetensors",), teacher_share=1.0), 8, tmp_path)
    with pytest.raises(MethodError, match="for dada x8, not for dada x4"):
        Trainer(replace(TINY, scales=(4,), teachers=(file,), teacher_share=1.0), 4, tmp_path)


def test_a_recipe_file_names_teachers_as_a_list(tmp_path):
    path = tmp_path / "taught.yaml"
    path.write_text("method: fdkn\nteachers: [a.safetensors, b.safetensors]\nteacher_share: 0.5\n")
    assert load_recipe(str(path)).teachers == ("a.safetensors", "b.safetensors")
