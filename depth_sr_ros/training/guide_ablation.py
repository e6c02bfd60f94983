"""Whether a network looks at the guide: units can die in training, and what is left may well upsample depth alone."""

from collections.abc import Sequence

import torch
from torch import Tensor

from depth_sr_ros.methods.base import Method

BLIND = 0.998  # of the error with a grey guide: one that is no smaller with the guide


@torch.no_grad()
def guide_share(model: Method, samples: Sequence[Sequence[Tensor]]) -> float:
    """Return the RMSE over that with a grey guide; about 1 where the guide is not looked at.

    Args:
        model: in eval mode.
        samples: guide (B, 3, H, W), low resolution and truth, each.
    """
    seeing = blind = 0.0
    for guide, low, truth in samples:
        seeing += (model.estimate(guide, low) - truth).square().mean().sqrt().item()
        blind += (model.estimate(torch.full_like(guide, 0.5), low) - truth).square().mean().sqrt().item()
    return seeing / blind if blind else 1.0
