"""Muon: what its updates are for matrices, and that everything else is left to AdamW."""

import pytest
import torch
from torch import nn

from depth_sr_ros.training.optimiser import COEFFICIENTS, ITERATIONS, UPDATE_RMS, Muon, is_matrix, make_optimiser, orthogonal

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def parameters_with_gradients(*shapes: tuple[int, ...]) -> list[nn.Parameter]:
    parameters = [nn.Parameter(random(*shape, seed=seed)) for seed, shape in enumerate(shapes)]
    for seed, parameter in enumerate(parameters):
        parameter.grad = random(*parameter.shape, seed=100 + seed)
    return parameters


def check_orthogonal(matrices: torch.Tensor, tolerance: float) -> None:
    """The singular vectors stay, the singular values are near one."""
    results = orthogonal(matrices).cpu().float()
    for matrix, result in zip(matrices.cpu(), results):
        left, _, right = torch.linalg.svd(matrix, full_matrices=False)
        values = (left.T @ result @ right.T).diagonal()
        assert values.min() > 0.67 - tolerance and values.max() < 1.2 + tolerance
        assert torch.allclose(left @ values.diag() @ right, result, atol=1e-4 + tolerance)


@pytest.mark.parametrize("shape", [(3, 64, 32), (2, 32, 64), (1, 16, 300)])
def test_an_update_is_orthogonal(shape):
    check_orthogonal(random(*shape), 0.0)


@needs_gpu
def test_an_update_is_orthogonal_in_bfloat16():
    check_orthogonal(random(2, 64, 32).cuda(), 0.05)


@pytest.mark.parametrize("rank", [16, 3])
def test_an_update_is_the_iteration_itself(rank):
    """Against the definition, X <- a X + (b A + c A^2) X with A = X X^T, in double precision."""
    matrix = random(1, 16, rank) @ random(1, rank, 48, seed=1) + 1e-4 * random(1, 16, 48, seed=2)
    a, b, c = COEFFICIENTS
    expected = matrix.double() / torch.linalg.matrix_norm(matrix.double())
    for _ in range(ITERATIONS):
        gram = expected @ expected.mT
        expected = a * expected + (b * gram + c * gram @ gram) @ expected
    assert torch.allclose(orthogonal(matrix).double(), expected, atol=2e-3 * expected.abs().max().item())


def test_no_gradient_changes_nothing():
    assert torch.equal(orthogonal(torch.zeros(1, 16, 20)), torch.zeros(1, 16, 20))


@pytest.mark.parametrize("shape", [(128, 32), (32, 128), (32, 16, 3, 3)])
def test_a_step_is_as_large_as_the_rate_says_whatever_the_shape(shape):
    """Root mean square: 0.2 of the learning rate, AdamW's usual step, less what flat matrices lack in rank."""
    (parameter,) = parameters_with_gradients(shape)
    before = parameter.detach().clone()
    Muon([parameter], lr=0.1).step()
    rms = (parameter - before).square().mean().sqrt().item()
    assert 0.7 < rms / (0.1 * UPDATE_RMS) < 1.2


def test_alike_matrices_do_not_mix():
    together, alone = (parameters_with_gradients((32, 24), (32, 24), (32, 6, 2, 2)) for _ in range(2))
    Muon(together, lr=0.1).step()
    for parameter in alone:
        Muon([parameter], lr=0.1).step()
    for a, b in zip(together, alone):
        assert torch.allclose(a, b, atol=1e-6)


def test_what_is_no_matrix_is_left_to_adamw():
    shapes = (40,), (), (8, 100), (100, 8), (16, 1, 3, 3)
    ours, theirs = (parameters_with_gradients(*shapes) for _ in range(2))
    optimisers = [make_optimiser(name, some, 0.1, 0.01) for name, some in (("muon", ours), ("adamw", theirs))]
    for _ in range(3):
        for optimiser in optimisers:
            optimiser.step()
    assert not any(map(is_matrix, ours))
    for a, b in zip(ours, theirs):
        assert torch.equal(a, b)


def test_weights_decay():
    (parameter,) = parameters_with_gradients((16, 16))
    before, parameter.grad = parameter.detach().clone(), torch.zeros(16, 16)
    Muon([parameter], lr=0.1, weight_decay=0.5).step()
    assert torch.allclose(parameter, before * 0.95)


def test_momentum_remembers():
    """After a gradient has turned, the update still follows what came before."""
    (parameter,) = parameters_with_gradients((16, 32))
    first = parameter.grad
    optimiser = Muon([parameter], lr=0.1)
    for _ in range(10):
        optimiser.step()
    parameter.grad = random(16, 32, seed=7)
    before = parameter.detach().clone()
    optimiser.step()
    most = 0.1 * UPDATE_RMS * 32**0.5 * torch.linalg.matrix_norm(first, "nuc")  # of any orthogonal update
    assert ((before - parameter) * first).sum() > 0.5 * most


def test_parameters_without_gradients_stay():
    parameters = parameters_with_gradients((16, 16), (4,))
    before = [parameter.detach().clone() for parameter in parameters]
    for parameter in parameters:
        parameter.grad = None
    Muon(parameters, lr=0.1).step()
    assert all(map(torch.equal, parameters, before))
