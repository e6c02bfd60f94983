"""Training on a GPU, where there is one."""

from dataclasses import replace

import pytest
import torch

from depth_sr_ros.methods.weights import load_weights
from depth_sr_ros.training import trainer
from depth_sr_ros.training.recipe import Recipe
from depth_sr_ros.training.trainer import Trainer

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")

TINY = Recipe(
    "tiny", "fdkn", (8,), {"widths": [16, 16, 16]}, steps=3, batch=2, crop=64, scenes=2, warmup=1, precision="bfloat16"
)


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_a_gpu_trains_stops_and_goes_on(optimiser, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "VALIDATION_SAMPLES", 1)
    recipe = replace(TINY, optimiser=optimiser)
    first = Trainer(recipe, 8, tmp_path, workers=2, pool=tmp_path / "pool", device="cuda")
    untrained = {name: tensor.clone() for name, tensor in first.model.state_dict().items()}
    first.run(seconds=-1)
    second = Trainer(recipe, 8, tmp_path, workers=2, pool=tmp_path / "pool", device="cuda")
    manifest = second.run()
    assert second.done == 3 and "in bfloat16 on" in manifest.trained and manifest.accuracy["validation_rmse_255"] > 0
    state = load_weights(second.result, "fdkn", 8)[1]
    assert all(tensor.isfinite().all() for tensor in state.values())
    for name, tensor in second.model.state_dict().items():
        assert tensor.is_cuda
        assert name.endswith("bias") or not torch.equal(tensor, untrained[name])
