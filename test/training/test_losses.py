"""Training losses."""

import numpy as np
import pytest
import torch

from depth_sr_ros.training.losses import tolerant_loss, training_loss


def step(edge: float, height: int = 12, width: int = 20) -> torch.Tensor:
    """Depth 0 left of a column, 1 right of it."""
    return (torch.arange(width) >= edge).float().expand(1, 1, height, width).clone()


def test_loss_mixes_mean_and_root_mean_square():
    estimate, ground_truth = torch.tensor([[[[0.0, 0.4]]]]), torch.zeros(1, 1, 1, 2)
    assert training_loss(estimate, ground_truth, 0).item() == pytest.approx(0.2)
    assert training_loss(estimate, ground_truth, 1).item() == pytest.approx(np.sqrt(0.08), abs=1e-5)
    assert training_loss(estimate, ground_truth, 0.25).item() == pytest.approx(0.75 * 0.2 + 0.25 * np.sqrt(0.08), abs=1e-5)


def test_the_gradient_term_is_the_equations():
    """L1 + 0.05 * (|d/dx estimate - d/dx ground truth| + |d/dy estimate - d/dy ground truth|), pixel by pixel."""
    estimate, ground_truth = torch.rand(2, 2, 4, 5, generator=torch.Generator().manual_seed(0)).double()
    e, t = estimate.tolist(), ground_truth.tolist()
    along_x = [
        abs((e[b][y][x + 1] - e[b][y][x]) - (t[b][y][x + 1] - t[b][y][x])) for b in range(2) for y in range(4) for x in range(4)
    ]
    along_y = [
        abs((e[b][y + 1][x] - e[b][y][x]) - (t[b][y + 1][x] - t[b][y][x])) for b in range(2) for y in range(3) for x in range(5)
    ]
    expected = (estimate - ground_truth).abs().mean().item() + 0.05 * (np.mean(along_x) + np.mean(along_y))
    assert training_loss(estimate[:, None], ground_truth[:, None], 0, 0.05).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("off", [-2, -1, 0, 1, 2])
def test_an_edge_within_the_tolerance_costs_nothing(off):
    assert tolerant_loss(step(10 + off), step(10)).item() == 0


def test_an_edge_beyond_it_costs_what_lies_beyond():
    assert tolerant_loss(step(14), step(10)).item() == pytest.approx(2 / 20)


def test_a_smeared_edge_costs_as_much_as_it_differs_from_both_sides():
    smeared = step(10)
    smeared[..., 9:11] = torch.tensor([0.25, 0.6])
    assert tolerant_loss(smeared, step(10)).item() == pytest.approx((0.25 + 0.4) / 20)


def test_what_is_invalid_in_the_ground_truth_costs_nothing():
    ground_truth, estimate = step(10), step(13).requires_grad_()
    ground_truth[..., 8:14] = torch.nan
    loss = training_loss(estimate, ground_truth, 0.3, tolerant_share=0.4)
    loss.backward()
    assert loss.item() < 1e-4 and not estimate.grad.any()
    with torch.no_grad():
        estimate[..., 2] += 0.5
    assert training_loss(estimate, ground_truth, 0).item() == pytest.approx(0.5 / 20)


def test_an_edge_beside_invalid_pixels_is_still_an_edge():
    ground_truth = step(10)
    ground_truth[..., 10:12] = torch.nan
    assert tolerant_loss(step(9), ground_truth).item() == pytest.approx(1 / 20)  # what it could be is invalid
    assert tolerant_loss(step(12), ground_truth).item() == 0


def test_the_tolerant_share_is_of_l1():
    estimate, ground_truth = step(12), step(10)
    l1 = (estimate - ground_truth).abs().mean().item()
    assert training_loss(estimate, ground_truth, 0, tolerant_share=0.25).item() == pytest.approx(0.75 * l1)


def test_the_tolerant_loss_draws_a_smeared_edge_to_its_nearer_side():
    smeared = step(10)
    smeared[..., 9:11] = torch.tensor([0.25, 0.6])
    smeared.requires_grad_()
    tolerant_loss(smeared, step(10)).backward()
    assert (smeared.grad[..., 9] > 0).all() and (smeared.grad[..., 10] < 0).all()
