"""The weights that come with the package: all there, whole, honest about themselves, and ahead of every baseline."""

from functools import lru_cache

import numpy as np
import pytest
import torch
from real_data import MIDDLEBURY, needs_data

from depth_sr_ros.backends import candidates
from depth_sr_ros.evaluation.datasets import PairFolder
from depth_sr_ros.evaluation.estimator import Estimator
from depth_sr_ros.evaluation.protocol import try_pair
from depth_sr_ros.methods.registry import (
    SENSOR_ENDING,
    known_methods,
    load_method,
    method_class,
    scales_with_weights,
    weights_directory,
)
from depth_sr_ros.methods.weights import read_manifest, sha256_of
from depth_sr_ros.training.degradations import Degradation
from depth_sr_ros.training.guide_ablation import GUIDE_IGNORED
from depth_sr_ros.training.recipe import load_recipe
from depth_sr_ros.training.samples import Samples
from depth_sr_ros.training.trainer import VALIDATION_SEED

FILES = sorted(weights_directory().glob("*.safetensors"))
LEARNED = [name for name in known_methods() if method_class(name).learned]
BASELINES = ("bicubic", "guided_filter", "joint_bilateral")
SCALES = (4, 8, 16)
MARGIN = 0.95  # of the best baseline's error
REGISTERED = Degradation(shift=0, warp=0, jagged_chance=0, depth_blur_chance=0, grey_chance=0, sensor_chance=0)

each_with_weights = pytest.mark.parametrize(("name", "scale"), [(name, scale) for name in LEARNED for scale in SCALES])


def test_every_learned_method_has_weights_for_the_papers_scales():
    missing = [(name, scale) for name in LEARNED for scale in SCALES if scale not in scales_with_weights(name)]
    assert not missing


def test_all_weights_together_stay_small():
    assert sum(path.stat().st_size for path in FILES) < 100e6


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_manifest_says_where_its_weights_come_from(path):
    manifest = read_manifest(path)
    assert manifest.sha256 == sha256_of(path)
    stem = manifest.method if manifest.scale is None else f"{manifest.method}_x{manifest.scale}"
    assert path.stem == stem + (SENSOR_ENDING if manifest.degradation == "sensor" else "")
    recipe = load_recipe(manifest.recipe).at(manifest.scale)  # it is among the package's
    assert recipe.weights_for == manifest.degradation
    assert (recipe.method, recipe.config) == (manifest.method, manifest.config)
    assert manifest.scale is None or manifest.scale in recipe.scales
    assert "generated scenes" in manifest.data and "steps" in manifest.trained
    assert all(value > 0 for value in manifest.accuracy.values())


@pytest.fixture(scope="module")
def generated_rmse(tmp_path_factory):
    """RMSE of a method at a scale on generated scenes that no weights have learnt from, with their guide or a grey one."""
    pool = tmp_path_factory.mktemp("scenes")

    @lru_cache
    def samples(scale, amount):
        found = Samples(scale, 128, VALIDATION_SEED, 8, 8, amount, pool)
        return [[tensor[None] for tensor in one] for one in found]

    @lru_cache
    @torch.inference_mode()
    def rmse(name, scale, amount=Degradation(), grey=False):
        method = load_method(name, scale)
        errors = [
            method(torch.full_like(guide, 0.5) if grey else guide, lr_depth) - ground_truth
            for guide, lr_depth, ground_truth in samples(scale, amount)
        ]
        return np.mean([error.square().mean().sqrt().item() for error in errors])

    return rmse


@lru_cache
def real_rmse(name, scale):
    """RMSE on three pairs that nothing was trained on, of the networks as they are, without projection."""
    pairs = [pair for index, pair in enumerate(PairFolder(MIDDLEBURY)) if index % 5 == 1]
    estimator = Estimator(load_method(name, scale), candidates("torch_eager"), "f32")
    return np.mean([try_pair(pair, estimator, scale).errors.rmse_crop6 for pair in pairs])


@each_with_weights
def test_generated_scenes_come_out_better_than_by_any_baseline(name, scale, generated_rmse):
    assert generated_rmse(name, scale) < MARGIN * min(generated_rmse(baseline, scale) for baseline in BASELINES)


@each_with_weights
def test_weights_look_at_the_guide(name, scale, generated_rmse):
    """Units can die in training, and then a network sees depth alone: with a grey guide it would be as good."""
    guided, unguided = (generated_rmse(name, scale, REGISTERED, grey) for grey in (False, True))
    assert guided < GUIDE_IGNORED * unguided


@needs_data
@each_with_weights
def test_real_pairs_come_out_better_than_by_any_baseline(name, scale):
    assert real_rmse(name, scale) < MARGIN * min(real_rmse(baseline, scale) for baseline in BASELINES)
