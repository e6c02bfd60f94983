"""Training losses on normalised depth."""

import torch
import torch.nn.functional as F
from torch import Tensor

TOLERANCE = 2  # pixels by which an edge may be off in the tolerant loss: what misregistration leaves open


def training_loss(
    estimate: Tensor, ground_truth: Tensor, rmse_share: float, gradient_share: float = 0.0, tolerant_share: float = 0.0
) -> Tensor:
    """Return (1 - rmse_share) * M + rmse_share * RMSE + gradient_share * L_grad, a scalar.

    M is L1, of which `tolerant_share` is the tolerant one. L1 alone, `rmse_share` = 0, is DKN's loss (eq. 8); with
    `gradient_share` = 0.05 it is NAIMA's (eq. 8). L1 decides for one side of an uncertain edge; the RMSE of each image,
    which the benchmarks count, makes the network pay for deciding wrongly.

    Args:
        estimate, ground truth: (B, 1, H, W); NaN in the ground truth is invalid and costs nothing.
        rmse_share: from 0 to 1.
        gradient_share: 0 or more; see `gradient_loss`.
        tolerant_share: from 0 to 1; see `tolerant_loss`.
    """
    tolerant = tolerant_loss(estimate, ground_truth) if tolerant_share else 0
    ground_truth = torch.where(ground_truth.isnan(), estimate.detach(), ground_truth)
    loss = (1 - tolerant_share) * F.l1_loss(estimate, ground_truth) + tolerant_share * tolerant
    if rmse_share:
        rmse = (F.mse_loss(estimate, ground_truth, reduction="none").mean((1, 2, 3)) + 1e-8).sqrt().mean()
        loss = (1 - rmse_share) * loss + rmse_share * rmse
    if gradient_share:
        loss = loss + gradient_share * gradient_loss(estimate, ground_truth)
    return loss


def tolerant_loss(estimate: Tensor, ground_truth: Tensor) -> Tensor:
    """Return the L1 distance to the most alike of the ground truth's pixels within `TOLERANCE` pixels, a scalar.

    An edge that is off by no more costs nothing, a smeared one does: what lies between near and far is at no pixel's depth.

    Args:
        estimate, ground_truth: (B, 1, H, W), neighbours in the image beside each other.
    """
    return F.l1_loss(estimate, most_alike(estimate.detach(), ground_truth))


@torch.no_grad()
def most_alike(estimate: Tensor, ground_truth: Tensor) -> Tensor:
    """Of each pixel's surroundings in the ground truth, `TOLERANCE` pixels to each side, the value nearest to the estimate.

    Where the ground truth is invalid, NaN, it is the estimate itself.
    """
    height, width = ground_truth.shape[-2:]
    padded = F.pad(ground_truth, (TOLERANCE,) * 4, mode="replicate")
    best, least = ground_truth, (estimate - ground_truth).abs()
    invalid = ground_truth.isnan()
    for row in range(2 * TOLERANCE + 1):
        for column in range(2 * TOLERANCE + 1):
            other = padded[..., row : row + height, column : column + width]
            distance = (estimate - other).abs()
            best, least = torch.where(distance < least, other, best), torch.minimum(distance, least)
    return torch.where(invalid, estimate, best)


def gradient_loss(estimate: Tensor, ground_truth: Tensor) -> Tensor:
    """Return L_grad of NAIMA (eq. 10): the L1 distance of the gradients along x plus that along y, a scalar.

    The paper does not say how gradients are taken or norms averaged: here they are the differences of neighbours, and
    each norm is a mean, as in L1.

    Args:
        estimate, ground_truth: (B, 1, H, W), neighbours in the image beside each other.
    """
    return F.l1_loss(estimate.diff(dim=3), ground_truth.diff(dim=3)) + F.l1_loss(estimate.diff(dim=2), ground_truth.diff(dim=2))
