"""Does a network look at the guide?"""

from dataclasses import replace

import pytest
import torch
from small_training import TINY

from depth_sr_ros.methods.registry import method_class
from depth_sr_ros.methods.weights import Manifest, save_weights
from depth_sr_ros.training.guide_ablation import GUIDE_IGNORED, guide_ablation
from depth_sr_ros.training.trainer import Trainer


@pytest.fixture(scope="module")
def samples():
    """A step in depth where the guide has one."""
    guide = torch.zeros(1, 3, 32, 32)
    guide[..., 13:] = 1
    ground_truth = guide[:, :1]
    return [(guide, torch.nn.functional.avg_pool2d(ground_truth, 8), ground_truth)]


@pytest.mark.parametrize(("name", "looks"), [("bicubic", False), ("dada_free", True), ("guided_filter", True)])
def test_a_method_that_looks_at_the_guide_is_told_from_one_that_does_not(name, looks, samples):
    assert (guide_ablation(method_class(name)(8), samples) < GUIDE_IGNORED) == looks


@pytest.mark.usefixtures("short_runs_on_the_cpu")
def test_a_run_that_ends_ignoring_the_guide_says_so(pool, tmp_path, capsys):
    """A network of zeros gives the bicubic image; at a rate of nearly nothing it stays one."""
    zeros = {name: torch.zeros_like(tensor) for name, tensor in method_class("fdkn")(8, **TINY.config).state_dict().items()}
    save_weights(tmp_path / "zeros.safetensors", zeros, Manifest(method="fdkn", scale=8, sha256="", config=TINY.config))
    recipe = replace(TINY, initialise_from=str(tmp_path / "zeros.safetensors"), learning_rate=1e-30, steps=1)
    Trainer(recipe, 8, tmp_path, workers=0, pool=pool).run()
    assert "tiny_x8 does not look at the guide" in capsys.readouterr().out
