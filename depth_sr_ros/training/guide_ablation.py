"""Whether a network looks at the guide: units can die in training, and what is left may well upsample depth alone."""

from collections.abc import Sequence

import torch
from torch import Tensor

from depth_sr_ros.methods.base import Method

GUIDE_IGNORED = 0.998  # of the error with a grey guide: one that is no smaller with the guide


@torch.no_grad()
def guide_ablation(model: Method, samples: Sequence[Sequence[Tensor]]) -> float:
    """Return the RMSE over that with a grey guide; about 1 where the guide is not looked at.

    Args:
        model: in eval mode.
        samples: guide (B, 3, H, W), LR depth and ground truth, each.
    """
    guided = unguided = 0.0
    for guide, lr_depth, ground_truth in samples:
        guided += (model.estimate(guide, lr_depth) - ground_truth).square().nanmean().sqrt().item()
        unguided += (model.estimate(torch.full_like(guide, 0.5), lr_depth) - ground_truth).square().nanmean().sqrt().item()
    return guided / unguided if unguided else 1.0
