"""The weights that come with the package: all there, whole, honest about themselves, and ahead of every baseline."""
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from depth_sr_ros.evaluation.datasets import PairFolder
from depth_sr_ros.evaluation.protocol import trials
from depth_sr_ros.methods.registry import known_methods, load_method, method_class, scales_with_weights, weights_directory
from depth_sr_ros.methods.weights import read_manifest, sha256_of
from depth_sr_ros.training.recipe import load_recipe
from depth_sr_ros.training.samples import Samples
from depth_sr_ros.training.trainer import VALIDATION_SEED

FILES = sorted(weights_directory().glob("*.safetensors"))
LEARNED = [name for name in known_methods() if method_class(name).learned]
BASELINES = ("bicubic", "guided_filter", "joint_bilateral")
SCALES = (4, 8, 16)
MARGIN = 0.95  # of the best baseline's error
DATA = Path(os.environ.get("DEPTH_SR_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
MIDDLEBURY = DATA / "middlebury_dev"

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
    assert path.stem == (manifest.method if manifest.scale is None else f"{manifest.method}_x{manifest.scale}")
    recipe = load_recipe(manifest.recipe)  # it is among the package's
    assert (recipe.method, recipe.config) == (manifest.method, manifest.config)
    assert manifest.scale is None or manifest.scale in recipe.scales
    assert "generated scenes" in manifest.data and "steps" in manifest.trained
    assert all(value > 0 for value in manifest.accuracy.values())


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    return tmp_path_factory.mktemp("scenes")


@pytest.fixture(scope="module")
def samples(pool):
    """By scale: guide, low-resolution and true depth of generated scenes that no weights have learnt from."""
    return {
        scale: [[tensor[None] for tensor in one] for one in Samples(scale, 128, VALIDATION_SEED, 8, 8, directory=pool)]
        for scale in SCALES
    }


@torch.inference_mode()
def mean_rmse(name, scale, samples):
    method = load_method(name, scale)
    return np.mean([(method(guide, low) - truth).square().mean().sqrt().item() for guide, low, truth in samples])


@each_with_weights
def test_generated_scenes_come_out_better_than_by_any_baseline(name, scale, samples):
    best = min(mean_rmse(baseline, scale, samples[scale]) for baseline in BASELINES)
    assert mean_rmse(name, scale, samples[scale]) < MARGIN * best


@pytest.mark.skipif(not MIDDLEBURY.is_dir(), reason="no real data beside the checkout")
@each_with_weights
def test_real_pairs_come_out_better_than_by_any_baseline(name, scale):
    """Three pairs that nothing was trained on, as the networks are, without projection."""
    pairs = [pair for index, pair in enumerate(PairFolder(MIDDLEBURY)) if index % 5 == 1]

    def figure(one):
        method = load_method(one, scale)

        @torch.inference_mode()
        def upsample(rgb, unit):
            guide = torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None].float() / 255
            return method(guide, torch.from_numpy(unit)[None, None])[0, 0].numpy()

        return np.mean([trial.errors.rmse_crop6 for trial in trials(pairs, upsample, scale)])

    assert figure(name) < MARGIN * min(figure(baseline) for baseline in BASELINES)
