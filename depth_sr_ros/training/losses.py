"""Training losses on normalised depth."""
import torch.nn.functional as F
from torch import Tensor


def training_loss(estimate: Tensor, truth: Tensor, rmse_share: float) -> Tensor:
    """Return (1 - share) * L1 + share * RMSE, a scalar; the papers' loss is `rmse_share` = 0 (DKN, eq. 8).

    L1 alone decides for one side of an uncertain edge; the RMSE of each image, which the benchmarks count, makes the
    network pay for deciding wrongly.

    Args:
        estimate, truth: (B, 1, H, W).
        rmse_share: from 0 to 1.
    """
    loss = F.l1_loss(estimate, truth)
    if rmse_share == 0:
        return loss
    rmse = (F.mse_loss(estimate, truth, reduction="none").mean((1, 2, 3)) + 1e-8).sqrt().mean()
    return (1 - rmse_share) * loss + rmse_share * rmse
