"""Training losses on normalised depth."""

import torch.nn.functional as F
from torch import Tensor


def training_loss(estimate: Tensor, ground_truth: Tensor, rmse_share: float, gradient_share: float = 0.0) -> Tensor:
    """Return (1 - rmse_share) * L1 + rmse_share * RMSE + gradient_share * L_grad, a scalar.

    L1 alone, `rmse_share` = 0, is DKN's loss (eq. 8); with `gradient_share` = 0.05 it is NAIMA's (eq. 8). L1 decides
    for one side of an uncertain edge; the RMSE of each image, which the benchmarks count, makes the network pay for
    deciding wrongly.

    Args:
        estimate, ground truth: (B, 1, H, W).
        rmse_share: from 0 to 1.
        gradient_share: 0 or more; see `gradient_loss`.
    """
    loss = F.l1_loss(estimate, ground_truth)
    if rmse_share:
        rmse = (F.mse_loss(estimate, ground_truth, reduction="none").mean((1, 2, 3)) + 1e-8).sqrt().mean()
        loss = (1 - rmse_share) * loss + rmse_share * rmse
    if gradient_share:
        loss = loss + gradient_share * gradient_loss(estimate, ground_truth)
    return loss


def gradient_loss(estimate: Tensor, ground_truth: Tensor) -> Tensor:
    """Return L_grad of NAIMA (eq. 10): the L1 distance of the gradients along x plus that along y, a scalar.

    The paper does not say how gradients are taken or norms averaged: here they are the differences of neighbours, and
    each norm is a mean, as in L1.

    Args:
        estimate, ground truth: (B, 1, H, W), neighbours in the image beside each other.
    """
    return F.l1_loss(estimate.diff(dim=3), ground_truth.diff(dim=3)) + F.l1_loss(estimate.diff(dim=2), ground_truth.diff(dim=2))
